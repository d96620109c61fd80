import { FIRST_NETWORK, type NetworkChoice, networkOf } from '../model/choice.ts'
import { type IntegerRange, initialSettings, parseInteger } from '../settings.ts'

export const ENGINES = ['auto', 'wasm', 'reference'] as const
/** When they are drawn: with every step, or once a run is over. */
export const CHARTS = ['live', 'after'] as const
export const PASSES = ['both', 'forward', 'forward-backward', 'train'] as const

/** As the fields show them, and as a link carries them; `threads` may be empty. */
export type BenchmarkFields = Record<
  'network' | 'engine' | 'pass' | NumberField | 'threads' | 'charts',
  string
>
type NumberField = 'batch' | 'batches' | 'burn-in'

/** What a run is asked for. */
export interface BenchmarkSettings {
  readonly network: NetworkChoice
  readonly engine: (typeof ENGINES)[number]
  readonly pass: (typeof PASSES)[number]
  readonly batch: number
  readonly batches: number
  readonly burnIn: number
  /** Null: as many as there are. */
  readonly threads: number | null
}

export const RANGES = {
  batch: { least: 1, most: 1024 },
  batches: { least: 1, most: 10_000 },
  'burn-in': { least: 0, most: 1000 },
  threads: { least: 1, most: 64 },
} as const satisfies Record<string, IntegerRange>

const FIRST: BenchmarkFields = {
  network: FIRST_NETWORK,
  engine: 'auto',
  pass: 'both',
  batch: '32',
  batches: '20',
  'burn-in': '3',
  threads: '',
  charts: 'live',
}

export function initialFields(given: URLSearchParams): BenchmarkFields {
  const fields = initialSettings(FIRST, given)
  const choices = { engine: ENGINES, pass: PASSES, charts: CHARTS } as const
  for (const name of ['engine', 'pass', 'charts'] as const) {
    if (!(choices[name] as readonly string[]).includes(fields[name])) fields[name] = FIRST[name]
  }
  return fields
}

/** The fields that are not what they must be; the settings where there are none. */
export function parseFields(
  fields: BenchmarkFields,
  network: NetworkChoice,
): { readonly settings: BenchmarkSettings } | { readonly faults: readonly (keyof typeof RANGES)[] } {
  const batch = parseInteger(fields.batch, RANGES.batch)
  const batches = parseInteger(fields.batches, RANGES.batches)
  const burnIn = parseInteger(fields['burn-in'], RANGES['burn-in'])
  const isAllThreads = fields.threads.trim() === ''
  const threads = isAllThreads ? null : parseInteger(fields.threads, RANGES.threads)
  const faults = [
    ...(batch === null ? (['batch'] as const) : []),
    ...(batches === null ? (['batches'] as const) : []),
    ...(burnIn === null ? (['burn-in'] as const) : []),
    ...(threads === null && !isAllThreads ? (['threads'] as const) : []),
  ]
  if (batch === null || batches === null || burnIn === null || faults.length > 0) return { faults }
  const { engine, pass } = fields as BenchmarkFields & Pick<BenchmarkSettings, 'engine' | 'pass'>
  return { settings: { network, engine, pass, batch, batches, burnIn, threads } }
}

const WASM_MEGABYTES = 4096
const BYTES_PER_VALUE = 4

/** What the activations take at the least, where that is more than WASM can have; else null. Gradients take as much again. */
export function tooManyMegabytes({ network, batch, pass }: BenchmarkSettings): number | null {
  if (pass === 'forward') return null // without gradients activations share memory
  const { layers, inputs } = networkOf(network)
  const shapes = [...Object.values(inputs), ...layers.map(({ outputShape }) => outputShape)]
  const values = shapes.reduce(
    (sum, shape) => sum + shape.reduce((product, extent) => product * extent, 1),
    0,
  )
  const megabytes = Math.round((2 * values * batch * BYTES_PER_VALUE) / 1e6)
  return megabytes > WASM_MEGABYTES ? megabytes : null
}
