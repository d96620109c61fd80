import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BINARY } from '../../test/support/operations.ts'
import { extentsOf } from './extents.ts'
import { interpret } from './interpret.ts'
import { type KernelFunction, type Program, ProgramBuilder, type Vector } from './program.ts'
import { encodeWasm } from './wasm/encode.ts'
import { wasmFeatures } from './wasm/features.ts'

const FLOATS = 64

/** Runs a program with one pointer on both targets over the same memory; returns the bits of both memories. */
function runOnBoth(program: Program, values: Float32Array, relaxedMadd = false): [Uint32Array, Uint32Array] {
  const wasmMemory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true })
  const module = new WebAssembly.Module(encodeWasm(program, { relaxedMadd }))
  const run = new WebAssembly.Instance(module, { env: { memory: wasmMemory } }).exports.run as KernelFunction
  new Float32Array(wasmMemory.buffer).set(values)
  run(0)
  const memory = new ArrayBuffer(wasmMemory.buffer.byteLength)
  new Float32Array(memory).set(values)
  interpret(program, memory)(0)
  return [new Uint32Array(wasmMemory.buffer, 0, FLOATS), new Uint32Array(memory, 0, FLOATS)]
}

/** Reads vectors at floats 0, 4 and 8, and stores the result of `write` at 32. */
function operation(write: (b: ProgramBuilder, x: Vector, y: Vector, z: Vector) => Vector): Program {
  const b = new ProgramBuilder('operation', 4, ['data'])
  const data = b.parameter('data')
  b.store(data, 128, write(b, b.load(data, 0), b.load(data, 16), b.load(data, 32)))
  return b.finish()
}

const float = fc.float({ noDefaultInfinity: false, noNaN: true })
const vectors = fc.array(float, { minLength: 12, maxLength: 12 }).map((v) => Float32Array.from(v))

const operations: Record<string, Program> = {
  ...Object.fromEntries(BINARY.map((op) => [op, operation((b, x, y) => b.binary(op, x, y))])),
  sqrt: operation((b, x) => b.unary('sqrt', b.mul(x, x))),
  toInt: operation((b, x) => b.unary('toInt', x)),
  toFloat: operation((b, x) => b.unary('toFloat', x)),
  copy: operation((b, x) => b.unary('copy', x)),
  horizontalSum: operation((b, x) => b.unary('horizontalSum', x)),
  shiftLeft: operation((b, x) => b.shift('shiftLeft', x, 5)),
  shiftRight: operation((b, x) => b.shift('shiftRight', x, 23)),
  permute: operation((b, x) => b.permute(x, [2, 0, 3, 3])),
  select: operation((b, x, y, z) => b.select(b.binary('lessThan', x, y), y, z)),
  splat: operation((b, x) => b.add(x, b.splat(0.1))),
  splatInt: operation((b, x) => b.binary('xor', x, b.splatInt(-12345))),
  laneIndexes: operation((b, x) => b.binary('addInt', x, b.laneIndexes())),
  broadcast: operation((b) => b.broadcast(b.parameter('data'), 20)),
  loadLane: operation((b) => b.loadLane(b.parameter('data'), 24)),
}

/** Bits in which all NaNs are equal: no specification says which NaN an operation returns. */
const sameNaN = (bits: Uint32Array) =>
  Array.from(bits, (word) => ((word & 0x7fffffff) > 0x7f800000 ? 'NaN' : word.toString(16)))

describe('the wasm target', () => {
  it.each(Object.keys(operations))('%s gives the bits that interpret gives', (name) => {
    fc.assert(
      fc.property(vectors, (values) => {
        const [wasm, interpreted] = runOnBoth(operations[name]!, values)
        expect(sameNaN(wasm)).toEqual(sameNaN(interpreted))
      }),
    )
  })

  it('max is a < b ? b : a, so that a NaN in a stays and one in b does not come in', () => {
    const values = new Float32Array(12)
    values.set([Number.NaN, 1, -0, 2, 1, Number.NaN, 0, 3])
    for (const bits of runOnBoth(operations.max!, values)) {
      expect([...new Float32Array(bits.buffer, 128, 4)]).toEqual([Number.NaN, 1, -0, 3])
    }
  })

  it('min is b < a ? b : a, for the same reason', () => {
    const values = new Float32Array(12)
    values.set([Number.NaN, 1, -0, 3, 1, Number.NaN, 0, 2])
    for (const bits of runOnBoth(operations.min!, values)) {
      expect([...new Float32Array(bits.buffer, 128, 4)]).toEqual([Number.NaN, 1, -0, 2])
    }
  })

  it('what is interleaved is written in turns; it must not move pointers', () => {
    const b = new ProgramBuilder('turns', 4, ['data'])
    const data = b.parameter('data')
    b.interleave([
      () => b.store(data, 0, b.mul(b.load(data, 0), b.splat(2))),
      () => b.store(data, 16, b.load(data, 16)),
    ])
    expect(b.finish().body.map(({ op }) => op)).toEqual(['load', 'load', 'splat', 'store', 'mul', 'store'])
    expect(() => b.interleave([() => b.advance(data, 16)])).toThrow(
      'turns: what is interleaved moves a pointer',
    )
  })

  it('fma is a sum and a product, rounded once where the engine has relaxed SIMD', () => {
    const program = operation((b, x, y, z) => {
      b.fma(z, x, y)
      return z
    })
    const features = [false, ...(wasmFeatures().relaxedMadd ? [true] : [])]
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: 12, maxLength: 12 }),
        (v) => {
          for (const relaxedMadd of features) {
            const [bits] = runOnBoth(program, Float32Array.from(v), relaxedMadd)
            const result = new Float32Array(bits.buffer, 128, 4)
            for (let lane = 0; lane < 4; lane++) {
              const product = v[lane]! * v[lane + 4]!
              const [once, twice] = [
                Math.fround(product + v[lane + 8]!),
                Math.fround(Math.fround(product) + v[lane + 8]!),
              ]
              expect([once, twice]).toContain(result[lane])
            }
          }
        },
      ),
    )
  })

  it('refuses a program of another width, with its name', () => {
    const wide = new ProgramBuilder('wide one', 8, []).finish()
    expect(() => encodeWasm(wide, { relaxedMadd: false })).toThrow(
      'wide one is written for 8 lanes; wasm has 4',
    )
  })

  it('encodes offsets below zero, loops in loops and more than 127 registers', () => {
    const b = new ProgramBuilder('loops', 4, ['data'])
    const data = b.parameter('data')
    const sums = Array.from({ length: 150 }, (_, i) => b.splat(i))
    const end = b.point(data, 256)
    b.loop(3, () => {
      b.loop(5, () => {
        for (const sum of sums) b.assign(sum, b.add(sum, b.broadcast(end, -252)))
      })
      b.loop(1, () => b.advance(end, 0))
    })
    b.store(
      end,
      -128,
      sums.reduce((all, sum) => b.add(all, sum)),
    )
    const values = new Float32Array(FLOATS).fill(2)
    const [wasm, interpreted] = runOnBoth(b.finish(), values)
    expect(wasm).toEqual(interpreted)
    const total = (150 * 149) / 2 + 150 * 15 * 2
    expect([...new Float32Array(wasm.buffer, 128, 4)]).toEqual(Array(4).fill(total))
  })
})

