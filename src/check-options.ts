// What options may be. TypeScript checks them when code is compiled; this checks them for everybody else, and checks
// data from files.
import { FormatError, UsageError, unknownName } from './errors.ts'
import { shownValue } from './plain-text.ts'
import { isPositiveInteger } from './tensor.ts'

/** What a value must be. */
export interface Rule {
  /** What is wrong with the value, in words that begin with `name`; null if nothing is. */
  fault(value: unknown, name: string): string | null
}

/** A rule of an option that may be left out or undefined. */
export interface OptionalRule extends Rule {
  readonly isOptional: true
}

/** One rule for each option. A table does not compile if it lacks one, has another, or confuses optional and required ones. */
export type Rules<Options> = {
  readonly [Key in keyof Required<Options>]: undefined extends Options[Key] ? OptionalRule : RequiredRule
}

/** A rule of an option that must be given. */
export type RequiredRule = Rule & { readonly isOptional?: never }

type AnyRules = Readonly<Record<string, Rule>>

/**
 * Throws UsageError, or `Thrown`, if `options` is not an object, has a key that is not in `rules` (and suggests the
 * nearest), lacks a required one, or has a value that its rule refuses. The message begins with `what`, the owner of
 * the options.
 */
export function requireOptions(
  what: string,
  options: unknown,
  rules: AnyRules,
  Thrown: new (message: string) => Error = UsageError,
): void {
  const fault = faultOf(options, rules, '')
  if (fault !== null) throw new Thrown(`${what}: ${fault}`)
}

/** What is wrong with an object of options, as a rule's `fault`; the outermost object has the name ''. */
export function faultOf(options: unknown, rules: AnyRules, name: string): string | null {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    return `${name || 'options'} must be an object ({ ${Object.keys(rules).join(', ')} }), not ${shownValue(options)}`
  }
  for (const key of Object.keys(options)) {
    if (!Object.hasOwn(rules, key))
      return unknownName(name === '' ? 'option' : `key of ${name}`, key, Object.keys(rules))
  }
  for (const [key, rule] of Object.entries(rules)) {
    const value = (options as Readonly<Record<string, unknown>>)[key]
    const fault = rule.fault(value, name === '' ? key : `${name}.${key}`)
    if (fault !== null) return fault
  }
  return null
}

/**
 * As `requireOptions`, for data read from a file; `name` is the name of the content. Throws FormatError, which does not
 * name the file: see `ofFile`.
 */
export function requireContent<Content>(name: string, value: unknown, rules: Rules<Content>): Content {
  const fault = faultOf(value, rules, name)
  if (fault !== null) throw new FormatError(fault)
  return value as Content
}

/** `allowed` ends the sentence 'it must be ...'. */
export function must(accepts: (value: never) => boolean, allowed: string): RequiredRule {
  return {
    fault: (value, name) => {
      if (accepts(value as never)) return null
      return `${name} is ${value === undefined ? 'missing' : shownValue(value)}; it must be ${allowed}`
    },
  }
}

export function optional(rule: Rule): OptionalRule {
  return {
    isOptional: true,
    fault: (value, name) => (value === undefined ? null : rule.fault(value, name)),
  }
}

/** The same rules, with every option optional. */
export function withAllOptional<Options>(rules: Rules<Options>): Rules<Partial<Options>> {
  const entries = Object.entries<Rule>(rules).map(([name, rule]) => [name, optional(rule)])
  return Object.fromEntries(entries) as Rules<Partial<Options>>
}

export function orNull(rule: Rule): RequiredRule {
  return { fault: (value, name) => (value === null ? null : rule.fault(value, name)) }
}

/** An object with these keys and no others. */
export function objectWith<Options>(rules: Rules<Options>): RequiredRule {
  return { fault: (value, name) => faultOf(value, rules, name) }
}

