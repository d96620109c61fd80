import type { Split } from '../data/index.ts'
import { isNode } from '../runtime/host.ts'
import { decodedPicture, type Picture, type Preparation } from './pictures.ts'

/**
 * Pictures as the input pipeline takes them, without labels. Those that are all files are decoded by worker threads, in
 * Node; others on the caller's thread.
 */
export function pictureSplit(pictures: readonly Picture[], preparation: Preparation): Split {
  const { preprocessing, isForAnySize } = preparation
  const isResizedHere = isForAnySize && preprocessing.resize === null
  const areFiles = isNode && !isResizedHere && pictures.every((picture) => typeof picture === 'string')
  return {
    count: pictures.length,
    label: () => 0,
    image: (index) => decodedPicture(pictures[index]!, preparation, `picture ${index}`),
    ...(areFiles && { files: pictures as readonly string[] }),
  }
}
