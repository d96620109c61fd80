// Numbers for people, with as many digits as a measurement supports.
import type { Environment, Summary } from '../bench/result.ts'
import {
  formatAtLeast,
  formatExponent,
  formatFixed,
  formatMeasured,
  formatSignificant,
  NO_NUMBER,
} from '../digits.ts'

/** A picosecond: anything shorter comes from rounding, not from a clock. */
const SMALLEST_MS = 1e-9

/** Milliseconds as text: `448.1`, `12.34`, `0.123`, `0.00042`. */
export function formatMs(ms: number): string {
  return Math.abs(ms) < SMALLEST_MS ? formatFixed(0, 3) : formatAtLeast(ms, ms >= 100 ? 1 : ms >= 10 ? 2 : 3)
}

/**
 * A median in milliseconds, with the digits that its interval supports. A single sample has no interval; then as
 * `formatMs`.
 */
export function formatMedianMs({ medianMs, medianIntervalMs }: Summary): string {
  return medianIntervalMs ? formatMeasured(medianMs, medianIntervalMs).value : formatMs(medianMs)
}

/** A mean in milliseconds, as `formatMedianMs`. */
export function formatMeanMs({ meanMs, meanIntervalMs }: Summary): string {
  return meanIntervalMs ? formatMeasured(meanMs, meanIntervalMs).value : formatMs(meanMs)
}

/**
 * A rate that was computed from the mean (images a second, GFLOP/s), with the digits that the mean's interval supports.
 */
export function formatMeanRate(rate: number, { meanMs, meanIntervalMs }: Summary): string {
  // There is no rate if the time is 0.
  if (meanMs === 0) return NO_NUMBER
  if (!meanIntervalMs) return formatRate(rate)
  const [low, high] = meanIntervalMs
  return formatMeasured(rate, [(rate * meanMs) / high, (rate * meanMs) / low]).value
}

const BYTES_PER_MIB = 2 ** 20
const BYTES_PER_GIB = 2 ** 30

/** Bytes in units of 2^20 or 2^30: `7.6 GiB`, `700 MiB`; words instead of a number if the system does not say. */
export function formatMemory(bytes: number | null): string {
  if (bytes === null) return 'the system does not say'
  if (bytes < BYTES_PER_GIB) return `${formatAtLeast(bytes / BYTES_PER_MIB, 0)} MiB`
  return `${formatAtLeast(bytes / BYTES_PER_GIB, 1)} GiB`
}

/** What ran the JavaScript, as name and version: `Node v20.19.0 (V8 11.3)`, `runtime Bun 1.4.5`, or a browser. */
export function hostFact(environment: Environment): readonly [name: string, version: string] {
  const { browser, runtime, node, v8 } = environment
  const version = browser ?? runtime ?? node
  const name = browser !== undefined ? 'browser' : runtime !== undefined ? 'runtime' : 'Node'
  return [name, v8 === 'none' ? version : `${version} (V8 ${v8})`]
}

/** A standard deviation in milliseconds, with two digits: a few hundred samples determine it no better. */
export function formatSpreadMs(sdMs: number): string {
  return Math.abs(sdMs) < SMALLEST_MS ? '0' : formatSignificant(sdMs, 2)
}

/** A number with as many decimals as another one has in its text, but not as 0 unless it is 0. */
export function formatLike(value: number, other: string): string {
  const decimals = other.includes('e') ? 0 : (other.split('.')[1]?.length ?? 0)
  const isLost = value !== 0 && Math.abs(value) < 10 ** -decimals / 2
  return isLost ? formatMs(value) : formatFixed(value, decimals)
}

/** Larger shares come from damaged data. */
const MAX_FRACTION = 1000

/** A fraction as percent: `91.3%`; `over 100,000%` for anything larger. */
export function formatPercent(fraction: number): string {
  if (!Number.isFinite(fraction)) return NO_NUMBER
  if (Math.abs(fraction) > MAX_FRACTION) return fraction > 0 ? 'over 100,000%' : 'under -100,000%'
  return `${formatFixed(100 * fraction, 1)}%`
}

/** GFLOP/s or images a second: `94.1`, `1.07`, `0.0031`. */
export function formatRate(rate: number): string {
  return formatAtLeast(rate, rate >= 10 ? 1 : 2)
}

/** A whole number with commas between thousands: `2,469,696`. */
export function formatCount(count: number): string {
  return formatFixed(count, 0).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** Bytes in units of 10^6: `283 MB`, `2,310 MB`. */
export function formatMegabytes(bytes: number): string {
  return `${formatCount(bytes / 1e6)} MB`
}

/**
 * A share of the direct limit, `91.3%`, or a multiple of it, `1.97 x`, if Winograd, which does fewer multiplications
 * than are counted, exceeded it.
 */
export function formatPeakFraction(fraction: number, isWinograd: boolean): string {
  return isWinograd && fraction > 1 ? `${formatFixed(fraction, 2)} x` : formatPercent(fraction)
}

/** A share or multiple of the direct limit in words: `Winograd, 1.97 of the direct limit`. */
export const winogradText = (fraction: number): string =>
  `Winograd, ${formatFixed(fraction, 2)} of the direct limit`

const LARGE_LOSS = 1e6

/** A loss as text: `0.0312`, `2.10e-5`. Null in a record means that it was not finite. */
export function formatLoss(loss: number | null): string {
  if (loss === null || !Number.isFinite(loss)) return 'not finite'
  const isFar = loss !== 0 && (Math.abs(loss) < 0.001 || Math.abs(loss) >= LARGE_LOSS)
  return isFar ? formatExponent(loss, 2) : formatFixed(loss, 4)
}

/** An error relative to the truth: `1.3e-6`. */
export function formatRelativeError(error: number): string {
  return error < 1 ? formatExponent(error, 1) : formatRate(error)
}

/** Images a second, which may be very many: `12,345`, `61.2`. */
export function formatImageRate(rate: number): string {
  return rate >= 1000 ? formatCount(rate) : formatRate(rate)
}

/** Milliseconds as a duration to read: `45.2 s`, `3 min 20 s`, `1 h 02 min`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return NO_NUMBER
  if (ms < 59_950) return `${formatFixed(ms / 1000, 1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${twoDigits(seconds % 60)} s`
  const minutes = Math.round(seconds / 60)
  return `${formatCount(Math.floor(minutes / 60))} h ${twoDigits(minutes % 60)} min`
}

const twoDigits = (value: number): string => String(value).padStart(2, '0')

/** The text with its first letter in upper case. */
export const capitalized = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`
