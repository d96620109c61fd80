import { describe, expect, it } from 'vitest'
import { FLOAT_BYTES, ProgramBuilder } from '../codegen/program.ts'
import { kernelOf, kernels } from '../kernels/index.ts'
import type { Argument, Implementation, MemoryPlace } from '../kernels/kernel.ts'
import {
  add,
  batchNorm,
  concat,
  conv,
  dense,
  globalAveragePool,
  maxPool,
  softmaxLoss,
} from '../layers/index.ts'
import { defineNetwork, type Network } from '../networks/network.ts'
import { AFTER_ALL, BEFORE_ALL, createPlan, type Plan, type PlanOptions } from '../plan/plan.ts'
import type { Buffer } from '../plan/views.ts'
import { assemble } from './assemble.ts'
import { type Assembled, segmentsOf } from './segments.ts'

const LANES = 4
const traits = { name: 'any', lanes: LANES, vectorRegisters: 16 }

const separable = defineNetwork('separable', {
  inputs: { images: [8, 8, 4], labels: [] },
  layers: [
    conv('stem', { filters: 8, kernel: 3, padding: 1, biases: false }),
    batchNorm('stemNorm', { activation: 'relu6' }),
    conv('depthwise', { filters: 8, kernel: 3, groups: 8, padding: 1, activation: 'relu6' }),
    conv('project', { filters: 12, kernel: 1, biases: false }),
    batchNorm('norm'),
    maxPool('pool', { kernel: 2, stride: 2 }),
    conv('other', { filters: 4, kernel: 1 }),
    concat('joined', { inputs: ['pool', 'other'] }),
    dense('fc', { units: 5 }),
    softmaxLoss('loss', { inputs: ['fc', 'labels'] }),
  ],
})

/** The plan's segments: the steps of each, and the names of the buffers in threads' scratch. */
function segmentsIn(threads: number | undefined, options: PlanOptions, network: Network = separable) {
  const plan = createPlan(network, { lanes: LANES, fuses: true, ...options })
  const implementations = plan.steps.map((step): Implementation => {
    const rule = kernelOf(kernels, step)
    const candidates = rule.candidates(step as never, traits)
    // Winograd's algorithm may take several images in a task.
    const direct = candidates.find(({ algorithm }) => algorithm === 'direct') ?? candidates[0]!
    return rule.build(step as never, traits, direct)
  })
  const { segments, buffers } = assemble(plan, implementations, threads === undefined ? {} : { threads })
  return segments.map(({ first, end, layout }) => ({
    steps: plan.steps.slice(first, end).map(({ kind, layer }) => `${kind} ${layer}`),
    own: [...layout.byteOffsets.keys()].map((id) => buffers[id]!.name).sort(),
  }))
}

describe('the segments of a network', () => {
  it('have the steps whose tasks are of one image each; what is between them is in the scratch', () => {
    const segments = segmentsIn(2, { batch: 4, pass: 'forward' })
    expect(segments).toEqual([
      {
        steps: [
          'fold-scale stem',
          'conv-forward stem',
          'grouped-conv-forward depthwise',
          'fold-scale project',
          'conv-forward project',
          'max-pool-forward pool',
          'conv-forward other',
          'concat-forward joined',
        ],
        // The dense layer, whose tasks are of several images, is in no segment: what it reads is in memory.
        own: ['depthwise', 'norm', 'other', 'pool', 'stemNorm'],
      },
    ])
  })

  it('leave in memory what is kept', () => {
    const [segment] = segmentsIn(2, { batch: 4, pass: 'forward', keep: ['depthwise', 'pool'] })
    expect(segment!.steps).toHaveLength(8)
    expect(segment!.own).toEqual(['norm', 'other', 'stemNorm'])
    expect(segmentsIn(2, { batch: 4, pass: 'forward', keep: 'all' })).toEqual([])
  })

  it('have no gradient of weights, which is a sum over images', () => {
    const segments = segmentsIn(2, { batch: 4, pass: 'forward-backward' })
    const steps = segments.flatMap((segment) => segment.steps)
    expect(steps).toContain('max-pool-backward pool')
    expect(steps.filter((step) => step.includes('weights-gradient'))).toEqual([])
    const names = segments.flatMap(({ own }) => own)
    expect(names).toContain('pool.gradient')
    expect(names.filter((name) => name.includes('/'))).toEqual([])
  })

  it.each([
    // More than one image for each thread, and nine of ten of the threads' turns have an image.
    { batch: 1, threads: 1, are: false },
    { batch: 2, threads: 1, are: true },
    { batch: 2, threads: 2, are: false },
    { batch: 3, threads: 2, are: false },
    { batch: 4, threads: 2, are: true },
    { batch: 5, threads: 2, are: false },
    { batch: 9, threads: 2, are: true },
    { batch: 5, threads: 4, are: false },
    { batch: 7, threads: 4, are: false },
    { batch: 8, threads: 4, are: true },
    { batch: 11, threads: 6, are: true },
  ])('of $batch images on $threads threads: there are some: $are', ({ batch, threads, are }) => {
    expect(segmentsIn(threads, { batch, pass: 'forward' }).length > 0).toBe(are)
  })

  it('are none unless the number of threads is known', () => {
    expect(segmentsIn(undefined, { batch: 4, pass: 'forward' })).toEqual([])
  })

  it('go on across branches and what is made of a whole image', () => {
    const branches = defineNetwork('branches', {
      inputs: { images: [6, 6, 4] },
      layers: [
        conv('a', { filters: 4, kernel: 1 }),
        conv('b', { filters: 4, kernel: 3, padding: 1, inputs: ['images'] }),
        globalAveragePool('mean', { inputs: ['a'] }),
        add('sum', { inputs: ['a', 'b', 'mean'] }),
        conv('last', { filters: 4, kernel: 1 }),
      ],
    })
    const [segment, ...others] = segmentsIn(2, { batch: 4, pass: 'forward' }, branches)
    expect(others).toEqual([])
    expect(segment!.steps).toHaveLength(5)
    expect(segment!.own).toEqual(['a', 'b', 'mean', 'sum'])
  })
})

