// Numbers for people: as many digits as a measurement can carry.
import type { Environment, Summary } from '../bench/result.ts'
import { formatMeasured } from '../digits.ts'

/** `448.1`, `12.34`, `0.123`: milliseconds. */
export function formatMs(ms: number): string {
  return ms.toFixed(ms >= 100 ? 1 : ms >= 10 ? 2 : 3)
}

/** With the digits that its interval leaves it; a lone sample has none to be judged by. */
export function formatMedianMs({ medianMs, medianIntervalMs }: Summary): string {
  return medianIntervalMs ? formatMeasured(medianMs, medianIntervalMs).value : formatMs(medianMs)
}

/** The mean likewise. */
export function formatMeanMs({ meanMs, meanIntervalMs }: Summary): string {
  return meanIntervalMs ? formatMeasured(meanMs, meanIntervalMs).value : formatMs(meanMs)
}

/** What follows from the mean: images a second, GFLOP/s. */
export function formatMeanRate(rate: number, { meanMs, meanIntervalMs }: Summary): string {
  if (!meanIntervalMs) return formatRate(rate)
  const [low, high] = meanIntervalMs
  return formatMeasured(rate, [(rate * meanMs) / high, (rate * meanMs) / low]).value
}

const BYTES_PER_GIB = 2 ** 30

/** `7.6 GiB`; null where the system does not tell. */
export const formatMemory = (bytes: number | null): string =>
  bytes === null ? 'the system does not tell' : `${(bytes / BYTES_PER_GIB).toFixed(1)} GiB`

/** What ran the JavaScript: `Node v20.19.0 (V8 11.3)`, or a browser; as name and version. */
export function hostFact({ browser, node, v8 }: Environment): readonly [name: string, version: string] {
  if (browser === undefined) return ['Node', `${node} (V8 ${v8})`]
  return ['browser', v8 === 'none' ? browser : `${browser} (V8 ${v8})`]
}

/** Two digits: of a few hundred samples a standard deviation is known no better. */
export function formatSpreadMs(sdMs: number): string {
  const decimals = sdMs > 0 ? Math.max(0, 1 - Math.floor(Math.log10(sdMs))) : 0
  return Number(sdMs.toPrecision(2)).toFixed(decimals)
}

/** With as many decimals as another number. */
export function formatLike(value: number, other: string): string {
  return value.toFixed(other.split('.')[1]?.length ?? 0)
}

/** `91.3%` */
export function formatPercent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)}%`
}

/** `94.1`, `1.07`: GFLOP/s, images a second. */
export function formatRate(rate: number): string {
  return rate.toFixed(rate >= 10 ? 1 : 2)
}

/** `2,469,696` */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `283 MB` */
export function formatMegabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`
}

/** A share of the direct limit; a multiple, where fewer multiplications than the direct count went past it. */
export function formatPeakFraction(fraction: number, isWinograd: boolean): string {
  return isWinograd && fraction > 1 ? `${fraction.toFixed(2)} x` : formatPercent(fraction)
}

/** What such a multiple is, in words. */
export const winogradText = (fraction: number): string =>
  `Winograd, ${fraction.toFixed(2)} of the direct limit`

/** `0.0312`, `2.10e-5`: a loss; `NaN` for what a record holds as null. */
export function formatLoss(loss: number | null): string {
  if (loss === null) return 'NaN'
  return loss !== 0 && Math.abs(loss) < 0.001 ? loss.toExponential(2) : loss.toFixed(4)
}

/** `12,345`, `61.2`: images a second, of which there may be very many. */
export function formatImageRate(rate: number): string {
  return rate >= 1000 ? formatCount(Math.round(rate)) : formatRate(rate)
}

/** `45.2 s`, `3 min 20 s`, `1 h 02 min` */
export function formatDuration(ms: number): string {
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${twoDigits(seconds % 60)} s`
  const minutes = Math.round(seconds / 60)
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`
}

const twoDigits = (value: number): string => String(value).padStart(2, '0')
