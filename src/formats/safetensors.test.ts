import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FormatError, UsageError } from '../errors.ts'
import { elementCount } from '../tensor.ts'
import { readSafetensors, writeSafetensors } from './files.ts'
import { decodeSafetensors, encodeSafetensors, requireTensors, type Tensor } from './safetensors.ts'

/** A file with exactly this header and this many bytes of values. */
function fileOf(header: unknown, dataBytes = 0): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + json.length + dataBytes)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true)
  bytes.set(json, 8)
  return bytes
}

const entry = (begin: number, end: number, shape: unknown = [(end - begin) / 4], dtype = 'F32') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
})

const tensorNames = fc.string({ minLength: 1 }).filter((name) => name !== '__metadata__')
const tensors: fc.Arbitrary<Record<string, Tensor>> = fc.dictionary(
  tensorNames,
  fc.array(fc.nat(3), { maxLength: 3 }).chain((shape) => {
    const size = { minLength: elementCount(shape), maxLength: elementCount(shape) }
    return fc.oneof(
      fc.float32Array(size).map((data) => ({ shape, data })),
      fc.bigInt64Array(size).map((data) => ({ shape, data })),
    )
  }),
  { maxKeys: 5 },
)

describe('the bytes', () => {
  it('of a part of an array are those of the part, in memory and in a file', async () => {
    const parts = {
      labels: { shape: [2], data: BigInt64Array.of(1n, 2n, 3n, 4n).subarray(1, 3) },
      images: { shape: [2], data: Float32Array.of(1, 2, 3, 4).subarray(2) },
    }
    const wholes = {
      labels: { shape: [2], data: BigInt64Array.of(2n, 3n) },
      images: { shape: [2], data: Float32Array.of(3, 4) },
    }
    expect(encodeSafetensors(parts)).toEqual(encodeSafetensors(wholes))
    const folder = await mkdtemp(join(tmpdir(), 'convmark-parts-'))
    try {
      const file = join(folder, 'parts.safetensors')
      await writeSafetensors(file, parts)
      const { tensors: read } = await readSafetensors(file)
      expect([read.get('labels')!.data, read.get('images')!.data]).toEqual([
        wholes.labels.data,
        wholes.images.data,
      ])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('are those of the format', () => {
    const bytes = encodeSafetensors(
      {
        images: { shape: [2], data: Float32Array.of(1, -2) },
        labels: { shape: [], data: BigInt64Array.of(3n) },
      },
      { made: 'here' },
    )
    const json =
      '{"__metadata__":{"made":"here"},' +
      '"labels":{"dtype":"I64","shape":[],"data_offsets":[0,8]},' +
      '"images":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}'
    const headerBytes = Math.ceil(json.length / 8) * 8
    expect(Buffer.from(bytes).readBigUInt64LE()).toBe(BigInt(headerBytes))
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes))).toBe(json.padEnd(headerBytes))
    // int64 3, float32 1 and -2
    expect(Buffer.from(bytes.subarray(8 + headerBytes)).toString('hex')).toBe(
      '0300000000000000' + '0000803f000000c0',
    )
  })

  it('come back as the tensors they were', () => {
    fc.assert(
      fc.property(tensors, fc.dictionary(fc.string(), fc.string()), fc.nat(7), (written, metadata, shift) => {
        const bytes = encodeSafetensors(written, metadata)
        // As a part of a larger buffer, at any alignment
        const shifted = new Uint8Array(shift + bytes.length).subarray(shift)
        shifted.set(bytes)
        const decoded = decodeSafetensors(shifted, 'f')
        expect(decoded.metadata).toEqual(metadata)
        expect([...decoded.tensors.keys()].sort()).toEqual(Object.keys(written).sort())
        for (const [name, { shape, data }] of Object.entries(written)) {
          const dtype = data instanceof Float32Array ? 'F32' : 'I64'
          expect(decoded.tensors.get(name)).toEqual({ dtype, shape, data })
        }
      }),
    )
  })

  it('keep names that mean something to JavaScript', () => {
    const written = JSON.parse('{"__proto__": 0, "constructor": 0}')
    for (const name of Object.keys(written)) {
      Object.defineProperty(written, name, { value: { shape: [1], data: Float32Array.of(1) } })
    }
    expect([...decodeSafetensors(encodeSafetensors(written), 'f').tensors.keys()]).toEqual(
      Object.keys(written),
    )
  })

  it('cut short anywhere, or with anything behind, are refused', () => {
    fc.assert(
      fc.property(tensors, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (written, part) => {
        const bytes = encodeSafetensors(written)
        const cut = bytes.subarray(0, Math.floor(part * bytes.length))
        expect(() => decodeSafetensors(cut, 'f')).toThrow(FormatError)
        expect(() => decodeSafetensors(Uint8Array.of(...bytes, 0), 'f')).toThrow(FormatError)
      }),
    )
  })

  it('with a changed header are refused or read, and nothing else', () => {
    fc.assert(
      fc.property(tensors, fc.nat(), fc.integer({ min: 1, max: 255 }), (written, place, change) => {
        const bytes = encodeSafetensors(written, { made: 'here' })
        const headerBytes = Number(Buffer.from(bytes).readBigUInt64LE())
        bytes[place % (8 + headerBytes)]! ^= change
        try {
          decodeSafetensors(bytes, 'f')
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('are not made of data that does not fill its shape, or under the format’s own name', () => {
    const data = new Float32Array(5)
    expect(() => encodeSafetensors({ a: { shape: [2, 3], data } })).toThrow(
      new UsageError('a: 5 values do not fill its shape [2, 3]'),
    )
    expect(() => encodeSafetensors({ __metadata__: { shape: [5], data } })).toThrow(
      /^__metadata__: the name is taken/,
    )
  })
})

describe('what is refused', () => {
  const tooLong = fileOf('{}')
  new DataView(tooLong.buffer).setBigUint64(0, 100_000_001n, true)
  const cutHeader = fileOf('{}')
  new DataView(cutHeader.buffer).setBigUint64(0, 3n, true)

  it.each<[string, Uint8Array, string | RegExp]>([
    ['no bytes', new Uint8Array(0), /^f: it has 0 bytes, but a safetensors file begins with 8/],
    ['a header over 100 MB', tooLong, /^f: its header is said to have 100000001 bytes, more than 100000000/],
    ['a header over the file', cutHeader, 'f: its header has 3 bytes, but only 2 follow; it was cut short'],
    ['a header not JSON', fileOf('{'), /^f: its header is not JSON: /],
    ['a header not UTF-8', fileOf('{}').fill(0xff, 8), /^f: its header is not JSON: /],
    ['a header not an object', fileOf('[]'), 'f: its header is not a JSON object'],
    ['a header of null', fileOf('null'), 'f: its header is not a JSON object'],
    [
      'metadata not strings',
      fileOf({ __metadata__: { a: 1 } }),
      'f: its __metadata__ is not an object of strings',
    ],
    ['an entry not an object', fileOf({ a: 1 }), 'f: a: its entry in the header is not an object'],
    [
      'another dtype',
      fileOf({ a: entry(0, 4, [4], 'F8_E4M3') }, 4),
      "f: a: its dtype is 'F8_E4M3'; F32, I64, F16, BF16, F64, U8, I8 and I32 are read",
    ],
    ['no dtype', fileOf({ a: {} }), /^f: a: its dtype is undefined; F32, .* and I32 are read$/],
    [
      'a negative extent',
      fileOf({ a: entry(0, 4, [-1, -1]) }, 4),
      /^f: a: its shape \[-1,-1\] is not a list/,
    ],
    ['half an extent', fileOf({ a: entry(0, 4, [0.5, 2]) }, 4), /^f: a: its shape \[0.5,2\] is not a list/],
    ['no shape', fileOf({ a: entry(0, 4, null) }, 4), /^f: a: its shape null is not a list/],
    [
      'offsets reversed',
      fileOf({ a: entry(4, 0, []) }, 4),
      'f: a: its data_offsets [4,0] are not [begin, end]',
    ],
    ['a lone offset', fileOf({ a: { ...entry(0, 4), data_offsets: [0] } }, 4), /are not \[begin, end\]$/],
    [
      'a shape of another size',
      fileOf({ a: entry(0, 4, [2]) }, 4),
      /^f: a: F32 \[2\] takes 8 bytes, .* hold 4$/,
    ],
    ['a size past 2^53', fileOf({ a: entry(0, 4, [2 ** 40, 2 ** 40]) }, 4), /^f: a: F32 .* hold 4$/],
    [
      'offsets past the end',
      fileOf({ a: entry(0, 8) }, 4),
      'f: a: it ends at byte 8 of 4; the file was cut short',
    ],
    [
      'overlap',
      fileOf({ a: entry(0, 8), b: entry(4, 12) }, 12),
      'f: b: it begins at byte 4, within another tensor',
    ],
    [
      'a hole',
      fileOf({ b: entry(8, 12), a: entry(0, 4) }, 12),
      /^f: b: .* byte 8, but byte 4 is the next; .* hole$/,
    ],
    ['a hole in front', fileOf({ a: entry(4, 8) }, 8), /^f: a: it begins at byte 4, but byte 0 is the next/],
    ['bytes behind', fileOf({ a: entry(0, 4) }, 8), 'f: 4 bytes follow the last tensor'],
  ])('%s', (_what, bytes, message) => {
    expect(() => decodeSafetensors(bytes, 'f')).toThrow(FormatError)
    expect(() => decodeSafetensors(bytes, 'f')).toThrow(message)
  })

  it('a tensor twice', () => {
    const one = JSON.stringify(entry(0, 4))
    const header = `{"a":${one},"{\\"[,":${JSON.stringify(entry(4, 8))},"\\u0061":${one}}`
    expect(() => decodeSafetensors(fileOf(header, 8), 'f')).toThrow(
      new FormatError('f: a: it is in the header twice'),
    )
    const apart = `{"a":${one},"b":{"a":[1,{"a":2}],"dtype":"F32","shape":[0],"data_offsets":[4,4]}}`
    expect(decodeSafetensors(fileOf(apart, 4), 'f').tensors.size).toBe(2)
  })
})

describe('requireTensors', () => {
  it('gives integers as floats where they are asked for, and refuses what float32 does not have', () => {
    const require = (data: Float32Array | BigInt64Array) => {
      const { tensors } = decodeSafetensors(encodeSafetensors({ labels: { shape: [2], data } }), 'f')
      return requireTensors('f', tensors, { labels: [2] }, ['labels'])
    }
    expect(require(BigInt64Array.of(-1n, 16777216n))).toEqual({ labels: Float32Array.of(-1, 16777216) })
    expect(() => require(BigInt64Array.of(0n, 16777217n))).toThrow(
      'f: labels: value 1 of 2 is 16777217; float32 has integers exactly up to 16777216',
    )
    expect(() => require(Float32Array.of(1, 2))).toThrow('f: labels: its dtype is F32, but I64 is expected')
  })

  it.each<[string, string, readonly number[]]>([
    // float16: 1, -2, 65504, the smallest subnormal
    ['F16', '003c00c0ff7b0100', [1, -2, 65504, 2 ** -24]],
    // bfloat16: 1, -0, 3.140625, the smallest subnormal
    ['BF16', '803f008049400100', [1, -0, 3.140625, 2 ** -133]],
    // float64: 1 / 3
    ['F64', '555555555555d53f', [Math.fround(1 / 3)]],
    ['U8', '00017fff', [0, 1, 127, 255]],
    ['I8', '00017f80', [0, 1, 127, -128]],
    ['I32', '00000001ffffffff', [2 ** 24, -1]],
  ])('gives %s in float32 only where any numbers will do', (dtype, hex, numbers) => {
    const bytes = Buffer.from(hex, 'hex')
    const file = fileOf({ a: entry(0, bytes.length, [numbers.length], dtype) }, bytes.length)
    file.set(bytes, file.length - bytes.length)
    const { tensors } = decodeSafetensors(file, 'f')
    const expected = { a: [numbers.length] }
    expect(requireTensors('f', tensors, expected, [], ['a'])).toEqual({ a: Float32Array.from(numbers) })
    expect(() => requireTensors('f', tensors, expected)).toThrow(
      new FormatError(`f: a: its dtype is ${dtype}, but F32 is expected`),
    )
    expect(() => requireTensors('f', tensors, expected, ['a'], ['a'])).toThrow(
      new FormatError(`f: a: its dtype is ${dtype}, but I64 is expected`),
    )
  })

  it.each([
    ['F16', '007c', 'value 0 of 1 is Infinity; all must be finite'],
    ['BF16', 'c17f', 'value 0 of 1 is NaN; all must be finite'],
    ['F64', '9c7500883ce4377e', 'value 0 of 1 is 1e+300; all must be finite in float32'],
    ['I32', '01000001', 'value 0 of 1 is 16777217; float32 has integers exactly up to 16777216'],
    [
      'I64',
      '0100000000000000',
      'its dtype is I64, but one of F32, F16, BF16, F64, U8, I8 and I32 is expected',
    ],
  ])('refuses %s that float32 does not have', (dtype, hex, message) => {
    const bytes = Buffer.from(hex, 'hex')
    const file = fileOf({ a: entry(0, bytes.length, [1], dtype) }, bytes.length)
    file.set(bytes, file.length - bytes.length)
    const { tensors } = decodeSafetensors(file, 'f')
    expect(() => requireTensors('f', tensors, { a: [1] }, [], ['a'])).toThrow(
      new FormatError(`f: a: ${message}`),
    )
  })

  const weights = { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }
  const expected = { 'conv1/weights': [2, 2], 'conv1/biases': [1] }
  const biases = { shape: [1], data: Float32Array.of(5) }
  const good = { 'conv1/weights': weights, 'conv1/biases': biases }
  const require = (written: Record<string, Tensor>) =>
    requireTensors('f', decodeSafetensors(encodeSafetensors(written), 'f').tensors, expected)

  it('gives the values', () => {
    expect(require(good)).toEqual({ 'conv1/weights': weights.data, 'conv1/biases': biases.data })
  })

  it.each<[string, Record<string, Tensor>, string | RegExp]>([
    ['missing', { 'conv1/weights': weights }, 'f: conv1/biases: it is missing'],
    [
      'unknown',
      { ...good, 'conv1/bias': biases },
      /^f: unknown tensor 'conv1\/bias'; did you mean 'conv1\/biases'/,
    ],
    [
      'another shape',
      { ...good, 'conv1/weights': { ...weights, shape: [4] } },
      'f: conv1/weights: its shape is [4], but [2, 2] is expected',
    ],
    [
      'another type',
      { ...good, 'conv1/biases': { shape: [1], data: BigInt64Array.of(1n) } },
      'f: conv1/biases: its dtype is I64, but F32 is expected',
    ],
    [
      'NaN',
      { ...good, 'conv1/weights': { shape: [2, 2], data: Float32Array.of(1, 2, Number.NaN, 4) } },
      'f: conv1/weights: value 2 of 4 is NaN; all must be finite',
    ],
    [
      'infinite',
      { ...good, 'conv1/biases': { shape: [1], data: Float32Array.of(-Infinity) } },
      'f: conv1/biases: value 0 of 1 is -Infinity; all must be finite',
    ],
  ])('%s', (_what, written, message) => {
    expect(() => require(written)).toThrow(FormatError)
    expect(() => require(written)).toThrow(message)
  })
})

describe('files', () => {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'convmark-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('go out and come back', async () => {
    const path = join(folder, 'weights.safetensors')
    await writeFile(path, 'the old one')
    await writeSafetensors(path, { a: { shape: [2], data: Float32Array.of(1, 2) } }, { made: 'here' })
    const { tensors, metadata } = await readSafetensors(path)
    expect(tensors.get('a')?.data).toEqual(Float32Array.of(1, 2))
    expect(metadata).toEqual({ made: 'here' })
    expect(await readdir(folder)).toEqual(['weights.safetensors'])
  })

  it('that are missing or damaged are named', async () => {
    const path = join(folder, 'weights.safetensors')
    await expect(readSafetensors(path)).rejects.toThrow(
      new UsageError(`${path}: can't be read: it does not exist`),
    )
    await expect(readSafetensors(folder)).rejects.toThrow(
      new UsageError(`${folder}: can't be read: it is a folder`),
    )
    await writeFile(path, 'x')
    await expect(readSafetensors(path)).rejects.toThrow(FormatError)
    await expect(readSafetensors(path)).rejects.toThrow(path)
  })
})
