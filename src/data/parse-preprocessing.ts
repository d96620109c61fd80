import * as z from 'zod/mini'
import { requireShape } from '../bench/parse-json.ts'
import type { Augmentation } from './augmentation.ts'
import { checkPreprocessing, type Preprocessing } from './preprocessing.ts'

const numbers = z.array(z.number())

const preprocessingSchema = z.object({
  size: z.number(),
  channels: z.union([z.literal(1), z.literal(3)]),
  resize: z.nullable(z.number()),
  normalise: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('per-image') }),
    z.object({ kind: z.literal('channels'), mean: numbers, sd: numbers }),
  ]),
})

const augmentationSchema = z.nullable(
  z.strictObject({
    flip: z.boolean(),
    crop: z.boolean(),
    colour: z.nullable(z.strictObject({ eigenvalues: numbers, eigenvectors: z.array(numbers) })),
  }),
)

/** A checkpoint's. Throws FormatError, naming the file, for what is none. */
export function parseAugmentation(value: unknown, fileName: string): Augmentation | null {
  return requireShape(value, augmentationSchema, fileName, 'an augmentation of convmark')
}

/** A model file's. Throws FormatError, naming the file, for what is none. */
export function parsePreprocessing(value: unknown, fileName: string): Preprocessing {
  const preprocessing = requireShape(value, preprocessingSchema, fileName, 'a preprocessing of convmark')
  checkPreprocessing(preprocessing)
  return preprocessing
}
