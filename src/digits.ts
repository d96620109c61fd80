// Numbers as text. Every function here returns a text for every number: a number that is not finite is shown as '-',
// one that is too large or too small has an exponent, and nothing is shown as -0.

/** Shown if there is no number. */
export const NO_NUMBER = '-'

/** From here on an exponent is easier to read than the digits. */
const MAX_WRITTEN_OUT = 1e15
/** With more decimals an exponent is easier to read. */
const MAX_DECIMALS = 9

/** A number with this many decimals: `12.30`; `1.2e300` if it would be too long, and `-` if it is not finite. */
export function formatFixed(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return NO_NUMBER
  if (Math.abs(value) >= MAX_WRITTEN_OUT) return formatExponent(value, 1)
  return withoutNegativeZero(value.toFixed(Math.min(Math.max(0, decimals), MAX_DECIMALS)))
}

/** `0.0012`, `12.30`: with 2 decimals, or as many as it takes to show two digits of a smaller value. */
export function formatAtLeast(value: number, decimals: number): string {
  const isSmall = value !== 0 && Math.abs(value) < 10 ** -decimals
  return isSmall ? formatSignificant(value, 2) : formatFixed(value, decimals)
}

/** `0.0012`, `1.2e-7`, `1200`: this many digits from the first one that is not 0. */
export function formatSignificant(value: number, digits: number): string {
  const rounded = Number(value.toPrecision(digits))
  const decimals = Math.max(0, digits - 1 - placeOf(rounded))
  return decimals > MAX_DECIMALS ? formatExponent(value, digits - 1) : formatFixed(rounded, decimals)
}

/** `1.3e-6`, `2.10e30` */
export function formatExponent(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return NO_NUMBER
  if (value === 0) return '0'
  return value.toExponential(Math.min(Math.max(0, decimals), 20)).replace('e+', 'e')
}

/** The limit if there is no visible noise; a clock is no more precise. */
const MAX_SIGNIFICANT_DIGITS = 5

/** A measured value and its interval as text, with as many digits as its noise allows. */
export interface Measured {
  readonly value: string
  readonly low: string
  readonly high: string
}

/**
 * A value and its interval with digits up to the first one of half the interval's width: `2.31` from 2.313 with an
 * interval of 2.27 to 2.36.
 */
export function formatMeasured(value: number, [low, high]: readonly [number, number]): Measured {
  const noise = Math.abs(high - low) / 2
  const finest = placeOf(value) - MAX_SIGNIFICANT_DIGITS + 1
  // At least one digit of the value is kept, even if the noise is larger than the value.
  const place = noise === 0 ? finest : Math.min(Math.max(placeOf(noise), finest), placeOf(value))
  // An end that is not 0 is not shown as 0: one digit of it is kept.
  const end = (number: number) =>
    formatToPlace(number, Math.abs(number) < 10 ** place / 2 ? Math.min(place, placeOf(number)) : place)
  return { value: formatToPlace(value, place), low: end(low), high: end(high) }
}

/** No difference and no share is known more precisely. */
const SMALLEST_PERCENT = 1e-4

/** A fraction as percent that is claimed as a bound, and therefore rounded up: `0.4%`, `3%`, `13%`. */
export function formatUpperPercent(fraction: number): string {
  if (!Number.isFinite(fraction)) return NO_NUMBER
  const percent = 100 * fraction
  if (percent > 0 && percent < SMALLEST_PERCENT) return `${formatFixed(SMALLEST_PERCENT, 4)}%`
  const place = Math.min(placeOf(percent), 0)
  // 3% may be 3.0000000000000004
  const steps = Math.ceil(Number((percent * 10 ** -place).toPrecision(12)))
  return `${formatToPlace(steps * 10 ** place, place)}%`
}

/** The position of the first digit that is not 0: -2 for 0.045, 1 for 12. */
export function placeOf(value: number): number {
  return value === 0 || !Number.isFinite(value) ? 0 : Math.floor(Math.log10(Math.abs(value)))
}

function formatToPlace(value: number, place: number): string {
  if (place < -MAX_DECIMALS || Math.abs(value) >= MAX_WRITTEN_OUT) {
    return formatExponent(value, Math.min(placeOf(value) - place, MAX_SIGNIFICANT_DIGITS - 1))
  }
  if (place <= 0) return formatFixed(value, -place)
  return formatFixed(Math.round(value / 10 ** place) * 10 ** place, 0)
}

const withoutNegativeZero = (text: string): string => (/^-0(\.0*)?$/.test(text) ? text.slice(1) : text)
