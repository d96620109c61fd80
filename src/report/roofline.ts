import type { LayerTime, Run } from '../bench/result.ts'
import { formatMs, formatPeakFraction, formatPercent, formatRate } from './format.ts'
import type { Palette } from './palette.ts'
import { type Alignment, alignColumns } from './table.ts'
import { isWinograd } from './winograd.ts'

/** The limits of a machine, measured in the same run. */
export interface Limits {
  readonly peakGflopsPerSecond: number
  readonly bandwidthGigabytesPerSecond: number
}

/** One layer's work in one direction. */
export interface Work {
  readonly flops: number
  /** The least that it must read and write. */
  readonly bytes: number
  readonly ms: number
}

export interface Roofline {
  /** Arithmetic intensity. */
  readonly flopsPerByte: number
  readonly attainableGflopsPerSecond: number
  /** Over 1 if the data were still in the caches, or if an algorithm needs fewer FLOPs than are counted. */
  readonly attainableFraction: number
  readonly isMemoryBound: boolean
}

/**
 * The roofline: work can reach the peak, or the speed at which memory delivers its bytes, whichever is less. Work
 * without FLOPs is bound by memory, and its share is that of the bandwidth. `ms` and `bytes` must be positive. Source:
 * Williams, Waterman, Patterson 2009.
 */
export function roofline({ flops, bytes, ms }: Work, limits: Limits): Roofline {
  const { peakGflopsPerSecond, bandwidthGigabytesPerSecond } = limits
  const flopsPerByte = flops / bytes
  const computeMs = flops / peakGflopsPerSecond / 1e6
  const memoryMs = bytes / bandwidthGigabytesPerSecond / 1e6
  return {
    flopsPerByte,
    attainableGflopsPerSecond: Math.min(peakGflopsPerSecond, flopsPerByte * bandwidthGigabytesPerSecond),
    attainableFraction: Math.max(computeMs, memoryMs) / ms,
    isMemoryBound: memoryMs > computeMs,
  }
}

const DIRECTIONS = ['forward', 'backward'] as const
type Direction = (typeof DIRECTIONS)[number]

/** Null if nothing was done, or if it is not known what. */
function workOf(layer: LayerTime, direction: Direction): Work | null {
  const isForward = direction === 'forward'
  const flops = isForward ? layer.flops : layer.backwardFlops
  const bytes = isForward ? layer.bytes : layer.backwardBytes
  const ms = isForward ? layer.forwardMs : layer.backwardMs
  return bytes && ms ? { flops, bytes, ms } : null
}

/** A layer that takes more than twice as long as memory and the peak allow. */
interface Slow {
  readonly name: string
  readonly fraction: number
  readonly ms: number
}

const SLOW_FRACTION = 0.5
const MOST_NAMED = 8

/** Those that lose the most time come first: that is where a better kernel would gain something. */
function slowestLine(slow: readonly Slow[]): string {
  const all = slow.toSorted((a, b) => b.ms * (1 - b.fraction) - a.ms * (1 - a.fraction))
  const named = all
    .slice(0, MOST_NAMED)
    .map(({ name, fraction, ms }) => `${name} ${formatPercent(fraction)} (${formatMs(ms)} ms)`)
  const rest = all.length - named.length
  const more = rest > 0 ? ` and ${rest} more` : ''
  return `slowest against its bound: ${named.length > 0 ? `${named.join(', ')}${more}` : 'none is under half of what is attainable'}`
}

/** Below the layers' times: what limits each layer, and how close it comes. Empty if the run's limits are not known. */
export function rooflineLines(run: Run, palette: Palette): string[] {
  const { peakGflopsPerSecond: peak, bandwidthGigabytesPerSecond: bandwidth, layers } = run
  if (!peak || !bandwidth) return []
  const limits = { peakGflopsPerSecond: peak, bandwidthGigabytesPerSecond: bandwidth }
  const found = layers.map((layer) => ({
    layer,
    rooflines: DIRECTIONS.map((direction) => {
      const work = workOf(layer, direction)
      return work && roofline(work, limits)
    }),
  }))
  const shown = DIRECTIONS.map((_, i) => i).filter((i) => found.some(({ rooflines }) => rooflines[i]))
  if (shown.length === 0) return []

  const headings = ['FLOP/byte', 'bound by', 'attainable GFLOP/s', 'of attainable']
  const cells = (layer: LayerTime, entry: Roofline | null | undefined): string[] => {
    if (!entry) return headings.map(() => '-')
    const { flopsPerByte, isMemoryBound, attainableGflopsPerSecond, attainableFraction } = entry
    const hasFlops = flopsPerByte > 0
    return [
      hasFlops ? formatRate(flopsPerByte) : '-',
      isMemoryBound ? 'memory' : 'compute',
      hasFlops ? formatRate(attainableGflopsPerSecond) : '-',
      formatPeakFraction(attainableFraction, isWinograd(layer)),
    ]
  }
  const rows = [
    [
      'layer',
      ...shown.flatMap((i) => headings.map((text, at) => (at === 0 ? `${DIRECTIONS[i]} ${text}` : text))),
    ],
    ...found.map(({ layer, rooflines }) => [layer.name, ...shown.flatMap((i) => cells(layer, rooflines[i]))]),
  ]
  const columns = headings.map((heading): Alignment => (heading === 'bound by' ? 'left' : 'right'))
  const alignments: Alignment[] = ['left', ...shown.flatMap(() => columns)]
  const [heading, ...body] = alignColumns(rows, alignments)
  const slow = shown.flatMap((i) =>
    found.flatMap(({ layer, rooflines }): Slow[] => {
      const fraction = rooflines[i]?.attainableFraction ?? 1
      const ms = workOf(layer, DIRECTIONS[i]!)?.ms ?? 0
      return fraction < SLOW_FRACTION ? [{ name: `${DIRECTIONS[i]} ${layer.name}`, fraction, ms }] : []
    }),
  )
  return [
    `roofline: ${formatRate(peak)} GFLOP/s at the most, ${formatRate(bandwidth)} GB/s from memory; ` +
      `memory-bound below ${formatRate(peak / bandwidth)} FLOP/byte`,
    palette.dim(heading!),
    ...body,
    slowestLine(slow),
  ]
}
