// Numbers and records as a damaged file, or a strange machine, may have them.
import fc from 'fast-check'
import type * as z from 'zod/mini'
import { type Result, resultSchema } from '../../src/bench/result.ts'
import { type Classification, classificationSchema } from '../../src/records/classification.ts'
import { type Evaluation, evaluationSchema } from '../../src/records/evaluation.ts'
import { type LogRecord, recordSchema } from '../../src/records/training-log.ts'

const STRANGE = [
  0,
  5e-324,
  1e-300,
  1e-9,
  1e-3,
  1,
  100,
  2 ** 53 - 1,
  1e15,
  1e21,
  1e30,
  1e300,
  Number.MAX_VALUE,
]

/** Any number that a program can come upon, the strange ones often. */
export const anyNumber: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(...STRANGE, ...STRANGE.map((value) => -value), Number.NaN, Infinity, -Infinity),
  fc.double(),
)

/** Names as people, and people who mean harm, make them. */
const anyText = fc.oneof(
  fc.constantFrom('', 'conv1', '卷积', 'a b', '<script>alert(1)</script>', 'x'.repeat(300), 'a\nb\u001b[31m'),
  fc.string({ unit: fc.constantFrom('a', 'e\u0301', '卷', '🚀', '<', '&', '"', "'", ' '), maxLength: 12 }),
)

interface Definition {
  readonly type: string
  readonly checks?: readonly { readonly _zod: { readonly def: NumberCheck } }[]
  readonly shape: Readonly<Record<string, z.ZodMiniType>>
  readonly items: readonly z.ZodMiniType[]
  readonly options: readonly z.ZodMiniType[]
  readonly values: readonly unknown[]
  readonly entries: Readonly<Record<string, string>>
  readonly element: z.ZodMiniType
  readonly innerType: z.ZodMiniType
  readonly keyType: z.ZodMiniType
  readonly valueType: z.ZodMiniType
  readonly format?: string
}

interface NumberCheck {
  readonly check: string
  readonly value?: number
  readonly inclusive?: boolean
  readonly format?: string
}

/** Any value that a schema of ours takes, numbers from one end of what it allows to the other. */
function valuesOf(schema: z.ZodMiniType): fc.Arbitrary<unknown> {
  const definition = schema._zod.def as unknown as Definition
  const make: Readonly<Record<string, () => fc.Arbitrary<unknown>>> = {
    string: () => anyText,
    boolean: () => fc.boolean(),
    unknown: () => fc.json().map((json) => JSON.parse(json)),
    number: () => numbersOf(definition),
    literal: () => fc.constantFrom(...definition.values),
    enum: () => fc.constantFrom(...Object.values(definition.entries)),
    nullable: () => fc.option(valuesOf(definition.innerType), { nil: null, freq: 4 }),
    array: () => fc.array(valuesOf(definition.element), { maxLength: 4 }),
    tuple: () =>
      fc.tuple(...definition.items.map(valuesOf)).map((ends) => (ends as number[]).toSorted((a, b) => a - b)),
    record: () => fc.dictionary(anyText, valuesOf(definition.valueType), { maxKeys: 3 }),
    union: () => fc.oneof(...definition.options.map(valuesOf)),
    object: () => {
      const fields = Object.entries(definition.shape).map(([name, field]) => {
        const { type, innerType } = field._zod.def as unknown as Definition
        return {
          name,
          isOptional: type === 'optional',
          values: valuesOf(type === 'optional' ? innerType : field),
        }
      })
      return fc.record(Object.fromEntries(fields.map(({ name, values }) => [name, values])), {
        requiredKeys: fields.filter(({ isOptional }) => !isOptional).map(({ name }) => name),
      })
    },
  }
  const made = make[definition.type]
  if (!made) throw new Error(`any-record.ts does not know schemas of type '${definition.type}'`)
  return made()
}

function numbersOf({ checks = [], format }: Definition): fc.Arbitrary<number> {
  const all = [...checks.map(({ _zod }) => _zod.def), { check: 'number_format', format }]
  const isInteger = all.some((each) => each.format === 'safeint')
  const bound = (name: string, otherwise: number): number =>
    all.find(({ check }) => check === name)?.value ?? otherwise
  const isFitting = (value: number): boolean =>
    all.every(({ check, value: limit = 0, inclusive = true }) => {
      if (check === 'greater_than') return inclusive ? value >= limit : value > limit
      if (check === 'less_than') return inclusive ? value <= limit : value < limit
      return true
    }) &&
    (!isInteger || Number.isSafeInteger(value))
  const largest = isInteger ? Number.MAX_SAFE_INTEGER : Number.MAX_VALUE
  const [low, high] = [bound('greater_than', -largest), bound('less_than', largest)]
  const strange = [...STRANGE, ...STRANGE.map((value) => -value), low, high].filter(isFitting)
  const usual = fc.double({ min: Math.max(low, -1000), max: Math.min(high, 1000), noNaN: true })
  const fitting = isInteger ? usual.map(Math.ceil) : usual
  return fc.oneof(fc.constantFrom(...strange), fitting.filter(isFitting))
}

