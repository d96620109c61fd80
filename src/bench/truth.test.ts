import { describe, expect, it } from 'vitest'
import { kernels } from '../kernels/index.ts'
import {
  add,
  averagePool,
  batchNorm,
  channelPool,
  channelShuffle,
  concat,
  conv,
  convTranspose,
  crop,
  dense,
  depthToSpace,
  divide,
  dropout,
  flatten,
  gelu,
  globalAveragePool,
  groupNorm,
  instanceNorm,
  l2Loss,
  layerNorm,
  lrn,
  maximum,
  maxPool,
  minimum,
  multiply,
  pad,
  prelu,
  relu,
  resize,
  scale,
  sigmoid,
  slice,
  softmax,
  softmaxLoss,
  spaceToDepth,
  subtract,
  tanh,
  unflatten,
} from '../layers/index.ts'
import { defineNetwork, type Network } from '../networks/network.ts'
import { adam, sgd } from '../optimizers/index.ts'
import { createPlan, type Plan } from '../plan/plan.ts'
import { changesOf, type Step, writesOf } from '../plan/steps.ts'
import type { Training } from '../plan/training.ts'
import { gridOf, type View } from '../plan/views.ts'
import { denseGrid, elementCount, pixelAt } from '../tensor.ts'
import { bitsOf, compareImage, type Look } from './comparison.ts'
import { compareStep } from './truth.ts'

/** All step kinds, with extents that are all different if possible. */
const convolutional = defineNetwork('convolutional', {
  inputs: { images: [9, 11, 3] },
  layers: [
    conv('a', { filters: 6, kernel: [2, 3], activation: 'tanh' }),
    lrn('b', { radius: 1 }),
    maxPool('c', { kernel: [3, 2], stride: [1, 2] }),
    conv('d', { filters: 5, kernel: [3, 2], activation: 'relu' }),
    relu('left', { inputs: ['d'] }),
    l2Loss('leftLoss'),
    sigmoid('right', { inputs: ['d'] }),
    l2Loss('rightLoss'),
  ],
})
const classifier = defineNetwork('classifier', {
  inputs: { images: [4, 5, 3], labels: [] },
  layers: [
    conv('first', { filters: 6, kernel: 1 }),
    tanh('a'),
    dropout('b'),
    dense('c', { units: 35, activation: 'relu' }),
    dense('d', { units: 7 }),
    softmaxLoss('loss', { inputs: ['d', 'labels'] }),
  ],
})
const branching = defineNetwork('branching', {
  inputs: { images: [8, 9, 3] },
  layers: [
    conv('stem', { filters: 6, kernel: [3, 2], dilation: [2, 1], biases: false }),
    batchNorm('norm', { activation: 'tanh' }),
    conv('branch', { filters: 6, kernel: 1 }),
    batchNorm('frozen'),
    add('total', { inputs: ['frozen', 'norm'] }),
    globalAveragePool('gate'),
    multiply('gated', { inputs: ['total', 'gate'] }),
    subtract('less', { inputs: ['gate', 'gated'] }),
    maximum('most', { inputs: ['less', 'total', 'gate'] }),
    minimum('least', { inputs: ['most', 'gated'] }),
    divide('share', { inputs: ['least', 'norm'] }),
    scale('scaled', { inputs: ['gated'] }),
    add('sum', { inputs: ['scaled', 'gate', 'share'] }),
    averagePool('average', { kernel: [2, 3], countPadding: true, padding: 1 }),
    lrn('beside', { inputs: ['sum'] }),
    l2Loss('besideLoss'),
    concat('joined', { inputs: ['average', 'average'] }),
    slice('part', { begin: 2, end: 9 }),
    softmax('shares'),
    l2Loss('loss'),
  ],
})
const inGroups = defineNetwork('in groups', {
  inputs: { images: [5, 6, 4] },
  layers: [
    conv('stem', { filters: 6, kernel: 1 }),
    conv('depthwise', { filters: 12, kernel: 3, groups: 6, padding: 1 }),
    conv('grouped', { filters: 9, kernel: 2, groups: 3, activation: 'relu' }),
    l2Loss('loss'),
  ],
})
/** Activations whose gradients are computed from the sums. */
const keepingSums = defineNetwork('keeping sums', {
  inputs: { images: [5, 6, 3] },
  layers: [
    conv('conv', { filters: 6, kernel: 2, activation: 'silu' }),
    batchNorm('norm', { activation: 'mish' }),
    add('sum', { inputs: ['norm', 'conv'], activation: 'hard-swish' }),
    gelu('gelu'),
    prelu('prelu'),
    l2Loss('loss'),
  ],
})
const moved = defineNetwork('moved', {
  inputs: { images: [3, 5, 3] },
  layers: [
    conv('stem', { filters: 8, kernel: 1 }),
    pad('padded', { padding: [1, 2, 0, 3], mode: 'edge' }),
    channelShuffle('shuffled', { groups: 4 }),
    depthToSpace('wide', { blockSize: 2 }),
    spaceToDepth('deep', { blockSize: 4 }),
    resize('resized', { size: [3, 5], mode: 'linear' }),
    flatten('vector'),
    unflatten('image', { height: 5, width: 2 }),
    crop('part', { top: 4, height: 2, width: 2, step: [-2, 1] }),
    l2Loss('loss'),
  ],
})
const normalized = defineNetwork('normalized', {
  inputs: { images: [3, 5, 3] },
  layers: [
    conv('stem', { filters: 8, kernel: 1 }),
    layerNorm('pixels'),
    instanceNorm('channels'),
    groupNorm('groups', { groups: 2 }),
    channelPool('lengths', { mode: 'l2' }),
    l2Loss('loss'),
  ],
})
const transposed = defineNetwork('transposed', {
  inputs: { images: [3, 4, 3] },
  layers: [
    convTranspose('first', { filters: 6, kernel: [2, 3], stride: 2, activation: 'relu' }),
    convTranspose('second', { filters: 5, kernel: 2, activation: 'silu' }),
    l2Loss('loss'),
  ],
})
const fused = defineNetwork('fused', {
  inputs: { images: [3, 4, 3] },
  layers: [
    conv('first', { filters: 6, kernel: 2 }),
    batchNorm('normalized', { activation: 'silu' }),
    conv('second', { filters: 6, kernel: 1, biases: false }),
    scale('scaled'),
    add('sum', { inputs: ['scaled', 'normalized'], activation: 'relu' }),
  ],
})
const BATCH = 4

