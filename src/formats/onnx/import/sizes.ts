// Extents of tensors while the batch is not known yet: numbers, and multiples of the batch.

/** So many times the batch. */
export interface Batches {
  readonly batches: number
}
export type Size = number | Batches

/** A graph, or a part of it, that has no counterpart in a network; `message` says why. The importer collects them. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
}

export const BATCH: Batches = { batches: 1 }

export const isNumber = (size: Size): size is number => typeof size === 'number'

export const sameSize = (a: Size, b: Size): boolean =>
  isNumber(a) || isNumber(b) ? a === b : a.batches === b.batches

export function times(a: Size, b: Size): Size {
  if (isNumber(a) && isNumber(b)) return a * b
  if (isNumber(a)) return { batches: a * (b as Batches).batches }
  if (isNumber(b)) return { batches: a.batches * b }
  throw new Refusal('it needs the square of the batch')
}

export const product = (sizes: readonly Size[]): Size => sizes.reduce(times, 1)

/** The exact quotient; null if there is none. */
export function over(a: Size, b: Size): Size | null {
  if (!isNumber(b)) {
    if (isNumber(a)) return null
    return a.batches % b.batches === 0 ? a.batches / b.batches : null
  }
  const whole = isNumber(a) ? a : a.batches
  if (b === 0 || whole % b !== 0) return null
  return isNumber(a) ? whole / b : { batches: whole / b }
}

/** Throws Refusal for a size that depends on the batch. */
export function numberOf(size: Size, what: string): number {
  if (isNumber(size)) return size
  throw new Refusal(`${what} depends on the batch`)
}

/** `[N, 3, 224, 224]`. */
export const formatSizes = (sizes: readonly Size[]): string => `[${sizes.map(formatSize).join(', ')}]`

const formatSize = (size: Size): string => {
  if (isNumber(size)) return `${size}`
  return size.batches === 1 ? 'N' : `${size.batches}N`
}