/** Any result that `parseResult` takes. */
export const anyResult: fc.Arbitrary<Result> = fc
  .tuple(valuesOf(resultSchema) as fc.Arbitrary<Result>, fc.array(fc.nat(), { minLength: 1, maxLength: 8 }))
  .map(([result, dice]) => ({
    ...result,
    runs: result.runs.map((run) => {
      const count = run.samplesMs.length
      const starts = run.samplesMs.map((_, i) => run.startsMs[i] ?? i * dice[0]!)
      const summary = count > 0 ? (run.summary ?? STILL) : null
      const rounds = {
        ...(run.rounds && { rounds: count > 1 ? [1, count - 1] : run.samplesMs.map(() => 1) }),
      }
      return {
        ...run,
        startsMs: starts.map((ms) => Math.min(ms, 1e15)),
        summary,
        ...rounds,
        interrupted: run.interrupted || count === 0,
      }
    }),
  }))

const STILL = { meanMs: 0, sdMs: 0, medianMs: 0, minMs: 0, maxMs: 0, p95Ms: 0 }

/** Any evaluation that `parseEvaluation` takes. */
export const anyEvaluation: fc.Arbitrary<Evaluation> = fc
  .tuple(
    valuesOf(evaluationSchema) as fc.Arbitrary<Evaluation>,
    fc.array(fc.nat({ max: 1000 }), { minLength: 16, maxLength: 16 }),
  )
  .map(([evaluation, counts]) => {
    const size = evaluation.perClass.length
    const confusion = evaluation.perClass.map((_, i) =>
      evaluation.perClass.map((_, j) => counts[(i * size + j) % counts.length]!),
    )
    const perClass = evaluation.perClass.map((each, i) => ({
      ...each,
      count: confusion[i]!.reduce((sum, count) => sum + count, 0),
      correct: confusion[i]![i]!,
    }))
    const unpredicted = evaluation.unpredicted && { unpredicted: perClass.map(() => 0) }
    return {
      ...evaluation,
      ...unpredicted,
      perClass,
      confusion,
      count: perClass.reduce((sum, { count }) => sum + count, 0),
    }
  })
  .filter(({ count }) => count > 0)

/** Any classification that `parseClassification` takes. */
export const anyClassification: fc.Arbitrary<Classification> = (
  valuesOf(classificationSchema) as fc.Arbitrary<Classification>
)
  .map((classification) => ({
    ...classification,
    pictures: classification.pictures.map(({ file, top = [], error = 'is damaged' }) =>
      top.length === 0
        ? { file, error }
        : { file, top: top.map((each) => ({ ...each, index: each.index % classification.classes })) },
    ),
  }))
  .filter(({ pictures }) => pictures.length > 0)

/** Any log that `parseTrainingLog` takes, of one run or more. */
export const anyLog: fc.Arbitrary<LogRecord[]> = fc
  .tuple(
    fc.array(
      fc.tuple(recordOf('run'), fc.array(fc.oneof(recordOf('step'), recordOf('epoch')), { maxLength: 12 })),
      {
        minLength: 1,
        maxLength: 2,
      },
    ),
    fc.option(recordOf('end'), { nil: null }),
  )
  .map(([runs, end]) => [
    ...runs.flatMap(([run, records]) => [run, ...inOrder(records as StepOrEpoch[])]),
    ...(end ? [end] : []),
  ])

type StepOrEpoch = Extract<LogRecord, { kind: 'step' | 'epoch' }>

/** Steps of one kind must not come twice, nor go back. */
function inOrder(records: readonly StepOrEpoch[]): StepOrEpoch[] {
  const last = { step: -1, epoch: -1 }
  return records.map((record) => {
    const step = Math.min(Number.MAX_SAFE_INTEGER - 100, record.step)
    last[record.kind] = Math.max(step, last[record.kind] + 1)
    return { ...record, step: last[record.kind] }
  })
}

function recordOf<Kind extends LogRecord['kind']>(kind: Kind): fc.Arbitrary<LogRecord> {
  const { options } = recordSchema._zod.def as unknown as Definition
  const schema = options.find(
    (option) =>
      ((option._zod.def as unknown as Definition).shape.kind!._zod.def as unknown as Definition).values[0] ===
      kind,
  )
  return valuesOf(schema!) as fc.Arbitrary<LogRecord>
}