const planOf = (network: Network, training: Training): Plan =>
  createPlan(network, { batch: BATCH, pass: 'train', lanes: 4, keep: 'all', training })
const plans = [
  planOf(convolutional, { optimizer: sgd(), clipNorm: 1 }),
  planOf(classifier, { optimizer: adam(), microBatches: 2 }),
  planOf(normalized, { optimizer: sgd() }),
  planOf(moved, { optimizer: sgd() }),
  planOf(branching, { optimizer: sgd(), freeze: ['frozen'] }),
  planOf(inGroups, { optimizer: sgd() }),
  planOf(keepingSums, { optimizer: sgd() }),
  planOf(transposed, { optimizer: sgd() }),
  createPlan(fused, { batch: BATCH, pass: 'forward', lanes: 4, fuses: true }),
]
const steps = plans.flatMap((plan) =>
  plan.steps.map((step) => ({ plan, step, name: `${step.kind} of ${step.layer}` })),
)

/** Too expensive to be compared whole. */
const SAMPLED: readonly Step['kind'][] = [
  'conv-forward',
  'conv-weights-gradient',
  'conv-input-gradient',
  'grouped-conv-forward',
  'grouped-conv-weights-gradient',
  'grouped-conv-input-gradient',
  'dense-forward',
  'dense-weights-gradient',
  'dense-input-gradient',
]

/** Memory of zeros that records which of the step's outputs are read. */
function watched(plan: Plan, step: Step) {
  const written = new Set(writesOf(step).map(({ buffer }) => buffer))
  const seen = new Map<number, Set<number>>()
  const memory = plan.buffers.map(({ id, length }) => {
    const values = new Float32Array(length)
    if (!written.has(id)) return values
    const positions = new Set<number>()
    seen.set(id, positions)
    return new Proxy(values, {
      get(target, key) {
        if (typeof key === 'string') positions.add(Number(key))
        return Reflect.get(target, key)
      },
    })
  })
  const look: Look = Object.assign((view: View) => gridOf(view, memory[view.buffer]!, 0), {
    before: {
      has: (view: View) => changesOf(step).some(({ buffer }) => buffer === view.buffer),
      rows: (view: View) => gridOf(view, new Float32Array(plan.buffers[view.buffer]!.length), 0),
      image: ({ shape: [, ...image] }: View) => denseGrid(new Float64Array(elementCount(image)), 1, image),
    },
  })
  return { look, seen }
}

/** The positions of all values of a view, by their indexes: for weights (KH, KW, C, F). */
function positionsOf(view: View, plan: Plan): Map<number, readonly number[]> {
  const grid = gridOf(view, new Float32Array(0), 0)
  const [images, height, width, channels] = view.shape
  const { shape = [] } = plan.tensors[view.tensor] ?? {}
  const positions = new Map<number, readonly number[]>()
  for (let n = 0; n < images; n++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [at, perTap] = [pixelAt(grid, n, y, x), shape[2]!]
        const tap = Math.floor(x / perTap)
        const row =
          shape.length === 4 ? [Math.floor(tap / shape[1]!), tap % shape[1]!, x % perTap] : [n, y, x]
        for (let c = 0; c < channels; c++) positions.set(at + c, [...row, c])
      }
    }
  }
  return positions
}

