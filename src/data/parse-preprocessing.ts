import * as z from 'zod/mini'
import { requireShape } from '../bench/parse-json.ts'
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

/** A model file's. Throws FormatError, naming the file, for what is none. */
export function parsePreprocessing(value: unknown, fileName: string): Preprocessing {
  const preprocessing = requireShape(value, preprocessingSchema, fileName, 'a preprocessing of convmark')
  checkPreprocessing(preprocessing)
  return preprocessing
}
