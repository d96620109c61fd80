import { closest } from 'fastest-levenshtein'
import { inOneLine } from './plain-text.ts'

/**
 * The root of all errors that convmark throws on purpose: their messages are one line, whatever they quote. `exitCode` is
 * what the command line ends with. Each has its name in words: a page's bundler shortens those of classes.
 */
export class ConvmarkError extends Error {
  override readonly name: string = 'ConvmarkError'
  readonly exitCode: number = 1

  constructor(message: string, options?: ErrorOptions) {
    super(inOneLine(message), options)
  }
}

/** A request that can't be meant: an unknown name, a value out of range. */
export class UsageError extends ConvmarkError {
  override readonly name: string = 'UsageError'
  override readonly exitCode = 2
}

/** A shape that does not fit; names the layer or tensor. */
export class ShapeError extends UsageError {
  override readonly name: string = 'ShapeError'
}

/** A network that is not well-formed: names that clash or are missing, options that no layer takes. */
export class NetworkError extends UsageError {
  override readonly name: string = 'NetworkError'
}

/** An engine, target or peer that this machine does not have; says what is missing. */
export class UnavailableError extends ConvmarkError {
  override readonly name: string = 'UnavailableError'
  override readonly exitCode = 4
}

/** The engine's results were compared with the truth and are wrong; names step and tensor. */
export class CheckError extends ConvmarkError {
  override readonly name: string = 'CheckError'
}

/** A file that is damaged or not what it should be; names the file and the tensor. */
export class FormatError extends ConvmarkError {
  override readonly name: string = 'FormatError'
}

/** A training whose loss is no number any more; says where that began. */
export class DivergedError extends ConvmarkError {
  override readonly name: string = 'DivergedError'
}

/** An image that can't be read, decoded or trusted; names its file. `reason` is the message without that name. */
export class DamagedImageError extends FormatError {
  override readonly name: string = 'DamagedImageError'
  constructor(
    readonly file: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`${file}: ${reason}`, options)
  }
}

/** The caller's AbortSignal, or Ctrl-C. */
export class InterruptedError extends ConvmarkError {
  override readonly name: string = 'InterruptedError'
  override readonly exitCode = 130
}

/** `unknown network 'alexnt'; did you mean 'alexnet'? (alexnet, ...)` */
export function unknownName(what: string, name: string, allowed: readonly string[]): string {
  const nearest = allowed.length > 0 ? `; did you mean '${closest(name, allowed as string[])}'?` : ''
  return `unknown ${what} '${name}'${nearest} (${allowed.join(', ')})`
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
