import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assembleAgain, disassemble, hasBinutils } from '../../../test/support/binutils.ts'
import { BINARY } from '../../../test/support/operations.ts'
import { addressOf, compileX64, runnable, runOnBoth } from '../../../test/support/x64.ts'
import { kernelOf, kernels } from '../../kernels/index.ts'
import { alexnet } from '../../networks/alexnet.ts'
import { createPlan } from '../../plan/plan.ts'
import { type BinaryOperation, type Program, ProgramBuilder, type Vector } from '../program.ts'
import { encodeX64, X64_TARGETS, type X64Target } from './encode.ts'

const TARGETS = ['avx2', 'avx512'] as const

/** Operations whose results have the same bits everywhere, whatever their operands. */
const CANONICAL: ReadonlySet<BinaryOperation> = new Set([
  'lessThan',
  'equal',
  'unordered',
  'and',
  'andNot',
  'or',
  'xor',
])

/** What a random program does next. Operands are chosen among the existing vectors, by number. */
type Move =
  | { readonly kind: 'load' | 'broadcast' | 'loadLane'; readonly at: number }
  | { readonly kind: 'splat' | 'splatInt'; readonly value: number }
  | { readonly kind: 'laneIndexes' }
  | { readonly kind: 'binary'; readonly op: BinaryOperation; readonly a: number; readonly b: number }
  | { readonly kind: 'unary'; readonly op: 'sqrt' | 'toFloat' | 'horizontalSum'; readonly a: number }
  | {
      readonly kind: 'shift'
      readonly op: 'shiftLeft' | 'shiftRight'
      readonly a: number
      readonly bits: number
    }
  | { readonly kind: 'fma' | 'assign'; readonly to: number; readonly a: number; readonly b: number }
  | {
      readonly kind: 'select'
      readonly a: number
      readonly b: number
      readonly c: number
      readonly d: number
    }
  | {
      readonly kind: 'polynomial'
      readonly a: number
      readonly b: number
      readonly values: readonly number[]
    }
  | { readonly kind: 'permute'; readonly a: number; readonly first: number; readonly step: number }
  | { readonly kind: 'store' | 'storeLane'; readonly a: number; readonly at: number }
  | { readonly kind: 'prefetch'; readonly offset: number }
  | { readonly kind: 'loop'; readonly count: number; readonly step: number; readonly moves: readonly Move[] }

const pick = fc.nat(1000)
const place = fc.nat(15)
const moveOf = (depth: number): fc.Arbitrary<Move> =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constantFrom('load', 'broadcast', 'loadLane'), at: place }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('splat'), value: fc.float({ noNaN: true }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('splatInt'), value: fc.integer() }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'laneIndexes' }) },
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('binary'), op: fc.constantFrom(...BINARY), a: pick, b: pick }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('unary'),
        op: fc.constantFrom('sqrt', 'toFloat', 'horizontalSum'),
        a: pick,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('shift'),
        op: fc.constantFrom('shiftLeft', 'shiftRight'),
        a: pick,
        bits: fc.integer({ min: 1, max: 31 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constantFrom('fma', 'assign'), to: pick, a: pick, b: pick }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('polynomial'),
        a: pick,
        b: pick,
        values: fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 3 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('select'), a: pick, b: pick, c: pick, d: pick }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('permute'), a: pick, first: fc.nat(15), step: fc.nat(15) }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('store', 'storeLane'), a: pick, at: place }) },
    // Also where there is no memory
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('prefetch'), offset: fc.integer({ min: -(2 ** 31) }) }),
    },
    ...(depth > 0
      ? [
          {
            weight: 2,
            arbitrary: fc.record({
              kind: fc.constant('loop'),
              count: fc.integer({ min: 1, max: 4 }),
              step: fc.integer({ min: -2, max: 2 }),
              moves: fc.array(moveOf(depth - 1), { minLength: 1, maxLength: 6 }),
            }),
          },
        ]
      : []),
  ) as fc.Arbitrary<Move>

/** At most this many vectors are alive at once: older ones are not chosen. */
const ALIVE = 8
const FLOATS = 1024
const MIDDLE = FLOATS / 2

