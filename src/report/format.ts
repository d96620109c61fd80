// Numbers for people: as many digits as a measurement can carry.

/** `448.1`, `12.34`, `0.123`: milliseconds. */
export function formatMs(ms: number): string {
  return ms.toFixed(ms >= 100 ? 1 : ms >= 10 ? 2 : 3)
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
