// The tile of a depthwise convolution: one vector of channels at some output pixels, whose sums are in registers together.
import type { Pointer, ProgramBuilder, Vector } from '../codegen/program.ts'
import type { Activation } from '../layers/index.ts'
import { activationOfSums } from './activation.ts'
import { bytes } from './kernel.ts'

/**
 * What is added to an output pixel: an input pixel, counted from the first one that the tile reads, times the weights
 * of a tap.
 */
export interface Tap {
  readonly row: number
  readonly column: number
  /** The tap's row in the weights. */
  readonly weights: number
}

/** One sum of a tile, for the output pixel at `row` and `column` of the tile. */
interface TileSum {
  readonly row: number
  readonly column: number
  readonly taps: readonly Tap[]
}

/** An input pixel, and the sums that it is added to, each times the weights of a tap. */
interface Loaded {
  readonly row: number
  readonly column: number
  readonly uses: readonly { readonly sum: number; readonly weights: number }[]
}

export interface DepthwiseTile {
  readonly sums: readonly TileSum[]
  /** Each input pixel is loaded once, row by row. */
  readonly loads: readonly Loaded[]
  /** Registers that it needs if weights stay in registers from their first use to their last. */
  readonly registers: number
}

/** The tile over `rows` x `columns` output pixels. */
export function depthwiseTile(
  rows: number,
  columns: number,
  tapsOf: (row: number, column: number) => readonly Tap[],
): DepthwiseTile {
  const sums = Array.from({ length: rows * columns }, (_, i): TileSum => {
    const [row, column] = [Math.floor(i / columns), i % columns]
    return { row, column, taps: tapsOf(row, column) }
  })
  const pixels = new Map<string, Loaded & { readonly uses: { sum: number; weights: number }[] }>()
  for (const [sum, { taps }] of sums.entries()) {
    for (const { row, column, weights } of taps) {
      const key = `${row} ${column}`
      const pixel = pixels.get(key) ?? { row, column, uses: [] }
      pixel.uses.push({ sum, weights })
      pixels.set(key, pixel)
    }
  }
  const loads = [...pixels.values()].sort((a, b) => a.row - b.row || a.column - b.column)
  return { sums, loads, registers: sums.length + mostWeights(loads) + 1 }
}

/** The most weights that are in registers at once, if each stays there from its first use to its last. */
function mostWeights(loads: readonly Loaded[]): number {
  const first = new Map<number, number>()
  const last = new Map<number, number>()
  for (const [at, { uses }] of loads.entries()) {
    for (const { weights } of uses) {
      if (!first.has(weights)) first.set(weights, at)
      last.set(weights, at)
    }
  }
  const alive = (at: number) => [...first].filter(([w, from]) => from <= at && at <= last.get(w)!).length
  return Math.max(0, ...loads.map((_, at) => alive(at)))
}

/** Pitches of what a tile reads and writes, in values. */
export interface TilePitches {
  readonly inputRow: number
  readonly inputPixel: number
  readonly weights: number
  readonly outputRow: number
  readonly outputPixel: number
}

export interface TilePlaces {
  readonly input: Pointer
  readonly weights: Pointer
  readonly biases: Pointer | null
  readonly output: Pointer
}

export interface TileUse {
  readonly pitches: TilePitches
  readonly activation: Activation | undefined
  /** Weights stay in registers; otherwise each product reads its weights from the cache. */
  readonly keepsWeights: boolean
}

/** Writes one tile, for the vector of channels that the pointers point to. */
export function writeDepthwiseTile(
  b: ProgramBuilder,
  { sums: places, loads }: DepthwiseTile,
  at: TilePlaces,
  { pitches, activation, keepsWeights }: TileUse,
): void {
  const sums = places.map(() => (at.biases === null ? b.splat(0) : b.load(at.biases)))
  const kept = new Map<number, Vector>()
  const weightsOf = (tap: number): Vector => {
    const known = kept.get(tap)
    if (known !== undefined) return known
    const loaded = b.load(at.weights, bytes(tap * pitches.weights))
    if (keepsWeights) kept.set(tap, loaded)
    return loaded
  }
  for (const { row, column, uses } of loads) {
    const value = b.load(at.input, bytes(row * pitches.inputRow + column * pitches.inputPixel))
    for (const { sum, weights } of uses) b.fma(sums[sum]!, value, weightsOf(weights))
  }
  const { inRegister, inMemory } = activationOfSums(b, activation)
  const offsets = places.map(({ row, column }) =>
    bytes(row * pitches.outputRow + column * pitches.outputPixel),
  )
  for (const [i, offset] of offsets.entries()) b.store(at.output, offset, inRegister(sums[i]!))
  inMemory?.(at.output, offsets)
}