function programOf(moves: readonly Move[], lanes: number): Program {
  const b = new ProgramBuilder('random', lanes, ['data'])
  const data = b.point(b.parameter('data'), MIDDLE * 4)
  const write = (list: readonly Move[], outer: readonly Vector[]): void => {
    const vectors = [...outer]
    const from = (number: number): Vector => vectors[number % vectors.length]!
    // The processor decides which NaN comes out, and integers would see its bits, so it is replaced by 0.
    const number = (vector: Vector): Vector => b.select(b.binary('equal', vector, vector), vector, b.splat(0))
    const make = (vector: Vector): void => {
      vectors.push(vector)
      if (vectors.length > ALIVE) vectors.splice(Math.min(outer.length, 4), 1)
    }
    for (const move of list) {
      switch (move.kind) {
        case 'load':
        case 'broadcast':
        case 'loadLane':
          make(b[move.kind](data, move.at * 4))
          break
        case 'splat':
        case 'splatInt':
          make(b[move.kind](move.value))
          break
        case 'laneIndexes':
          make(b.laneIndexes())
          break
        case 'binary': {
          const made = b.binary(move.op, from(move.a), from(move.b))
          make(CANONICAL.has(move.op) ? made : number(made))
          break
        }
        case 'unary':
          make(number(b.unary(move.op, from(move.a))))
          break
        case 'shift':
          make(b.shift(move.op, from(move.a), move.bits))
          break
        case 'fma':
          b.fma(from(move.to), from(move.a), from(move.b))
          b.assign(from(move.to), number(from(move.to)))
          break
        case 'polynomial': {
          // Constants that products are added to, as in kernels/math.ts
          const sum = move.values.reduce<Vector>(
            (value, constant) => {
              const next = b.splat(constant)
              b.fma(next, value, from(move.a))
              return next
            },
            b.mul(from(move.b), b.splat(0.5)),
          )
          make(number(sum))
          break
        }
        case 'assign':
          b.assign(from(move.to), number(b.add(from(move.a), from(move.b))))
          break
        case 'select': {
          const mask = b.binary('lessThan', from(move.a), from(move.b))
          make(b.select(mask, from(move.c), from(move.d)))
          break
        }
        case 'permute': {
          const numbers = Array.from({ length: lanes }, (_, lane) => (move.first + move.step * lane) % lanes)
          make(b.permute(from(move.a), numbers))
          break
        }
        case 'store':
        case 'storeLane':
          b[move.kind](data, move.at * 4, from(move.a))
          break
        case 'prefetch':
          b.prefetch(data, move.offset)
          break
        case 'loop':
          b.walk(move.count, [[data, 4 * move.step]], () => write(move.moves, vectors))
      }
    }
    vectors.slice(outer.length).forEach((vector, i) => {
      b.store(data, 4 * i * lanes, vector)
    })
  }
  write(moves, [b.load(data), b.broadcast(data, 64), b.splat(0)])
  return b.finish()
}

