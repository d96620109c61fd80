// IDX, the format of MNIST's files: a magic number (0, 0, type, dimensions), the dimensions as big-endian 32-bit
// numbers, and the values. Source: http://yann.lecun.com/exdb/mnist (file formats).
import { FormatError, UsageError } from '../errors.ts'
import { formatShape } from '../tensor.ts'
import type { Dataset, NamedBytes, Split } from './dataset.ts'

/** The only type that images and labels have: unsigned bytes. */
const BYTES = 0x08

interface IdxFile {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: Uint8Array
}

/** Throws FormatError, naming the file, if its header or length do not match bytes with `dimensions` dimensions. */
export function parseIdx({ name, bytes }: NamedBytes, dimensions: number): IdxFile {
  const headerLength = 4 + 4 * dimensions
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const magic = bytes.length >= 4 ? view.getUint32(0) : undefined
  const expected = (BYTES << 8) | dimensions
  if (magic !== expected || bytes.length < headerLength) {
    const found = magic === undefined ? `${bytes.length} bytes` : hex(magic)
    const what = dimensions === 1 ? 'labels' : 'images'
    throw new FormatError(
      `${name}: not an IDX file of ${what}: it begins with ${found}, not ${hex(expected)}`,
    )
  }
  const shape = Array.from({ length: dimensions }, (_, axis) => view.getUint32(4 + 4 * axis))
  const length = headerLength + shape.reduce((product, extent) => product * extent, 1)
  if (bytes.length !== length) {
    throw new FormatError(
      `${name}: ${bytes.length} bytes, but ${formatShape(shape)} values need ${length}; fetch it again`,
    )
  }
  return { name, shape, values: bytes.subarray(headerLength) }
}

const hex = (magic: number): string => `0x${magic.toString(16).padStart(8, '0')}`

/**
 * The images and labels in two IDX files, as MNIST has them: grey images (N, height, width) and labels (N). Throws
 * FormatError, naming the file, for one that is no IDX file, and if the two don't belong together.
 */
export function idxSplit(imageFile: NamedBytes, labelFile: NamedBytes): Split {
  const images = parseIdx(imageFile, 3)
  const labels = parseIdx(labelFile, 1)
  const [count, height, width] = images.shape as [number, number, number]
  if (labels.shape[0] !== count)
    throw new FormatError(`${labels.name}: ${labels.shape[0]} labels for ${count} images in ${images.name}`)
  if (count * height * width === 0) throw new FormatError(`${images.name}: has no pixels`)
  const byteLength = height * width
  return {
    count,
    label: (index) => labels.values[index]!,
    image: (index) => ({
      width,
      height,
      channels: 1,
      pixels: images.values.subarray(index * byteLength, (index + 1) * byteLength),
    }),
  }
}

/**
 * A data set of splits whose classes are named by their numbers, from 0 to `classes - 1`, or by default to the largest
 * label. Throws FormatError for a label beyond `classes`.
 */
export function idxDataset(name: string, train: Split, test: Split | null, classes?: number): Dataset {
  const largest = Math.max(largestLabel(train), test ? largestLabel(test) : 0)
  if (classes !== undefined && largest >= classes)
    throw new FormatError(
      `${name}: has a label ${largest}, but the labels of ${classes} classes end at ${classes - 1}`,
    )
  const classNames = Array.from({ length: classes ?? largest + 1 }, (_, label) => String(label))
  return { name, classNames, train, validation: null, test, whole: test ? null : train }
}

function largestLabel(split: Split): number {
  let largest = 0
  for (let i = 0; i < split.count; i++) largest = Math.max(largest, split.label(i))
  return largest
}

/** `images,labels` or `images,labels,test images,test labels`. Throws UsageError. */
export function idxPaths(list: string): readonly string[] {
  const paths = list.split(',')
  if ((paths.length !== 2 && paths.length !== 4) || paths.includes('')) {
    throw new UsageError(
      `idx:${list}: takes images,labels or images,labels,test images,test labels; it has ${paths.length} names`,
    )
  }
  return paths
}
