import fc from 'fast-check'
import {
  add,
  batchNorm,
  concat,
  conv,
  dropout,
  type Layer,
  l2Loss,
  lrn,
  maxPool,
  relu,
} from '../../src/layers/index.ts'
import { defineNetwork, type Network } from '../../src/networks/network.ts'

const KINDS = [
  'conv',
  'silu',
  'batch-norm',
  'relu',
  'dropout',
  'lrn',
  'max-pool',
  'add',
  'concat',
  'loss',
] as const

const choices = fc.array(
  fc.record({
    kind: fc.constantFrom(...KINDS),
    filters: fc.integer({ min: 1, max: 5 }),
    /** How far back its inputs are, in layers; often the layer before. */
    back: fc.tuple(fc.constantFrom(0, 0, 0, 1, 2, 5), fc.constantFrom(0, 1, 2, 3, 7)),
  }),
  { minLength: 1, maxLength: 18 },
)

/**
 * Small networks with shortcuts, branches, losses in the middle, and layers of different sizes. Each tensor that no layer
 * reads has a loss.
 */
export const randomNetworks: fc.Arbitrary<Network> = choices.map((wanted) => {
  const layers: Layer[] = [conv('stem', { filters: 3, kernel: 3, padding: 1 })]
  const channels = new Map([['stem', 3]])
  const unread = new Set(['stem'])
  for (const [index, { kind, filters, back }] of wanted.entries()) {
    const [first, second] = back.map((distance) => [...channels.keys()].at(-1 - distance) ?? 'stem') as [
      string,
      string,
    ]
    const name = `${kind}${index}`
    const isAdd = kind === 'add' && channels.get(first) === channels.get(second)
    const inputs = isAdd || kind === 'concat' ? [first, second] : [first]
    const own = channels.get(first)!
    const same: Partial<Record<(typeof KINDS)[number], Layer>> = {
      conv: conv(name, { filters, kernel: 3, padding: 1, activation: 'relu', inputs }),
      silu: conv(name, { filters, kernel: 1, activation: 'silu', inputs }),
      'batch-norm': batchNorm(name, { activation: filters > 2 ? 'relu' : 'silu', inputs }),
      dropout: dropout(name, { inputs }),
      lrn: lrn(name, { inputs }),
      'max-pool': maxPool(name, { kernel: 3, stride: 1, padding: 1, inputs }),
      concat: concat(name, { inputs }),
      loss: l2Loss(name, { inputs }),
    }
    layers.push(isAdd ? add(name, { inputs }) : (same[kind] ?? relu(name, { inputs })))
    for (const input of inputs) unread.delete(input)
    if (kind === 'loss') continue
    const made =
      kind === 'concat' ? own + channels.get(second)! : kind === 'conv' || kind === 'silu' ? filters : own
    channels.set(name, made)
    unread.add(name)
  }
  for (const name of unread) layers.push(l2Loss(`lossOf-${name}`, { inputs: [name] }))
  return defineNetwork('random', { inputs: { images: [5, 5, 2] }, layers })
})
