import { closest } from 'fastest-levenshtein'

/** The root of all errors that convmark throws on purpose. `exitCode` is what the command line ends with. */
export class ConvmarkError extends Error {
  readonly exitCode: number = 1
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/** A request that can't be meant: an unknown name, a value out of range. */
export class UsageError extends ConvmarkError {
  override readonly exitCode = 2
}

/** A shape that does not fit; names the layer or tensor. */
export class ShapeError extends UsageError {}

/** A network that is not well-formed: names that clash or are missing, options that no layer takes. */
export class NetworkError extends UsageError {}

/** An engine, target or peer that this machine does not have; says what is missing. */
export class UnavailableError extends ConvmarkError {
  override readonly exitCode = 4
}

/** The engine's results were compared with the truth and are wrong; names step and tensor. */
export class CheckError extends ConvmarkError {}

/** A file that is damaged or not what it should be; names the file and the tensor. */
export class FormatError extends ConvmarkError {}

/** A training whose loss is no number any more; says where that began. */
export class DivergedError extends ConvmarkError {}

/** An image that can't be read, decoded or trusted; names its file. `reason` is the message without that name. */
export class DamagedImageError extends FormatError {
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