/** Items are named by their index: `layers[0]`. */
export function arrayOf(rule: Rule): RequiredRule {
  return {
    fault: (value, name) => {
      if (!Array.isArray(value)) return someArray.fault(value, name)
      for (const [i, item] of value.entries()) {
        const fault = rule.fault(item, `${name}[${i}]`)
        if (fault !== null) return fault
      }
      return null
    },
  }
}

/**
 * A plain object, of any realm. Others are refused: for example, a Map's entries are not keys, and would be silently
 * ignored.
 */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** An object with any keys, whose values are of one kind. */
export function recordOf(rule: Rule, allowed: string): RequiredRule {
  return {
    fault: (value, name) => {
      if (!isRecord(value)) return must(() => false, allowed).fault(value, name)
      for (const [key, item] of Object.entries(value)) {
        const fault = rule.fault(item, `${name} of ${key}`)
        if (fault !== null) return fault
      }
      return null
    },
  }
}

export function oneOf(allowed: readonly string[]): RequiredRule {
  return {
    fault: (value, name) =>
      typeof value === 'string' && !allowed.includes(value)
        ? unknownName(name, value, allowed)
        : must(
            (given: string) => allowed.includes(given),
            allowed.map((each) => `'${each}'`).join(' or '),
          ).fault(value, name),
  }
}

/** Engines flush smaller numbers to 0. */
const SMALLEST_NORMAL = 2 ** -126

/** A rule for numbers that engines compute with. It applies to the value in float32, where 1e39 is infinite and 1e-40 is 0. */
function float32(accepts: (value: number) => boolean, allowed: string): RequiredRule {
  const isAllowed = (value: number): boolean => Number.isFinite(value) && accepts(value)
  return {
    fault: (value, name) => {
      if (typeof value !== 'number') return must(() => false, allowed).fault(value, name)
      const float = Math.fround(value)
      const rounded = Math.abs(float) < SMALLEST_NORMAL ? 0 : float
      if (isAllowed(rounded)) return null
      const why = isAllowed(value) ? ` in float32, where it is ${rounded}` : ''
      return must(() => false, `${allowed}${why}`).fault(value, name)
    },
  }
}

export const positiveInteger = must(isPositiveInteger, 'a positive integer')
export const integerFromZero = must(
  (value: unknown) => value === 0 || isPositiveInteger(value),
  'an integer from 0 to 2^53 - 1',
)
export const finiteNumber = float32(() => true, 'a finite number')
export const numberFromZero = float32((value) => value >= 0, 'a finite number from 0')
export const numberOverZero = float32((value) => value > 0, 'a finite number over 0')
export const shareUpToOne = float32((value) => value >= 0 && value <= 1, 'a number from 0 to 1')
export const shareBelowOne = float32((value) => value >= 0 && value < 1, 'a number from 0 to below 1')
/** Checked elsewhere, or not at all. */
export const anything: OptionalRule = { isOptional: true, fault: () => null }
export const someArray = must(Array.isArray, 'an array')
export const trueOrFalse = must((value: unknown) => typeof value === 'boolean', 'true or false')
export const someText = must((value: unknown) => typeof value === 'string', 'text')
export const someFunction = must((value: unknown) => typeof value === 'function', 'a function')
export const someObject = must((value: unknown) => typeof value === 'object' && value !== null, 'an object')
export const arrayOfText = must(
  (value: unknown) => Array.isArray(value) && value.every((item) => typeof item === 'string'),
  'an array of text',
)
export const float32Tensors = recordOf(
  must((value: unknown) => value instanceof Float32Array, 'a Float32Array'),
  'an object of Float32Arrays by name',
)
/** Recognised by the methods that are used, so polyfills and other realms work too. */
export const abortSignal = must(
  (value: AbortSignal | null) =>
    typeof value === 'object' &&
    typeof value?.aborted === 'boolean' &&
    [value.throwIfAborted, value.addEventListener, value.removeEventListener].every(
      (method) => typeof method === 'function',
    ),
  'an AbortSignal, with its throwIfAborted',
)
