// The schema of an evaluation: its check and its types. Unknown fields are kept, so that fields can be added without a
// new version.
import * as z from 'zod/mini'
import { parseJson, requireShape, requireVersion } from '../bench/parse-json.ts'
import { milliseconds, real } from '../bench/quantities.ts'
import { environmentSchema, toolSchema } from '../bench/result.ts'
import { FormatError } from '../errors.ts'

export const EVALUATION_SCHEMA_VERSION = 1

const count = z.int().check(z.nonnegative())
const fraction = z.number().check(z.gte(0), z.lte(1))

export const evaluationSchema = z.looseObject({
  /** Distinguishes it from a result of the benchmark. */
  kind: z.literal('evaluation'),
  schemaVersion: z.literal(EVALUATION_SCHEMA_VERSION),
  tool: toolSchema,
  environment: environmentSchema,
  network: z.string(),
  /** The model's file. */
  model: z.string(),
  /** The source, as given. */
  data: z.string(),
  /** Which split of it; left out if not known. */
  split: z.optional(z.enum(['test', 'val', 'train', 'all', 'held out'])),
  /** Images that were evaluated. */
  count: count.check(z.positive()),
  top1: fraction,
  /** With five classes or fewer, every image that has a prediction counts. */
  top5: fraction,
  /** Mean cross-entropy; null if it is not finite. */
  loss: z.nullable(real),
  /** In the order of the class indexes; `top1` is null if the data has no image of the class. */
  perClass: z.array(z.looseObject({ name: z.string(), count, correct: count, top1: z.nullable(fraction) })),
  /** confusion[actual][predicted]: how many images of each class were predicted as which. */
  confusion: z.array(z.array(count)),
  /** By class: images without a prediction, because their logits were NaN or infinite. Left out if there are none. */
  unpredicted: z.optional(z.array(count)),
  /** Whether each image's answer is the mean over ten crops. */
  tenCrop: z.boolean(),
  elapsedMs: milliseconds,
  /** Damaged images, each with its reason. */
  skipped: z.array(z.string()),
  /** What makes the accuracy doubtful. */
  warnings: z.optional(z.array(z.string())),
})

export type Evaluation = z.infer<typeof evaluationSchema>
export type ClassResult = Evaluation['perClass'][number]

/** Reads an evaluation. Throws FormatError, in one line, for invalid JSON, another version or another shape. */
export function parseEvaluation(text: string, fileName: string): Evaluation {
  const json = parseJson(text, fileName)
  requireVersion(json, EVALUATION_SCHEMA_VERSION, fileName, 'an evaluation')
  const evaluation = requireShape(json, evaluationSchema, fileName, 'a convmark evaluation')
  requireCounts(evaluation, fileName)
  return evaluation
}

/** Checks that the matrix is square and, together with the images without a prediction, agrees with the classes. */
function requireCounts(evaluation: Evaluation, fileName: string): void {
  const { perClass, confusion, count } = evaluation
  const refuse = (field: string, what: string): never => {
    throw new FormatError(`${fileName}: not a convmark evaluation: ${field}: ${what}`)
  }
  const size = perClass.length
  const { unpredicted = new Array<number>(size).fill(0) } = evaluation
  if (unpredicted.length !== size) refuse('unpredicted', `${unpredicted.length} of ${size} classes`)
  if (confusion.length !== size) refuse('confusion', `${confusion.length} rows of ${size} classes`)
  confusion.forEach((row, i) => {
    const { count, correct } = perClass[i]!
    const inRow = sum(row) + unpredicted[i]!
    if (row.length !== size) refuse(`confusion.${i}`, `${row.length} columns of ${size} classes`)
    if (inRow !== count) refuse(`confusion.${i}`, `it holds ${inRow} images, yet the class has ${count}`)
    if (row[i] !== correct) refuse(`confusion.${i}.${i}`, `it is ${row[i]}, yet ${correct} are correct`)
  })
  const inAll = sum(perClass.map((each) => each.count))
  if (inAll !== count) refuse('count', `it is ${count}, yet the classes have ${inAll} images`)
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