describe('a prefetch', () => {
  /** Doubles vectors in a loop; asks for places near and far, also where there is no memory at all. */
  const doubled = (isAhead: boolean): Program => {
    const b = new ProgramBuilder('doubled', 4, ['data', 'ahead'])
    const [data, ahead] = [b.parameter('data'), b.parameter('ahead')]
    b.walk(3, [[data, 16]], () => {
      if (isAhead) for (const offset of [0, 64, -(2 ** 30), 2 ** 30]) b.prefetch(ahead, offset)
      b.store(data, 128, b.mul(b.load(data), b.splat(2)))
      if (isAhead) b.prefetch(data, 2 ** 20)
    })
    return b.finish()
  }

  it('is in the program once for each call', () => {
    const [loop] = doubled(true).body
    expect(loop).toMatchObject({ op: 'loop' })
    const inner = 'body' in loop! ? loop.body : []
    expect(inner.filter(({ op }) => op === 'prefetch')).toHaveLength(5)
  })

  it('changes no result, on neither target', () => {
    const values = Float32Array.from({ length: FLOATS }, (_, i) => i)
    const [wasm, interpreted] = runOnBoth(doubled(true), values)
    expect([...new Float32Array(interpreted.buffer, 128, 12)]).toEqual(
      Array.from({ length: 12 }, (_, i) => 2 * i),
    )
    expect(wasm).toEqual(interpreted)
  })

  it('is nothing in wasm, which has none', () => {
    const options = { relaxedMadd: false }
    expect(encodeWasm(doubled(true), options)).toEqual(encodeWasm(doubled(false), options))
  })

  it('reads nothing: its address may be outside of every buffer', () => {
    expect(extentsOf(doubled(true))).toEqual(extentsOf(doubled(false)))
    const [, ahead] = extentsOf(doubled(true))
    expect(ahead!.readFrom).toBeGreaterThan(ahead!.readTo)
  })
})

describe('a program', () => {
  it('joins moves of a pointer, and leaves out those that come to nothing', () => {
    const b = new ProgramBuilder('moves', 4, ['p', 'q'])
    const [p, q] = [b.parameter('p'), b.parameter('q')]
    b.walk(
      3,
      [
        [p, 16],
        [q, 4],
      ],
      () => b.store(p, 0, b.load(q)),
    )
    b.advance(p, 48)
    const { body } = b.finish()
    expect(body).toHaveLength(2)
    expect(body[1]).toEqual({ op: 'advance', pointer: q, bytes: -12 })
  })

  it('knows what it reads and writes through each parameter', () => {
    const b = new ProgramBuilder('extents', 8, ['from', 'to', 'idle'])
    const [from, to] = [b.parameter('from'), b.parameter('to')]
    b.walk(
      10,
      [
        [from, -4],
        [to, 64],
      ],
      () => {
        b.loop(3, () => {
          b.storeLane(to, 8, b.broadcast(from, 4))
          b.advance(to, 32)
        })
        b.advance(to, -96)
        b.store(b.point(to, 100), 4, b.load(from))
      },
    )
    const [reads, writes, idle] = extentsOf(b.finish())
    expect([reads!.readFrom, reads!.readTo]).toEqual([-36, 32])
    expect([writes!.writeFrom, writes!.writeTo]).toEqual([8, 9 * 64 + 104 + 32])
    expect(idle!.readFrom).toBeGreaterThan(idle!.readTo)
  })
})
