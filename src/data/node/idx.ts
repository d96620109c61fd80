import type { Dataset } from '../dataset.ts'
import { idxDataset, idxSplit } from '../idx.ts'
import { readUnpacked } from './files.ts'

/** Of two files, images and labels, or of four: those of the training set, then those of the test set. */
export async function openIdx(name: string, paths: readonly string[], classes?: number): Promise<Dataset> {
  const [images, labels, testImages, testLabels] = await Promise.all(paths.map(readUnpacked))
  const test = testImages && testLabels ? idxSplit(testImages, testLabels) : null
  return idxDataset(name, idxSplit(images!, labels!), test, classes)
}
