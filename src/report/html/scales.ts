// From values to positions in a chart: percent of its width or pixels of its height, depending on `range`. Every
// position is finite and within the range, whatever the values are.
import { nice, tickStep, ticks } from 'd3-array'
import { formatExponent, formatFixed, placeOf } from '../../digits.ts'

export interface Tick {
  readonly at: number
  readonly label: string
}

export interface Scale {
  /** The position of a value; if it is outside of the domain, the range's nearer end. */
  at(value: number): number
  readonly domain: Pair
  readonly ticks: readonly Tick[]
}

export type Pair = readonly [number, number]

/** As many as have room on a phone. */
const TICKS = 4

/** Beyond these values, differences and ratios could overflow a double. */
const [SMALLEST, LARGEST] = [1e-240, 1e300] as const
const EVERYWHERE: Pair = [-LARGEST, LARGEST]
export const PERCENT: Pair = [0, 100]

/** Rounds its domain up to ticks, but not beyond the possible values. */
export function linearScale(domain: Pair, range: Pair, possible: Pair = EVERYWHERE): Scale {
  const within = ([low, high]: Pair): Pair => [clamp(low, possible), clamp(high, possible)]
  const [low, high] = within(nice(...within(widened(within(domain))), TICKS) as [number, number])
  const at = interpolation([low, high], range)
  return { at, domain: [low, high], ticks: evenTicks(low, high, at) }
}

/** From 0 to exactly the largest, so that the longest bar uses all the room. */
export function barScale(largest: number, range: Pair): Scale {
  const [, high] = widened([0, clamp(largest, EVERYWHERE)])
  const at = interpolation([0, high], range)
  return { at, domain: [0, high], ticks: evenTicks(0, high, at) }
}

/** For counts: its ticks are whole numbers. */
export function countScale(domain: Pair, range: Pair): Scale {
  const scale = linearScale(domain, range)
  const [low, high] = scale.domain
  const step = Math.max(1, tickStep(low, high, TICKS))
  const whole = ticks(low, high, TICKS).filter(Number.isInteger)
  return {
    ...scale,
    ticks: whole.map((value) => ({ at: scale.at(value), label: tickLabel(value, step, high) })),
  }
}

/** Values that are not positive are placed at its lower end. */
export function logScale(domain: Pair, range: Pair): Scale {
  const positive: Pair = [SMALLEST, LARGEST]
  const [low, high] = widened([clamp(domain[0], positive), clamp(domain[1], positive)])
  const place = interpolation([Math.log(low), Math.log(high)], range)
  const at = (value: number): number => place(Math.log(clamp(value, [low, high])))
  const isWithinDecade = high / low < 10
  return {
    at,
    domain: [low, high],
    ticks: isWithinDecade ? evenTicks(low, high, at) : decadeTicks(low, high, at),
  }
}

/** The smallest and the largest value, as a domain; [0, 1] if there is none. */
export function extentOf(values: Iterable<number>): Pair {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) {
    if (value < low) low = value
    if (value > high) high = value
  }
  return low <= high ? [low, high] : [0, 1]
}

/** Values closer than this count as equal: there are too few doubles between them for a scale. */
const MIN_RELATIVE_EXTENT = 1e-9

/** A single value gets some room around it. */
function widened([low, high]: Pair): Pair {
  const size = Math.max(Math.abs(low), Math.abs(high))
  if (size < SMALLEST) return [0, 1]
  if (high - low > MIN_RELATIVE_EXTENT * size) return [low, high]
  return [low - 0.05 * size, high + 0.05 * size]
}

function interpolation([low, high]: Pair, [from, to]: Pair): (value: number) => number {
  return (value) => from + ((clamp(value, [low, high]) - low) / (high - low)) * (to - from)
}

/** NaN is placed at the lower end. */
const clamp = (value: number, [low, high]: Pair): number =>
  Math.min(high, Math.max(low, Number.isNaN(value) ? low : value))

function evenTicks(low: number, high: number, at: Scale['at']): Tick[] {
  const step = tickStep(low, high, TICKS)
  const largest = Math.max(Math.abs(low), Math.abs(high))
  return ticks(low, high, TICKS).map((value) => ({ at: at(value), label: tickLabel(value, step, largest) }))
}

/** Numbers above the one or below the other are shorter with an exponent. */
const [LONG, SHORT] = [1e7, 1e-5] as const

/** With as many digits as the step between ticks needs. */
function tickLabel(value: number, step: number, largest: number): string {
  if (largest < LONG && step > SHORT) return formatFixed(value, -placeOf(step))
  // A tick that differs from 0 only by rounding
  if (Math.abs(value) < step / 2) return '0'
  return formatExponent(value, placeOf(value) - placeOf(step))
}

/** Up to this ratio there is room for 2 and 5 between the powers of ten. */
const MAX_RATIO_OF_FIVES = 500

/** Powers of ten; if there are few, with 2 and 5 between them; if there are many, some are left out. */
function decadeTicks(low: number, high: number, at: Scale['at']): Tick[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))]
  const mantissas = high / low <= MAX_RATIO_OF_FIVES ? [1, 2, 5] : [1]
  const stride = mantissas.length > 1 ? 1 : Math.ceil((last - first) / (TICKS + 1))
  const found: Tick[] = []
  for (let exponent = first; exponent <= last; exponent += stride) {
    for (const mantissa of mantissas) {
      const value = Number(`${mantissa}e${exponent}`)
      if (value >= low && value <= high) found.push({ at: at(value), label: decadeLabel(mantissa, exponent) })
    }
  }
  return found
}

const decadeLabel = (mantissa: number, exponent: number): string =>
  Math.abs(exponent) < 5 ? String(Number(`${mantissa}e${exponent}`)) : `${mantissa}e${exponent}`
