import { closest, distance } from 'fastest-levenshtein'
import { inOneLine, shortened } from './plain-text.ts'

/** Only messages that contain a file's content are longer. */
const MAX_MESSAGE_LENGTH = 10_000

/**
 * The root of all errors that convmark throws on purpose. Each class sets its name as text, since a page's bundler
 * shortens class names. A message is one line: line breaks and other control characters, which may come from a file or
 * from another library, are escaped.
 */
export class ConvmarkError extends Error {
  override readonly name: string = 'ConvmarkError'
  /**
   * The command line's exit code: 1 for a failure, 2 for a UsageError, 4 for an UnavailableError, 130 for an
   * InterruptedError.
   */
  readonly exitCode: number = 1
  constructor(message = '', options?: ErrorOptions) {
    super(inOneLine(shortened(message, MAX_MESSAGE_LENGTH)), options)
  }
}

/** A request that can't be meant: an unknown name, or a value out of range. */
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

/** An engine, target or peer that can't be used on this machine; says what is missing. */
export class UnavailableError extends ConvmarkError {
  override readonly name: string = 'UnavailableError'
  override readonly exitCode = 4
  /** What is missing, without the advice that may follow in the message. */
  readonly reason: string

  constructor(reason = '', { advice, ...options }: ErrorOptions & { readonly advice?: string } = {}) {
    super(advice === undefined ? reason : `${reason}; ${advice}`, options)
    this.reason = reason
  }
}

/** The engine's results were compared with the truth and are wrong; names step and tensor. */
export class CheckError extends ConvmarkError {
  override readonly name: string = 'CheckError'
}

/** A file that is damaged or not what it should be; names the file and the tensor. */
export class FormatError extends ConvmarkError {
  override readonly name: string = 'FormatError'
}

/** A training whose loss is no longer finite; says where that began. */
export class DivergedError extends ConvmarkError {
  override readonly name: string = 'DivergedError'
}

/** An image that can't be read, decoded or trusted; names its file. */
export class DamagedImageError extends FormatError {
  override readonly name: string = 'DamagedImageError'
  constructor(
    /** The file that the image is in. */
    readonly file: string,
    /** What is wrong with it: the message without the file's name. */
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`${file}: ${reason}`, options)
  }
}

/** Interrupted by the caller's AbortSignal, or by Ctrl-C. */
export class InterruptedError extends ConvmarkError {
  override readonly name: string = 'InterruptedError'
  override readonly exitCode = 130
}

/**
 * Whether an error says only that the signal ended the work: it is convmark's own, or the signal's reason, which
 * platforms throw as it is or as an AbortError. Any other error is a fault that happened at the same time.
 */
export function isInterruption(error: unknown, signal: AbortSignal | undefined): boolean {
  if (error instanceof InterruptedError) return true
  if (!signal?.aborted) return false
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError')
}

const MAX_NAME_LENGTH = 80
const MAX_NAMES = 40

/**
 * A message for a name that is not allowed: `unknown network 'alexnt'; did you mean 'alexnet'? (alexnet, ...)`. It asks
 * only if there is a similar name.
 */
export function unknownName(what: string, name: unknown, allowed: readonly string[]): string {
  const shown = shortened(String(name), MAX_NAME_LENGTH)
  if (allowed.length === 0) return `unknown ${what} '${shown}'`
  const near = nearestName(shown, allowed)
  const question = near === null ? '' : `; did you mean '${near}'?`
  const rest = allowed.length > MAX_NAMES ? `, and ${allowed.length - MAX_NAMES} more` : ''
  return `unknown ${what} '${shown}'${question} (${allowed.slice(0, MAX_NAMES).join(', ')}${rest})`
}

const MIN_PART_LENGTH = 3

/**
 * The allowed name that was probably meant, ignoring case: few letters differ, or it contains the given one. Null if
 * there is none.
 */
export function nearestName(name: string, allowed: readonly string[]): string | null {
  if (allowed.length === 0) return null
  const given = name.toLowerCase()
  const lower = allowed.map((each) => each.toLowerCase())
  const near = closest(given, lower)
  const isNear = distance(given, near) <= Math.max(2, given.length / 3)
  const isPart = given.length >= MIN_PART_LENGTH
  const found = isNear ? lower.indexOf(near) : isPart ? lower.findIndex((each) => each.includes(given)) : -1
  return allowed[found] ?? null
}

/** An error's message; of a value that is no Error, its text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Returns what `read` makes of a file's content. Its ConvmarkErrors become FormatErrors that name the file. */
export function ofFile<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    const isNamed = error instanceof FormatError && error.message.startsWith(`${inOneLine(file)}: `)
    if (isNamed || !(error instanceof ConvmarkError)) throw error
    throw new FormatError(`${file}: ${error.message}`, { cause: error })
  }
}
