import { describe, expect, it } from 'vitest'
import { kernels } from '../kernels/index.ts'
import {
  add,
  averagePool,
  batchNorm,
  concat,
  conv,
  dense,
  dropout,
  l2Loss,
  lrn,
  maxPool,
  relu,
  sigmoid,
  slice,
  softmax,
  softmaxLoss,
  tanh,
} from '../layers/index.ts'
import { defineNetwork, type Network } from '../networks/network.ts'
import { adam, sgd } from '../optimizers/index.ts'
import { createPlan, type Plan } from '../plan/plan.ts'
import { type Step, writesOf } from '../plan/steps.ts'
import type { Training } from '../plan/training.ts'
import { gridOf, type View } from '../plan/views.ts'
import { elementCount, pixelAt } from '../tensor.ts'
import { compareImage, digest, type Look } from './comparison.ts'
import { compareStep } from './truth.ts'

/** Every step kind there is, of extents that are all different where they can be. */
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
const residual = defineNetwork('residual', {
  inputs: { images: [5, 7, 3] },
  layers: [
    conv('stem', { filters: 6, kernel: 1, biases: false }),
    batchNorm('norm', { activation: 'sigmoid' }),
    averagePool('average', { kernel: 3, padding: 1 }),
    add('sum', { inputs: ['average', 'norm', 'stem'], activation: 'relu' }),
    slice('part', { begin: 2, end: 5 }),
    concat('joined', { inputs: ['part', 'sum', 'stem'] }),
    softmax('shares'),
    l2Loss('loss'),
  ],
})
const BATCH = 4

const planOf = (network: Network, training: Training): Plan =>
  createPlan(network, { batch: BATCH, pass: 'train', lanes: 4, keep: 'all', training })
const plans = [
  planOf(convolutional, { optimizer: sgd(), clipNorm: 1 }),
  planOf(classifier, { optimizer: adam(), microBatches: 2 }),
  planOf(residual, { optimizer: sgd() }),
]
const steps = plans.flatMap((plan) =>
  plan.steps.map((step) => ({ plan, step, name: `${step.kind} of ${step.layer}` })),
)

/** Too dear to be compared whole. */
const SAMPLED: readonly Step['kind'][] = [
  'conv-forward',
  'conv-weights-gradient',
  'conv-input-gradient',
  'dense-forward',
  'dense-weights-gradient',
  'dense-input-gradient',
]

/** Memory of zeros, that notes what is looked at of what the step writes. */
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
    before: (view: View) => gridOf(view, new Float32Array(plan.buffers[view.buffer]!.length), 0),
  })
  return { look, seen }
}

/** Positions of all values of a view, by its index: for weights (KH, KW, C, F). */
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
      digest(view, () => gridOf(view, changed, 0), { index, count }),
    ).join()
  const own = digestOf(values)
  const positions = [...positionsOf(view, plan).keys()]
  for (const at of positions) expect(digestOf(values.with(at, -1)), String(at)).not.toBe(own)
  const [a, b] = positions as [number, number]
  expect(digestOf(values.with(a, values[b]!).with(b, values[a]!))).not.toBe(own)
  // What no tensor has, halo and padded channels, is left out
  const outside = [...values.keys()].find((at) => !positions.includes(at))!
  expect(digestOf(values.with(outside, -1))).toBe(own)
})
