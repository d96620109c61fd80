import { describe, expect, it } from 'vitest'
import { FLOAT_BYTES, type Instruction, type Program } from '../codegen/program.ts'
import { conv } from '../layers/index.ts'
import { defineNetwork } from '../networks/network.ts'
import { createPlan } from '../plan/plan.ts'
import type { StepOfKind } from '../plan/steps.ts'
import { convForward } from './conv-forward.ts'
import { type DirectCandidate, directCandidates } from './direct.ts'
import type { Argument, Part, TargetTraits } from './kernel.ts'

const LANES = 8
const traits = { name: 'any', lanes: LANES, vectorRegisters: 16 }
const prefetching = { ...traits, prefetches: true }

interface Sizes {
  readonly batch?: number
  readonly size: number
  readonly channels: number
  readonly filters: number
  readonly kernel: number
}

/** A convolution's step, without padding, so that all rows have equal sums. */
function stepFor({ batch = 1, size, channels, filters, kernel }: Sizes): StepOfKind<'conv-forward'> {
  const network = defineNetwork('one', {
    inputs: { images: [size, size, channels] },
    layers: [conv('conv', { filters, kernel })],
  })
  const { steps } = createPlan(network, { batch, pass: 'forward', lanes: LANES })
  return steps.find((step) => step.kind === 'conv-forward') as StepOfKind<'conv-forward'>
}

const candidatesOf = ({ filters, size, kernel }: Sizes): DirectCandidate[] =>
  directCandidates(traits, filters / LANES, size - kernel + 1)

const partsOf = (sizes: Sizes, candidate: DirectCandidate, of: TargetTraits = prefetching): readonly Part[] =>
  convForward.build(stepFor(sizes), of, candidate).stages[0]!.parts

/** Where an argument is, for a task of the grid. */
const placeAt = ({ byteOffset, steps }: Argument, task: readonly number[]): number =>
  task.reduce((place, position, d) => place + position * (steps[d] ?? 0), byteOffset)

/** How far a program moves a parameter's pointer, and how many times it asks for memory through it. */
function askedFor(program: Program, name: string): { bytes: number; times: number } {
  const pointer = program.parameters.indexOf(name)
  const visit = (body: readonly Instruction[]): { bytes: number; times: number } => {
    const total = { bytes: 0, times: 0 }
    for (const i of body) {
      if (i.op === 'advance' && i.pointer === pointer) total.bytes += i.bytes
      else if (i.op === 'prefetch' && i.pointer === pointer) total.times++
      else if (i.op === 'loop') {
        const inner = visit(i.body)
        total.bytes += i.count * inner.bytes
        total.times += i.count * inner.times
      }
    }
    return total
  }
  return visit(program.body)
}

/** 576 KiB of weights. */
const MANY_WEIGHTS: Sizes = { size: 14, channels: 64, filters: 256, kernel: 3 }
const TAPS = 3 * 3 * 64
const CACHE_LINE_BYTES = 64
/** As many as pixels in each of them. */
const ROWS = 12

/** How many rows of the output a task of the part has. */
const heightOf = ({ arguments: { output } }: Part): number =>
  output!.steps[1]! / (FLOAT_BYTES * ROWS * MANY_WEIGHTS.filters)