const BATCH = 4
/** What an image has of each buffer. */
const SHARE_BYTES = LANES * FLOAT_BYTES

/** A place that a step's tasks use: by default each image's task its share. */
const use = (place: number | MemoryPlace, changes: Partial<Argument> = {}): Argument => ({
  place: typeof place === 'number' ? { kind: 'buffer', buffer: place } : place,
  byteOffset: 0,
  steps: [SHARE_BYTES],
  ...changes,
})

/** All images' tasks use the same place. */
const whole = (place: number | MemoryPlace): Argument => use(place, { steps: [] })

/** A stage whose tasks copy a vector. */
function copy(from: Argument, to: Argument, images = BATCH): Implementation['stages'][number] {
  const b = new ProgramBuilder('copy', LANES, ['from', 'to'])
  b.store(b.parameter('to'), 0, b.load(b.parameter('from'), 0))
  return { parts: [{ program: b.finish(), grid: [images], arguments: { from, to } }] }
}

type Stage = Implementation['stages'][number]

interface Changes {
  /** Buffers that the caller reads. */
  readonly kept?: readonly number[]
  readonly firstUpdate?: number
  readonly privateBuffers?: readonly (readonly number[])[]
}

/** Steps of such stages. Each buffer lives from the first to the last step that uses it; 0 and 1 are given. */
function assembled(steps: readonly (Stage | readonly Stage[])[], changes: Changes = {}): Assembled {
  const { kept = [], firstUpdate = steps.length, privateBuffers = steps.map(() => []) } = changes
  const ofSteps = steps.map((stages) => [stages].flat() as readonly Stage[])
  const used = ofSteps.map((stages, step) =>
    stages
      .flatMap(({ parts }) => parts.flatMap((part) => Object.values(part.arguments)))
      .flatMap(({ place }) => {
        if (place.kind === 'thread') return []
        return place.kind === 'buffer' ? [place.buffer] : [privateBuffers[step]![place.index]!]
      }),
  )
  const count = Math.max(...used.flat()) + 1
  const buffers = Array.from({ length: count }, (_, id): Buffer => {
    const users = [...used.keys()].filter((step) => used[step]!.includes(id))
    return {
      id,
      name: `${id}`,
      length: BATCH * LANES,
      firstStep: id < 2 ? BEFORE_ALL : users[0]!,
      lastStep: id < 2 || kept.includes(id) ? AFTER_ALL : users.at(-1)!,
    }
  })
  const implementations = ofSteps.map(
    (stages): Implementation => ({
      algorithm: 'plain',
      tile: '',
      privateBuffers: [],
      threadScratch: 0,
      prologue: [],
      stages,
    }),
  )
  const plan = { batch: BATCH, steps: ofSteps.map(() => ({})), firstUpdate } as unknown as Plan
  return { plan, implementations, buffers, privateBuffers }
}

/** [first, end, the buffers in the scratch] of each segment. */
const found = (...given: Parameters<typeof assembled>) =>
  segmentsOf(assembled(...given), 1).map(({ first, end, layout }) => [
    first,
    end,
    [...layout.byteOffsets.keys()].sort((a, b) => a - b),
  ])

