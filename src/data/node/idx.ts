import type { Dataset } from '../dataset.ts'
import { idxDataset, idxSplit } from '../idx.ts'
import { readUnpacked } from './files.ts'

/** Opens two files, images and labels, or four: the training set's, then the test set's. */
export async function openIdx(name: string, paths: readonly string[], classes?: number): Promise<Dataset> {
  const [images, labels, testImages, testLabels] = await Promise.all(paths.map(readUnpacked))
  const test = testImages && testLabels ? idxSplit(testImages, testLabels) : null
  return idxDataset(name, idxSplit(images!, labels!), test, classes)
}