/** All NaNs become the same: the processor decides which of two NaN operands a sum returns. */
const canonical = (bits: Uint32Array): Uint32Array =>
  bits.map((word) => ((word & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : word))

describe.each(runnable)('x64:%s', (target) => {
  it('does what interpret does, any program', () => {
    const { lanes } = X64_TARGETS[target]
    const values = fc.array(fc.float(), { minLength: 64, maxLength: 64 })
    fc.assert(
      fc.property(fc.array(moveOf(3), { minLength: 1, maxLength: 20 }), values, (moves, some) => {
        const memory = Float32Array.from({ length: FLOATS }, (_, i) => some[i % some.length]! + (i >> 6))
        const [machine, interpreted] = runOnBoth(programOf(moves, lanes), target, memory)
        expect(canonical(machine)).toEqual(canonical(interpreted))
      }),
      { numRuns: 150 },
    )
  })

  it('treats denormals as 0, makes none, and gives the caller the control of floats back', () => {
    const { lanes } = X64_TARGETS[target]
    const sumOf = new ProgramBuilder('sum', lanes, ['data'])
    const data = sumOf.parameter('data')
    const half = sumOf.mul(sumOf.load(data), sumOf.splat(0.5))
    sumOf.store(data, 0, sumOf.add(half, sumOf.load(data)))
    const program = sumOf.finish()
    const least = 2 ** -126
    const values = Float32Array.from(
      { length: lanes },
      (_, i) => [least, least / 4, 3 * least, -least][i % 4]!,
    )
    const run = (flushesDenormals: boolean): Float32Array => {
      const memory = new Float32Array(new SharedArrayBuffer(values.byteLength))
      memory.set(values)
      compileX64(program, target, { flushesDenormals })(addressOf(memory))
      return memory.slice()
    }
    const wanted = [least, 0, 4.5 * least, -least]
    expect([...run(true).subarray(0, 4)]).toEqual(wanted)
    // The setting was restored: run after a program that flushes, one that does not keeps the denormal
    expect(run(false)[1]).toBe((least / 4) * 1.5)
  })

  it('takes more than six pointers, more loops than registers, and gives the caller its registers back', () => {
    const { lanes } = X64_TARGETS[target]
    const names = Array.from({ length: 12 }, (_, i) => `p${i}`)
    const b = new ProgramBuilder('twelve', lanes, names)
    const pointers = names.map((name) => b.parameter(name))
    const sum = b.splat(0)
    const nest = (depth: number): void => {
      if (depth > 0) b.loop(2, () => nest(depth - 1))
      else for (const pointer of pointers) b.assign(sum, b.add(sum, b.broadcast(pointer)))
    }
    nest(7)
    b.store(pointers[11]!, 0, sum)
    const values = Float32Array.from({ length: 12 + lanes }, (_, i) => 2 ** (i % 12))
    const addresses = names.map((_, i) => 4 * i)
    const [machine, interpreted] = runOnBoth(b.finish(), target, values, addresses)
    expect(machine).toEqual(interpreted)
    expect(new Float32Array(machine.buffer)[11]).toBe(2 ** 7 * (2 ** 12 - 1))
  })
})

describe('what a target refuses', () => {
  it.each(TARGETS)('%s: more vectors at once than it has registers, with the name', (target) => {
    const { lanes, vectorRegisters } = X64_TARGETS[target]
    const b = new ProgramBuilder('too wide a tile', lanes, ['data'])
    const data = b.parameter('data')
    const vectors = Array.from({ length: vectorRegisters + 1 }, (_, i) => b.load(data, i * b.vectorBytes))
    for (const vector of vectors) b.store(data, 0, vector)
    expect(() => encodeX64(b.finish(), target)).toThrow(
      `too wide a tile on x64:${target}: vector registers: more than ${vectorRegisters} are needed`,
    )
  })

  it.each(TARGETS)('%s: more pointers than it has registers', (target) => {
    const { lanes } = X64_TARGETS[target]
    const b = new ProgramBuilder('many pointers', lanes, ['data'])
    const pointers = Array.from({ length: 16 }, (_, i) => b.point(b.parameter('data'), i))
    for (const pointer of pointers) b.store(pointer, 0, b.load(pointer))
    expect(() => encodeX64(b.finish(), target)).toThrow('many pointers on x64')
  })

  it.each(TARGETS)('%s: programs of another width', (target) => {
    const program = new ProgramBuilder('narrow', 4, ['data']).finish()
    expect(() => encodeX64(program, target)).toThrow('narrow is written for 4 lanes')
  })
})

describe('offsets beyond 32 bits', () => {
  it.skipIf(!hasBinutils).each(TARGETS)('%s: are added, not cut (skipped without binutils)', (target) => {
    const b = new ProgramBuilder('far', X64_TARGETS[target].lanes, ['data'])
    const data = b.parameter('data')
    const far = b.point(data, 5 * 2 ** 30)
    b.advance(far, 3 * 2 ** 30)
    b.store(far, -(8 * 2 ** 30), b.load(data))
    const texts = disassemble(encodeX64(b.finish(), target)).map(({ text }) => text)
    expect(texts).toContain('movabs rax,0x140000000')
    expect(texts).toContain('movabs rax,0xc0000000')
    expect(texts).toContain('movabs rax,0xfffffffe00000000')
  })

  it.each(runnable)('%s: end where they should', (target) => {
    const { lanes } = X64_TARGETS[target]
    const b = new ProgramBuilder('far and back', lanes, ['data'])
    const data = b.parameter('data')
    const far = b.point(data, 5 * 2 ** 30)
    b.advance(far, 3 * 2 ** 30)
    b.store(far, 4 * lanes - 8 * 2 ** 30, b.load(data))
    b.advance(far, -8 * 2 ** 30)
    b.store(far, 8 * lanes, b.load(data))
    const values = Float32Array.from({ length: 3 * lanes }, (_, i) => i)
    const [machine, interpreted] = runOnBoth(b.finish(), target, values)
    expect(machine).toEqual(interpreted)
    expect(new Float32Array(machine.buffer).slice(2 * lanes)).toEqual(values.slice(0, lanes))
  })
})

/** Every program of AlexNet's steps, for the first candidate (used if none is measured) and the last. */
function programsFor(target: X64Target): Program[] {
  const { lanes, vectorRegisters } = X64_TARGETS[target]
  const traits = { name: `x64:${target}`, lanes, vectorRegisters, prefetches: true }
  const plan = createPlan(alexnet(), { batch: 2, pass: 'forward-backward', lanes })
  return plan.steps.flatMap((step) => {
    const candidates = kernelOf(kernels, step).candidates(step as never, traits)
    return [candidates[0]!, candidates.at(-1)!].flatMap((candidate) => {
      const { prologue, stages } = kernelOf(kernels, step).build(step as never, traits, candidate)
      return [...prologue, ...stages].flatMap(({ parts }) => parts.map(({ program }) => program))
    })
  })
}

const END = Buffer.from([0xc5, 0xf8, 0x77, 0xc3]) // vzeroupper, ret

describe.skipIf(!hasBinutils)(
  'GNU objdump and as agree with the code of AlexNet (skipped without binutils)',
  () => {
    it.each(TARGETS)('%s: all of it is known, and assembles to the same bytes', (target) => {
      const codes = programsFor(target).map((program) => {
        const bytes = Buffer.from(encodeX64(program, target))
        return bytes.subarray(0, bytes.lastIndexOf(END) + END.length)
      })
      const code = Buffer.concat([...new Map(codes.map((each) => [each.toString('hex'), each])).values()])
      const instructions = disassemble(code)
      expect(instructions.length).toBeGreaterThan(2000)
      expect(instructions.filter(({ text }) => text.includes('(bad)'))).toEqual([])
      expect(instructions.some(({ text }) => text.startsWith('prefetcht1 '))).toBe(true)
      expect(Buffer.from(assembleAgain(instructions)).equals(code)).toBe(true)
    })
  },
)
