// Which candidate wins, by the times of a made-up executor.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { kernels } from '../kernels/index.ts'
import type { Candidate } from '../kernels/kernel.ts'
import { conv, l2Loss } from '../layers/index.ts'
import { defineNetwork } from '../networks/network.ts'
import { createPlan } from '../plan/plan.ts'
import type { MemoryBlock } from '../runtime/heap.ts'
import { SharedExecutor } from '../runtime/shared-executor.ts'
import { type Contest, type RunOffContext, runOff, runOffRules } from './run-off.ts'
import { StepChoices } from './step-choices.ts'
import type { CodeTarget } from './target.ts'

vi.mock('../runtime/compute-workers.ts', () => ({ startComputeWorkers: () => [] }))

const traits = { name: 'fake', lanes: 8, vectorRegisters: 16 }
/** Bytes allocated and freed. */
const blocks: number[] = []
const target: CodeTarget = {
  traits,
  tiersUp: false,
  version: 'fake',
  maxByteLength: Infinity,
  maxReason: '',
  allocate: (byteLength): MemoryBlock => {
    blocks.push(byteLength)
    return {
      buffer: new SharedArrayBuffer(byteLength),
      byteOffset: 0,
      address: 0,
      byteLength,
      wasWritten: () => {},
      free: () => void blocks.push(-byteLength),
    }
  },
  newBytes: () => 0,
  encode: () => new Uint8Array(),
  compile: async () => ({ codes: [], free: () => {} }),
}

const network = defineNetwork('three', {
  inputs: { images: [8, 8, 64] },
  layers: ['first', 'second', 'third'].map((name) => conv(name, { filters: 64, kernel: 1 })),
})
const plan = createPlan(network, { batch: 1, pass: 'forward', lanes: 8 })
const choices = new StepChoices(kernels, traits, { algorithm: 'direct', weightsChange: false })
const candidates = choices.candidatesOf(plan.steps[0]!)
const [c0, c1, c2] = candidates as [Candidate, Candidate, Candidate]
const chosen = plan.steps.map(() => c0)

const OF_SHORT_RUNS = runOffRules(plan, target)!

/** The runs that were made, by variant. */
const runs: number[] = []
/** What the clock moves on with each run. */
let runMs: number
/** How long each step takes in this variant, the given time that it is run. */
let msOf: (variant: number, time: number) => readonly number[]

beforeEach(() => {
  blocks.length = 0
  runs.length = 0
  runMs = 0
  let now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  const variants: number[] = []
  const executor = {
    run: async (first: number) => {
      if (!variants.includes(first)) variants.push(first)
      runs.push(variants.indexOf(first))
      now += runMs
    },
    stageTimesMs: () => msOf(runs.at(-1)!, runs.filter((variant) => variant === runs.at(-1)).length - 1),
  }
  vi.spyOn(SharedExecutor, 'load').mockResolvedValue(executor as unknown as SharedExecutor)
})
afterEach(() => void vi.restoreAllMocks())

const decide = (contests: readonly Contest[], changes: Partial<RunOffContext> = {}, rules = OF_SHORT_RUNS) =>
  runOff(plan, rules, contests, chosen, choices, {
    target,
    threads: 1,
    memoryBytes: Infinity,
    runMs: 1,
    isBudgetSpent: () => false,
    ...changes,
  })

describe('the winner of a contest', () => {
  const contest = { steps: [0], rivals: [c0, c1, c2] }
  const withTimes = (times: readonly number[]) => (variant: number) => [times[variant]!, 1, 1]

  it('is what is fastest in runs of the whole plan', async () => {
    msOf = withTimes([10, 12, 8])
    expect(await decide([contest])).toEqual([{ candidate: c2, ms: 8 }])
    msOf = withTimes([10, 12, 11])
    expect(await decide([contest])).toEqual([{ candidate: c0, ms: 10 }])
  })

  it('is what was fastest alone, if the gain is as small as noise', async () => {
    msOf = withTimes([10, 9.8, 9.9])
    expect(await decide([contest])).toEqual([{ candidate: c0, ms: 10 }])
    msOf = withTimes([10, 9.6, 9.9])
    expect(await decide([contest])).toEqual([{ candidate: c1, ms: 9.6 }])
  })

  it('has the shortest median: a stage may seem short, or be hit, in some runs', async () => {
    msOf = (variant, time) => [variant === 1 ? (time % 3 === 0 ? 1 : 11) : time % 3 === 0 ? 99 : 10, 1, 1]
    expect(await decide([contest])).toEqual([{ candidate: c0, ms: 10 }])
  })

  it('is that of each contest alone; one with fewer rivals has them in turns', async () => {
    const two = { steps: [1, 2], rivals: [c0, c1] }
    msOf = (variant) =>
      [
        [10, 4, 4],
        [8, 3, 2],
        [9, 4, 4],
      ][variant]!
    // Both steps of the second contest count together; its time is that of one of them.
    expect(await decide([contest, two])).toEqual([
      { candidate: c1, ms: 8 },
      { candidate: c1, ms: 2.5 },
    ])
    expect(runs.filter((variant) => variant === 2)).toHaveLength(runs.length / 3)
  })
})

