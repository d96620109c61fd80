import { describe, expect, it } from 'vitest'
import { fromBfloat16, fromFloat16 } from './half-floats.ts'

describe('fromFloat16', () => {
  // From the table of examples in IEEE 754 binary16.
  it.each([
    [0x0000, 0],
    [0x8000, -0],
    [0x0001, 2 ** -24],
    [0x8001, -(2 ** -24)],
    [0x03ff, 2 ** -14 - 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x3bff, 1 - 2 ** -11],
    [0x3c00, 1],
    [0x3c01, 1 + 2 ** -10],
    [0xc000, -2],
    [0x7bff, 65504],
    [0xfbff, -65504],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
    [0x7c01, Number.NaN],
    [0x7e00, Number.NaN],
    [0xffff, Number.NaN],
  ])('%i is %d', (bits, value) => {
    expect(fromFloat16(bits)).toBe(value)
  })
})

describe('fromBfloat16', () => {
  it.each([
    [0x0000, 0],
    [0x8000, -0],
    [0x0001, 2 ** -133],
    [0x807f, -(2 ** -126 - 2 ** -133)],
    [0x0080, 2 ** -126],
    [0x3eab, 0.333984375],
    [0x3f80, 1],
    [0x3f81, 1 + 2 ** -7],
    [0xc049, -3.140625],
    [0x7f7f, 2 ** 127 * (2 - 2 ** -7)],
    [0x7f80, Infinity],
    [0xff80, -Infinity],
    [0x7f81, Number.NaN],
    [0xffff, Number.NaN],
  ])('%i is %d', (bits, value) => {
    expect(fromBfloat16(bits)).toBe(value)
  })
})
