import { requireContent } from '../check-options.ts'
import { ofFile } from '../errors.ts'
import { type Augmentation, augmentationRules } from './augmentation.ts'
import { checkPreprocessing, type Preprocessing } from './preprocessing.ts'

/** A checkpoint's. Throws FormatError, naming the file, for what is none. */
export function parseAugmentation(value: unknown, fileName: string): Augmentation | null {
  return ofFile(fileName, () => {
    return value === null ? null : requireContent('augmentation', value, augmentationRules)
  })
}

/** A model file's. Throws FormatError, naming the file, for what is none. */
export function parsePreprocessing(value: unknown, fileName: string): Preprocessing {
  return ofFile(fileName, () => {
    checkPreprocessing(value as Preprocessing)
    return value as Preprocessing
  })
}