describe('a segment', () => {
  const [given, parameters] = [0, 1]

  it('goes on as long as tasks of an image use that image’s share', () => {
    const chain = [copy(use(given), use(2)), copy(use(2), use(3)), copy(use(3), use(4))]
    expect(found(chain, { kept: [4] })).toEqual([[0, 3, [2, 3]]])
    // Parameters are read whole for every image.
    expect(found([chain[0]!, copy(whole(parameters), use(3)), copy(use(2), use(3))])).toEqual([
      [0, 3, [2, 3]],
    ])
  })

  it('has one image’s share of buffers in the scratch, two in one place only if no step needs both', () => {
    const steps = [2, 3, 4].map((to) => copy(use(to === 2 ? given : to - 1), use(to)))
    const [segment] = segmentsOf(assembled([...steps, copy(use(4), use(5))], { kept: [5] }), 1)
    const { byteOffsets, byteLength } = segment!.layout
    expect([...byteOffsets.keys()].sort()).toEqual([2, 3, 4])
    expect(byteOffsets.get(2)).toBe(byteOffsets.get(4))
    expect(byteOffsets.get(3)).not.toBe(byteOffsets.get(2))
    // Two places, each of a cache line.
    expect(byteLength).toBe(2 * 64)
  })

  it('ends before a step that reads whole what an earlier one writes', () => {
    const steps = [
      copy(use(given), use(2)),
      copy(use(2), use(3)),
      copy(whole(3), use(4)),
      copy(use(4), use(5)),
    ]
    expect(found(steps, { kept: [5] })).toEqual([
      [0, 2, [2]],
      [2, 4, [4]],
    ])
  })

  it('ends before a step that writes what an earlier one reads whole', () => {
    const steps = [
      copy(use(given), use(2)),
      copy(whole(parameters), use(3)),
      copy(use(2), use(parameters)),
      copy(use(3), use(4)),
      copy(use(4), use(5)),
    ]
    expect(found(steps, { kept: [5] })).toEqual([[2, 5, [4]]])
  })

  it('ends at the update', () => {
    const chain = [copy(use(given), use(2)), copy(use(2), use(3)), copy(use(3), use(4)), copy(use(4), use(5))]
    expect(found(chain, { kept: [5], firstUpdate: 2 })).toEqual([
      [0, 2, [2]],
      [2, 4, [4]],
    ])
  })

  it('leaves in memory what was written before it, even if it writes there too', () => {
    const between = copy(whole(parameters), whole(6), 1)
    const steps = [
      copy(use(given), use(2)),
      copy(use(2), use(3)),
      between,
      copy(use(given), use(3)),
      copy(use(3), use(4)),
      copy(use(4), use(5)),
    ]
    expect(found(steps, { kept: [5] })).toEqual([
      [0, 2, [2]],
      [3, 6, [4]],
    ])
  })

  it('has all that is used in it alone, a step’s own buffers too; threads’ scratch is in no segment', () => {
    const own: MemoryPlace = { kind: 'private', index: 0 }
    const scratch = whole({ kind: 'thread' })
    const one = [copy(use(given), use(own)), copy(use(own), scratch), copy(scratch, use(3))]
    expect(found([one], { kept: [3], privateBuffers: [[2]] })).toEqual([[0, 1, [2]]])
    expect(found([[copy(use(given), scratch), copy(scratch, use(2))]], { kept: [2] })).toEqual([])
  })

  it.each<[string, Stage | readonly Stage[]]>([
    ['has another number of tasks', copy(use(2), use(3), BATCH - 1)],
    ['is one task', copy(whole(2), whole(3), 1)],
    ['reads the next image too', copy(use(2, { byteOffset: FLOAT_BYTES }), use(3))],
    ['reads the image before too', copy(use(2, { byteOffset: -FLOAT_BYTES }), use(3))],
    ['writes to the same place for all images', copy(use(2), whole(3))],
    ['reads less than an image has', copy(use(2, { steps: [SHARE_BYTES / 2] }), use(3))],
    ['takes images from the last one on', copy(use(2, { steps: [-SHARE_BYTES] }), use(3))],
    ['reads whole what it has written itself', [copy(use(2), use(3)), copy(whole(3), use(4))]],
  ])('has no step that %s', (_what, step) => {
    const before = [copy(use(given), use(5)), copy(use(5), use(2))]
    const after = [copy(use(given), use(6)), copy(use(6), use(7))]
    expect(found([...before, step, ...after], { kept: [7] })).toEqual([
      [0, 2, [5]],
      [3, 5, [6]],
    ])
  })
})
