// From values to places in a chart: percent of its width or pixels of its height, as `range` says.
import { nice, tickStep, ticks } from 'd3-array'

export interface Tick {
  readonly at: number
  readonly label: string
}

export interface Scale {
  /** The place of a value; values outside of the domain are outside of the range. */
  at(value: number): number
  readonly domain: Pair
  readonly ticks: readonly Tick[]
}

export type Pair = readonly [number, number]

/** As many as have room at a phone's width. */
const TICKS = 4

/** Rounds its domain up to ticks. */
export function linearScale(domain: Pair, range: Pair): Scale {
  const [low, high] = nice(...widened(domain), TICKS)
  const at = interpolation([low, high], range)
  return { at, domain: [low, high], ticks: evenTicks(low, high, at) }
}

/** Of what is counted: its ticks are whole numbers. */
export function countScale(domain: Pair, range: Pair): Scale {
  const scale = linearScale(domain, range)
  const whole = ticks(...scale.domain, TICKS).filter(Number.isInteger)
  return { ...scale, ticks: whole.map((value) => ({ at: scale.at(value), label: String(value) })) }
}

/** Its domain must be positive. */
export function logScale(domain: Pair, range: Pair): Scale {
  const [low, high] = widened(domain)
  const place = interpolation([Math.log(low), Math.log(high)], range)
  const at = (value: number): number => place(Math.log(value))
  const isWithinDecade = high / low < 10
  return {
    at,
    domain: [low, high],
    ticks: isWithinDecade ? evenTicks(low, high, at) : decadeTicks(low, high, at),
  }
}

/** The smallest and the largest, as a domain; [0, 1] without a value. */
export function extentOf(values: readonly number[]): Pair {
  if (values.length === 0) return [0, 1]
  return values.reduce<Pair>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  )
}

/** Values closer than this are one: between them doubles are too few for a scale. */
const MIN_RELATIVE_EXTENT = 1e-9

/** A single value gets some room around it. */
function widened([low, high]: Pair): Pair {
  if (high - low > MIN_RELATIVE_EXTENT * high) return [low, high]
  return low === 0 ? [0, 1] : [low * 0.95, low * 1.05]
}

function interpolation([low, high]: Pair, [from, to]: Pair): (value: number) => number {
  return (value) => from + ((value - low) / (high - low)) * (to - from)
}

function evenTicks(low: number, high: number, at: Scale['at']): Tick[] {
  const step = tickStep(low, high, TICKS)
  const decimals = Math.min(20, Math.max(0, -Math.floor(Math.log10(step))))
  return ticks(low, high, TICKS).map((value) => ({ at: at(value), label: value.toFixed(decimals) }))
}

/** A range up to this ratio has room for 2 and 5 between its powers of ten. */
const MAX_RATIO_OF_FIVES = 500

/** Powers of ten, with 2 and 5 between them where there are few, and some left out where there are many. */
function decadeTicks(low: number, high: number, at: Scale['at']): Tick[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))]
  const mantissas = high / low <= MAX_RATIO_OF_FIVES ? [1, 2, 5] : [1]
  const stride = mantissas.length > 1 ? 1 : Math.ceil((last - first) / (TICKS + 1))
  const found: Tick[] = []
  for (let exponent = first; exponent <= last; exponent += stride) {
    for (const mantissa of mantissas) {
      const value = Number(`${mantissa}e${exponent}`)
      if (value >= low && value <= high) found.push({ at: at(value), label: String(value) })
    }
  }
  return found
}
