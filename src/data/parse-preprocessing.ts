import { requireContent } from '../check-options.ts'
import { ofFile } from '../errors.ts'
import { type Augmentation, augmentationRules } from './augmentation.ts'
import { checkPreprocessing, type Preprocessing } from './preprocessing.ts'

/** The augmentation in a checkpoint's settings. Throws FormatError, naming the file, if the value is invalid. */
export function parseAugmentation(value: unknown, fileName: string): Augmentation | null {
  return ofFile(fileName, () => {
    return value === null ? null : requireContent('augmentation', value, augmentationRules)
  })
}

/** The preprocessing in a model's file. Throws FormatError, naming the file, if the value is invalid. */
export function parsePreprocessing(value: unknown, fileName: string): Preprocessing {
  return ofFile(fileName, () => {
    checkPreprocessing(value as Preprocessing)
    return value as Preprocessing
  })
}