describe('the weights that a task of a direct convolution asks for', () => {
  it('begin after its own block, and pieces of rows share the next block equally', () => {
    let mostPieces = 0
    for (const candidate of candidatesOf(MANY_WEIGHTS)) {
      for (const part of partsOf(MANY_WEIGHTS, candidate)) {
        const { weights, ahead } = part.arguments as { weights: Argument; ahead: Argument }
        const [, pieces, blocks] = part.grid as [number, number, number]
        const blockBytes = weights.steps[2]!
        mostPieces = Math.max(mostPieces, pieces)
        expect(ahead.place).toEqual(weights.place)
        // From piece to piece, whole vectors of about the share of its rows; no piece's share is another's.
        const share = ahead.steps[1]!
        const equal = (blockBytes * heightOf(part)) / ROWS
        expect(share % (LANES * FLOAT_BYTES)).toBe(0)
        expect(share).toBeLessThanOrEqual(equal)
        expect(share).toBeGreaterThan(equal - LANES * FLOAT_BYTES)
        for (let block = 0; block < blocks; block++) {
          const first = placeAt(ahead, [0, 0, block]) - placeAt(weights, [0, 0, block]) - blockBytes
          expect(first).toBeGreaterThanOrEqual(0)
          expect(first + (pieces - 1) * share).toBeLessThan(blockBytes)
        }
      }
      const [{ arguments: of }] = partsOf(MANY_WEIGHTS, candidate) as [Part]
      expect(of.ahead!.byteOffset).toBe(of.weights!.byteOffset + of.weights!.steps[2]!)
    }
    expect(mostPieces).toBeGreaterThan(2)
  })

  it('begin later for later pieces where these have different heights', () => {
    const unequal = { ...MANY_WEIGHTS, size: 15 }
    let most = 0
    for (const candidate of candidatesOf(unequal)) {
      const starts = new Map<number, number[]>()
      for (const { arguments: of } of partsOf(unequal, candidate)) {
        const { weights, ahead } = of as { weights: Argument; ahead: Argument }
        starts.set(weights.byteOffset, [...(starts.get(weights.byteOffset) ?? []), ahead.byteOffset])
      }
      for (const all of starts.values()) {
        most = Math.max(most, all.length)
        expect(all).toEqual([...new Set(all)].sort((a, b) => a - b))
      }
    }
    expect(most).toBeGreaterThan(1)
  })

  it('are the whole share, and little more', () => {
    // Others leave out rounds, or count their tiles only about.
    const exact = candidatesOf(MANY_WEIGHTS).filter(
      ({ cut, vectors, unroll }) => cut === 'even' && 32 % vectors === 0 && 64 % unroll === 0,
    )
    expect(exact.length).toBeGreaterThan(3)
    for (const candidate of exact) {
      const tilesOfRow = Math.ceil(ROWS / candidate.rows)
      for (const part of partsOf(MANY_WEIGHTS, candidate)) {
        const height = heightOf(part)
        const share = (part.arguments.weights!.steps[2]! * height) / ROWS
        const { bytes, times } = askedFor(part.program, 'ahead')
        expect(bytes).toBeGreaterThanOrEqual(share)
        // Each tile asks for whole bytes at each tap.
        expect(bytes).toBeLessThan(share + height * tilesOfRow * TAPS)
        expect(times).toBeGreaterThanOrEqual(bytes / CACHE_LINE_BYTES)
      }
    }
  })

  it('are none without the trait', () => {
    for (const candidate of candidatesOf(MANY_WEIGHTS)) {
      for (const { program, arguments: given } of partsOf(MANY_WEIGHTS, candidate, traits)) {
        expect(Object.keys(given)).not.toContain('ahead')
        expect(program.parameters).not.toContain('ahead')
        expect(JSON.stringify(program.body)).not.toContain('prefetch')
      }
    }
  })

  it('are none if all weights have less than 512 KiB', () => {
    const hasAhead = (sizes: Sizes): boolean =>
      partsOf(sizes, candidatesOf(sizes)[0]!).some(({ arguments: given }) => 'ahead' in given)
    const pointwise = { size: 8, channels: 256, kernel: 1 }
    expect(hasAhead({ ...pointwise, filters: 512 })).toBe(true)
    expect(hasAhead({ ...pointwise, filters: 512 - LANES })).toBe(false)
  })
})

it('tasks are taken along the weights if they are large, and more than the values in all images', () => {
  const alongOf = (sizes: Sizes) =>
    new Set(partsOf(sizes, candidatesOf(sizes)[0]!, traits).map(({ takenAlong }) => takenAlong))
  const large = { size: 8, channels: 512, filters: 256, kernel: 1 }
  // 131,072 weights in 512 KiB; an image has 32,768 values.
  expect(alongOf({ ...large, batch: 3 })).toEqual(new Set(['weights']))
  expect(alongOf({ ...large, batch: 4 })).toEqual(new Set([undefined]))
  expect(alongOf({ ...large, filters: 256 - LANES, batch: 1 })).toEqual(new Set([undefined]))
})