describe.each(steps)('$name', ({ plan, step }) => {
  it.each([1, 3])('is compared to the last index of every axis, by %i workers', (count) => {
    const { look, seen } = watched(plan, step)
    for (let index = 0; index < count; index++) compareStep(step, plan, look, { index, count })
    for (const view of writesOf(step)) {
      const positions = positionsOf(view, plan)
      const compared = [...positions]
        .filter(([at]) => seen.get(view.buffer)!.has(at))
        .map(([, index]) => index)
      if (!SAMPLED.includes(step.kind)) expect(compared, view.tensor).toHaveLength(elementCount(view.shape))
      for (const axis of [0, 1, 2, 3]) {
        const indexes = (all: Iterable<readonly number[]>) => new Set([...all].map((index) => index[axis]))
        expect(indexes(compared), `${view.tensor}, axis ${axis}`).toEqual(indexes(positions.values()))
      }
    }
  })
})

it.each([
  [3, 64, 3],
  [1, 6, 5],
  [3, 64, 7],
  [3, 64, 11],
  [64, 64, 3],
])(
  'of a gradient of weights every tap is compared: %i channels, %i filters, kernel %i',
  (channels, filters, kernel) => {
    const network = defineNetwork('one', {
      inputs: { images: [12, 11, channels] },
      layers: [conv('a', { filters, kernel, padding: 'same' }), l2Loss('loss')],
    })
    const plan = createPlan(network, { batch: 1, pass: 'forward-backward', lanes: 16 })
    const step = plan.steps.find(({ kind }) => kind === 'conv-weights-gradient')!
    const { look, seen } = watched(plan, step)
    const [comparison] = compareStep(step, plan, look, { index: 0, count: 1 })
    expect(comparison!.values).toBeGreaterThanOrEqual(Math.min(512, channels * filters))
    const view = writesOf(step).find(({ tensor }) => tensor.includes('weights'))!
    const taps = [...positionsOf(view, plan)]
      .filter(([at]) => seen.get(view.buffer)!.has(at))
      .map(([, [ky, kx]]) => ky! * kernel + kx!)
    expect(new Set(taps).size).toBe(kernel ** 2)
  },
)

it('is tried with every kind of step', () => {
  const tried = new Set(steps.map(({ step }) => step.kind))
  expect([...tried].sort()).toEqual(Object.keys(kernels).sort())
})

it('compares end to end all values of the first image, and none of another', () => {
  const [plan, step] = [plans[0]!, plans[0]!.steps[0]!]
  const view = writesOf(step)[0]!
  const { look, seen } = watched(plan, step)
  const [, height, width, channels] = view.shape
  const comparison = compareImage(view, look, new Float64Array(height * width * channels))
  expect(comparison).toMatchObject({ kind: 'end to end', values: height * width * channels })
  const first = [...positionsOf(view, plan)].filter(([at]) => at < view.imagePitch).map(([at]) => at)
  expect([...seen.get(view.buffer)!].sort((a, b) => a - b)).toEqual(first)
})

it('a digest changes with every value of every image, and with their order', () => {
  const [plan, step] = [plans[0]!, plans[0]!.steps[0]!]
  const view = writesOf(step)[0]!
  const values = new Float32Array(plan.buffers[view.buffer]!.length).map((_, i) => i)
  const digestOf = (changed: Float32Array, count = 2) =>
    Array.from({ length: count }, (_, index) =>
      bitsOf(view, () => gridOf(view, changed, 0), { index, count }),
    )
      .map((bits) => bits.digest)
      .join()
  const own = digestOf(values)
  const positions = [...positionsOf(view, plan).keys()]
  for (const at of positions) expect(digestOf(values.with(at, -1)), String(at)).not.toBe(own)
  const [a, b] = positions as [number, number]
  expect(digestOf(values.with(a, values[b]!).with(b, values[a]!))).not.toBe(own)
  // Values of no tensor, in halo and padded channels, are left out
  const outside = [...values.keys()].find((at) => !positions.includes(at))!
  expect(digestOf(values.with(outside, -1))).toBe(own)
})

it.each([Number.NaN, -Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  'no %f is overlooked, wherever it stands',
  (value) => {
    const [plan, step] = [plans[0]!, plans[0]!.steps[0]!]
    const view = writesOf(step)[0]!
    const largest = 2 ** 127
    const values = new Float32Array(plan.buffers[view.buffer]!.length).map((_, i) =>
      i % 2 ? largest : -largest,
    )
    const areFinite = (of: Float32Array) =>
      [0, 1].every((index) => bitsOf(view, () => gridOf(view, of, 0), { index, count: 2 }).areFinite)
    expect(areFinite(values)).toBe(true)
    for (const at of positionsOf(view, plan).keys())
      expect(areFinite(values.with(at, value)), String(at)).toBe(false)
  },
)
