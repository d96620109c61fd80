// The schema of what `classify` writes: its check and its types. Unknown fields are kept, so that fields can be added
// without a new version.
import * as z from 'zod/mini'
import { parseJson, requireShape, requireVersion } from '../bench/parse-json.ts'
import { milliseconds } from '../bench/quantities.ts'
import { environmentSchema, toolSchema } from '../bench/result.ts'
import { FormatError } from '../errors.ts'

export const CLASSIFICATION_SCHEMA_VERSION = 1

const count = z.int().check(z.nonnegative())

const predictionSchema = z.looseObject({
  /** The class, by its index. */
  index: count,
  name: z.string(),
  probability: z.number().check(z.gte(0), z.lte(1)),
})

const pictureSchema = z
  .looseObject({
    /** As given. */
    file: z.string(),
    /** The most probable classes, the most probable first. Left out if there is an error. */
    top: z.optional(z.array(predictionSchema).check(z.minLength(1))),
    /** Why there is no answer: `is not a JPEG, PNG or WebP image`. */
    error: z.optional(z.string()),
  })
  .check(
    z.refine(({ top, error }) => (top === undefined) !== (error === undefined), {
      error: 'Invalid input: expected either top or error',
    }),
  )

export const classificationSchema = z.looseObject({
  /** Distinguishes it from a result of the benchmark. */
  kind: z.literal('classification'),
  schemaVersion: z.literal(CLASSIFICATION_SCHEMA_VERSION),
  tool: toolSchema,
  environment: environmentSchema,
  network: z.string(),
  /** The model's file, as given. */
  model: z.string(),
  engine: z.optional(
    z.looseObject({ name: z.string(), target: z.string(), threads: z.int().check(z.positive()) }),
  ),
  /** How many classes the model knows. */
  classes: count.check(z.positive()),
  preprocessing: z.looseObject({
    /** For people: `the central square resized to 256 x 256, of it the central 224 x 224; ...`. */
    text: z.string(),
    /** `given` by the user, by the `model`'s file, or `assumed` because neither says. */
    ground: z.enum(['given', 'model', 'assumed']),
    /** The same as plain data. */
    values: z.unknown(),
  }),
  /** What the model does not say and was assumed, in sentences. */
  assumed: z.array(z.string()),
  /** Whether it was ended before all pictures were answered; those that were are here. Left out if it was not. */
  interrupted: z.optional(z.boolean()),
  /** Of all pictures, with their decoding but without the model's opening. */
  elapsedMs: milliseconds,
  /** In the order in which they were given. */
  pictures: z.array(pictureSchema).check(z.minLength(1)),
})

export type Classification = z.infer<typeof classificationSchema>
export type ClassifiedPicture = Classification['pictures'][number]

/** Reads a classification. Throws FormatError, in one line, for invalid JSON, another version or another shape. */
export function parseClassification(text: string, fileName: string): Classification {
  const json = parseJson(text, fileName)
  requireVersion(json, CLASSIFICATION_SCHEMA_VERSION, fileName, 'a classification')
  const classification = requireShape(json, classificationSchema, fileName, 'a convmark classification')
  requireKnownClasses(classification, fileName)
  return classification
}

function requireKnownClasses({ pictures, classes }: Classification, fileName: string): void {
  for (const [i, { top = [] }] of pictures.entries()) {
    const unknown = top.findIndex(({ index }) => index >= classes)
    if (unknown < 0) continue
    throw new FormatError(
      `${fileName}: not a convmark classification: pictures.${i}.top.${unknown}.index: ` +
        `it is ${top[unknown]!.index}, yet there are ${classes} classes`,
    )
  }
}