describe('the runs', () => {
  const rivals = candidates.slice(0, 8)
  const contest = { steps: [0], rivals }
  beforeEach(() => {
    msOf = () => [1, 1, 1]
  })
  const variants = () => [...new Set(runs)]

  it('follow each other with one variant, then with the next', async () => {
    await decide([{ steps: [0], rivals: [c0, c1] }])
    expect(runs.slice(0, 9)).toEqual([0, 0, 0, 1, 1, 1, 0, 0, 0])
    expect(runs).toHaveLength(2 * 30)
  })

  it('are those of six variants at most, and of two if each run takes long', async () => {
    expect(rivals).toHaveLength(8)
    await decide([contest])
    expect(variants()).toEqual([0, 1, 2, 3, 4, 5])
    runs.length = 0
    await decide([contest], { runMs: 100 })
    expect(variants()).toEqual([0, 1, 2])
    runs.length = 0
    await decide([contest], { runMs: 5000 })
    expect(variants()).toEqual([0, 1])
  })

  it('end after about 900 ms, with the last variant’s turn', async () => {
    runMs = 100
    await decide([{ steps: [0], rivals: [c0, c1] }])
    expect(runs).toEqual([0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1])
  })

  it('are one turn of each variant once the budget is spent', async () => {
    await decide([{ steps: [0], rivals: [c0, c1] }], { isBudgetSpent: () => true })
    expect(runs).toEqual([0, 0, 0, 1, 1, 1])
  })

  it('are none without enough memory for them', async () => {
    await decide([contest])
    const [byteLength] = blocks as [number]
    runs.length = 0
    expect(await decide([contest], { memoryBytes: byteLength - 1 })).toBe(null)
    expect([runs, blocks]).toEqual([[], [byteLength, -byteLength]])
    expect(await decide([contest], { memoryBytes: byteLength })).toHaveLength(1)
  })

  it('free their memory when one of them fails', async () => {
    msOf = () => {
      throw new Error('a worker failed')
    }
    await expect(decide([contest])).rejects.toThrow('a worker failed')
    expect(blocks).toEqual([blocks[0], -blocks[0]!])
  })
})

describe('where a run takes long', () => {
  const winograd: Candidate = { algorithm: 'winograd', tile: 'F(2x2, 3x3)' }
  const large = defineNetwork('large', {
    inputs: { images: [8, 8, 64] },
    layers: [conv('only', { filters: 64, kernel: 1 }), l2Loss('loss')],
  })
  const rules = runOffRules(createPlan(large, { batch: 16_000, pass: 'forward-backward', lanes: 8 }), target)!
  const built: string[] = []

  beforeEach(() => {
    built.length = 0
    const build = choices.build.bind(choices)
    vi.spyOn(choices, 'build').mockImplementation((step, candidate) => {
      if (step === plan.steps[0]) built.push(candidate.algorithm)
      return build(step, candidate === winograd ? c1 : candidate)
    })
  })

  it('the fastest of each algorithm alone are compared, in two turns after a run that does not count', async () => {
    msOf = (variant, time) => [time === 0 && variant === 0 ? 50 : [10, 8][variant]!, 1, 1]
    const contest = { steps: [0], rivals: [c0, c1, winograd, c2] }
    expect(await decide([contest], {}, rules)).toEqual([{ candidate: winograd, ms: 8 }])
    expect(built).toEqual(['direct', 'winograd'])
    expect(runs).toEqual([0, 0, 1, 0, 1])
  })

  it('a gain of less than a twentieth is noise', async () => {
    msOf = (variant) => [[10, 9.6][variant]!, 1, 1]
    expect(await decide([{ steps: [0], rivals: [c0, winograd] }], {}, rules)).toEqual([
      { candidate: c0, ms: 10 },
    ])
  })
})
