import { expect, it } from 'vitest'
import type { Engine, PrepareOptions } from '../engines/engine.ts'
import { batchNorm, conv, dense, dropout, type Layer, softmaxLoss } from '../layers/index.ts'
import { defineNetwork, type Network } from '../networks/network.ts'
import { createPlan, type Pass, type Plan, writtenBytes } from '../plan/plan.ts'
import { benchmarkTraining } from '../plan/training.ts'
import { benchmarkBeside, requireRoomForAll } from './room.ts'

const networkWith = (between: Layer) =>
  defineNetwork('between', {
    inputs: { images: [5, 5, 2], labels: [] },
    layers: [
      conv('conv', { filters: 4, kernel: 2 }),
      between,
      dense('fc', { units: 3 }),
      softmaxLoss('loss', { inputs: ['fc', 'labels'] }),
    ],
  })
const network = networkWith(dropout('drop'))
const planOf = (pass: Pass, of: Network = network): Plan =>
  createPlan(of, {
    batch: 6,
    pass,
    lanes: 4,
    ...(pass === 'train' && { training: benchmarkTraining(of) }),
  })

/** Of one image: the convolution's outputs, the same after the next layer, logits and the loss. */
const ACTIVATIONS = 64 + 64 + 3 + 1
/** The dense layer's weights. */
const LARGEST = 64 * 3

it.each<[Pass, number, number]>([
  ['forward', 4, 0],
  ['forward-backward', 4, 6 * 64],
  ['train', 12, 6 * 64],
])(
  '%s has the data beside it, and if it is checked the check with %i copies of weights',
  (pass, copies, dropped) => {
    const plan = planOf(pass)
    const data = writtenBytes(plan, ['input', 'parameter']) + 16e6
    expect(benchmarkBeside(false)(plan)).toEqual({ bytes: data })
    const check = writtenBytes(plan) + 64e6 + 4 * copies * LARGEST + 8 * (6 * ACTIVATIONS + dropped)
    expect(benchmarkBeside(true)(plan)).toEqual({ bytes: data + check })
  },
)

it.each<[Pass, number]>([
  ['forward', 4],
  ['forward-backward', 4],
  ['train', 12],
])('%s: the truth of a batch norm goes image by image', (pass, copies) => {
  const plan = planOf(pass, networkWith(batchNorm('norm')))
  const data = writtenBytes(plan, ['input', 'parameter']) + 16e6
  const check = writtenBytes(plan) + 64e6 + 4 * copies * LARGEST + 8 * 6 * ACTIVATIONS
  expect(benchmarkBeside(true)(plan)).toEqual({ bytes: data + check })
})

it.each([
  ['wasm', [0, 0]],
  ['reference', [1, 0]],
])('room for all passes is asked for, the largest first: %s', async (name, others) => {
  const asked: { pass: Pass; others: number; bytes: number }[] = []
  const engine = {
    info: { name },
    lanes: 4,
    requireRoom: async (plan: Plan, { memoryBeside }: PrepareOptions) => {
      const { bytes, plans = [] } = memoryBeside!(plan)
      asked.push({ pass: plan.pass, others: plans.length, bytes })
    },
  } as unknown as Engine
  const passes = ['forward', 'forward-backward'] as const
  await requireRoomForAll(network, engine, { batch: 6, passes, algorithm: 'auto', isChecked: true })
  expect(asked).toEqual(
    (['forward-backward', 'forward'] as const).map((pass, i) => ({
      pass,
      others: others[i],
      bytes: benchmarkBeside(true)(planOf(pass)).bytes,
    })),
  )
})
