// How many digits a number may have: the last one printed is the first that the noise touches.

/** Where there is no noise to be seen; a sample's clock knows no more. */
const MAX_SIGNIFICANT_DIGITS = 5

export interface Measured {
  readonly value: string
  readonly low: string
  readonly high: string
}

/** `2.31` from 2.313 with an interval of 2.27 to 2.36: digits up to the first one of half the interval's width. */
export function formatMeasured(value: number, [low, high]: readonly [number, number]): Measured {
  const noise = (high - low) / 2
  const finest = placeOf(value) - MAX_SIGNIFICANT_DIGITS + 1
  // At least one digit of the value stays, also where the noise is larger than the value.
  const place = noise === 0 ? finest : Math.min(Math.max(placeOf(noise), finest), placeOf(value))
  const format = (number: number) => formatToPlace(number, place)
  return { value: format(value), low: format(low), high: format(high) }
}

/** A fraction as percent that is claimed as a bound, so rounded up: `0.4%`, `3%`, `13%`. */
export function formatUpperPercent(fraction: number): string {
  const place = Math.min(placeOf(100 * fraction), 0)
  // 3% may be 3.0000000000000004
  const steps = Math.ceil(Number((100 * fraction * 10 ** -place).toPrecision(12)))
  return `${formatToPlace(steps * 10 ** place, place)}%`
}

/** `7%`, `0.4%`, `140%` */
export function formatRoundPercent(fraction: number): string {
  return `${formatToPlace(100 * fraction, Math.min(placeOf(100 * fraction), 0))}%`
}

/** Of the first digit that is not 0: -2 for 0.045, 1 for 12. */
function placeOf(value: number): number {
  return value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)))
}

function formatToPlace(value: number, place: number): string {
  if (place <= 0) return value.toFixed(-place)
  return String(Math.round(value / 10 ** place) * 10 ** place)
}
