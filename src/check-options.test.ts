import { runInNewContext } from 'node:vm'
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  abortSignal,
  float32Tensors,
  numberFromZero,
  numberOverZero,
  objectWith,
  oneOf,
  optional,
  orNull,
  positiveInteger,
  type Rules,
  recordOf,
  requireOptions,
  someText,
  trueOrFalse,
} from './check-options.ts'
import { NetworkError, UsageError } from './errors.ts'

interface Options {
  readonly count: number
  readonly way?: 'up' | 'down'
  readonly inner?: { readonly isOn: boolean }
  readonly label?: string | null
  readonly sizes?: Readonly<Record<string, number>>
}

const rules: Rules<Options> = {
  count: positiveInteger,
  way: optional(oneOf(['up', 'down'])),
  inner: optional(objectWith<{ isOn: boolean }>({ isOn: trueOrFalse })),
  label: optional(orNull(someText)),
  sizes: optional(recordOf(positiveInteger, 'an object of sizes')),
}

describe('options', () => {
  it.each([
    { count: 1 },
    { count: 1, way: undefined, inner: undefined, label: undefined },
    { count: 1, way: 'up', inner: { isOn: false }, label: null, sizes: { a: 1 } },
    { count: 1, sizes: Object.assign(Object.create(null), { a: 1 }) },
    { count: 1, sizes: runInNewContext('({ a: 1 })') },
    Object.assign(Object.create(null), { count: 1 }),
  ])('are %o', (options) => expect(() => requireOptions('it', options, rules)).not.toThrow())

  it.each<[unknown, string]>([
    [{}, 'it: count is missing; it must be a positive integer'],
    [{ count: undefined }, 'it: count is missing'],
    [{ count: null }, 'it: count is null; it must be a positive integer'],
    [{ count: '1' }, "it: count is '1'; it must be a positive integer"],
    [{ count: 1n }, 'it: count is 1n'],
    [
      { count: 1, waay: 'up' },
      "it: unknown option 'waay'; did you mean 'way'? (count, way, inner, label, sizes)",
    ],
    [{ count: 1, waay: undefined }, "it: unknown option 'waay'"],
    [{ count: 1, toString: 'up' }, "it: unknown option 'toString'"],
    [JSON.parse('{"count": 1, "__proto__": {}}'), "it: unknown option '__proto__'"],
    [{ count: 1, way: 'upp' }, "it: unknown way 'upp'; did you mean 'up'? (up, down)"],
    [{ count: 1, way: 1 }, "it: way is 1; it must be 'up' or 'down'"],
    [{ count: 1, inner: { isOm: true } }, "it: unknown key of inner 'isOm'; did you mean 'isOn'? (isOn)"],
    [{ count: 1, inner: {} }, 'it: inner.isOn is missing; it must be true or false'],
    [{ count: 1, inner: true }, 'it: inner must be an object ({ isOn }), not true'],
    [{ count: 1, label: 5 }, 'it: label is 5; it must be text'],
    [{ count: 1, sizes: { a: 1, b: -1 } }, 'it: sizes of b is -1; it must be a positive integer'],
    [{ count: 1, sizes: [1] }, 'it: sizes is [1]; it must be an object of sizes'],
    [{ count: 1, sizes: new Map([['a', 1]]) }, 'it must be an object of sizes'],
    [{ count: 1, sizes: new Set() }, 'it must be an object of sizes'],
    [undefined, 'it: options must be an object ({ count, way, inner, label, sizes }), not undefined'],
    [null, 'not null'],
    ['count', "not 'count'"],
    [[1], 'not [1]'],
  ])('are not %o', (options, message) => {
    expect(() => requireOptions('it', options, rules)).toThrow(UsageError)
    expect(() => requireOptions('it', options, rules)).toThrow(message)
    expect(() => requireOptions('it', options, rules, NetworkError)).toThrow(NetworkError)
  })

  it('may be a number that engines don’t take for 0: a batch norm’s epsilon of less would divide by 0', () => {
    expect(numberOverZero.fault(1.2e-38, 'x')).toBeNull()
    for (const tiny of [1.1e-38, 1e-50])
      expect(numberOverZero.fault(tiny, 'x')).toContain('a finite number over 0 in float32, where it is 0')
    expect(numberFromZero.fault(1e-40, 'x')).toBeNull()
  })

  it('may be a signal of any make, and tensors of float32', () => {
    expect(abortSignal.fault(new AbortController().signal, 'signal')).toBeNull()
    expect(abortSignal.fault(new AbortController(), 'signal')).toContain('must be an AbortSignal')
    expect(abortSignal.fault(null, 'signal')).toContain('must be an AbortSignal')
    const old = { aborted: false, reason: undefined, addEventListener() {}, removeEventListener() {} }
    expect(abortSignal.fault({ ...old, throwIfAborted() {} }, 'signal')).toBeNull()
    expect(abortSignal.fault(old, 'signal')).toContain('an AbortSignal, with its throwIfAborted')
    expect(float32Tensors.fault({ a: new Float32Array(2) }, 'x')).toBeNull()
    expect(float32Tensors.fault({ a: new Float64Array(2) }, 'x')).toBe(
      'x of a is a Float64Array of 2 values; it must be a Float32Array',
    )
    expect(float32Tensors.fault(new Float32Array(2), 'x')).toContain('x is a Float32Array of 2 values')
  })

  it('and rules that do not belong together do not compile', () => {
    // @ts-expect-error a rule is missing
    const tooFew: Rules<Options> = { count: positiveInteger }
    // @ts-expect-error an option that may be left out
    const tooStrict: Rules<{ readonly count?: number }> = { count: positiveInteger }
    // @ts-expect-error an option that may not
    const tooLax: Rules<{ readonly count: number }> = { count: optional(positiveInteger) }
    expectTypeOf([tooFew, tooStrict, tooLax]).toBeArray()
  })
})
