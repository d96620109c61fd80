// Activations that are made again in backward, block by block: `checkpoint: 'blocks'`.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomNetworks } from '../../test/support/random-network.ts'
import { UsageError } from '../errors.ts'
import {
  add,
  batchNorm,
  conv,
  dense,
  dropout,
  l2Loss,
  lrn,
  maxPool,
  relu,
  softmaxLoss,
} from '../layers/index.ts'
import { defineNetwork, type Network } from '../networks/network.ts'
import { resnet18 } from '../networks/resnet18.ts'
import { sgd } from '../optimizers/index.ts'
import { blocksOf } from './blocks.ts'
import { layOutMemory } from './memory.ts'
import { AFTER_ALL, BEFORE_ALL, createPlan, type Keep, type Plan } from './plan.ts'
import { readsOf, type Step, writesOf } from './steps.ts'
import type { Training } from './training.ts'

const BATCH = 2

interface Planned {
  readonly training?: Partial<Training>
  readonly keep?: Keep
  readonly batch?: number
}

const trained = (network: Network, { training, keep = [], batch = BATCH }: Planned = {}): Plan =>
  createPlan(network, { batch, pass: 'train', keep, training: { optimizer: sgd(), ...training } })
const remaking = (network: Network, { training, ...planned }: Planned = {}): Plan =>
  trained(network, { ...planned, training: { ...training, checkpoint: 'blocks' } })

const named = (steps: readonly Step[]) => steps.map(({ kind, layer }) => `${kind} ${layer}`)
const remadeOf = ({ steps }: Plan) => steps.filter(({ pass }) => pass === 'remake')
const bytesOf = ({ buffers }: Plan) => layOutMemory(buffers).byteLength

const same = (name: string, filters: number) =>
  conv(name, { filters, kernel: 3, padding: 1, activation: 'relu' })

/** The first block has what its gradients read of each kind: sums, a mean, LRN's input, a pool's input and output. */
const mixed = defineNetwork('mixed', {
  inputs: { images: [8, 8, 3], labels: [] },
  layers: [
    conv('conv1', { filters: 8, kernel: 3, padding: 1, biases: false }),
    batchNorm('norm1', { activation: 'relu' }),
    conv('silu', { filters: 8, kernel: 3, padding: 1, activation: 'silu' }),
    lrn('lrn'),
    dropout('drop'),
    maxPool('pool', { kernel: 3, stride: 1, padding: 1 }),
    conv('conv2', { filters: 8, kernel: 3, padding: 1, biases: false }),
    batchNorm('norm2', { activation: 'silu' }),
    add('sum', { inputs: ['norm2', 'norm1'] }),
    ...Array.from({ length: 7 }, (_, i) => same(`tail${i}`, 24)),
    dense('fc', { units: 5 }),
    softmaxLoss('loss', { inputs: ['fc', 'labels'] }),
  ],
})

/**
 * What a run computes, as one number for each expression: a step's kind, layer, options and inputs are the same only if its
 * results are. Throws if a step reads what no step has written, or what is not in memory any more.
 */
function symbolic(expressions: Map<string, number>, { steps, buffers, tensors }: Plan) {
  const numberOf = (expression: string) => {
    const number = expressions.get(expression) ?? expressions.size
    expressions.set(expression, number)
    return number
  }
  const values = new Map<number, number>()
  for (const { id, name, firstStep } of buffers)
    if (firstStep === BEFORE_ALL) values.set(id, numberOf(`given ${name}`))
  for (const [index, { kind, layer, options, reads, writes }] of steps.entries()) {
    const read = Object.entries(reads).map(([name, { buffer, tensor }]) => {
      const { firstStep, lastStep } = buffers[buffer]!
      if (!values.has(buffer) || index < firstStep || index > lastStep)
        throw new Error(`step ${index}, ${kind} ${layer}, reads '${tensor}', which is not there`)
      return [name, values.get(buffer)]
    })
    const expression = JSON.stringify([kind, layer, options, read])
    for (const [name, { buffer }] of Object.entries(writes))
      values.set(buffer, numberOf(`${name} of ${expression}`))
  }
  return Object.fromEntries(
    Object.entries(tensors)
      .filter(([, { isKept }]) => isKept)
      .map(([name, { view }]) => [name, values.get(view.buffer)]),
  )
}

/** Expects that all that a caller may read is computed by the same expressions with and without `checkpoint`. */
function expectSameResults(network: Network, planned: Planned = {}): void {
  const expressions = new Map<string, number>()
  const usual = symbolic(expressions, trained(network, planned))
  expect(Object.values(usual)).not.toContain(undefined)
  expect(symbolic(expressions, remaking(network, planned))).toEqual(usual)
}

/** Names of tensors that are in memory both at the end of forward and in backward, but for what lasts from run to run. */
function acrossPasses({ steps, buffers }: Plan): string[] {
  const lastForward = steps.findLastIndex(({ pass }) => pass === 'forward')
  const isAcross = ({ firstStep, lastStep }: Plan['buffers'][number]) =>
    firstStep > BEFORE_ALL && firstStep <= lastForward && lastStep > lastForward && lastStep !== AFTER_ALL
  return buffers.filter(isAcross).map(({ name }) => name)
}

describe('a plan with checkpoints', () => {
  it('makes the activations of a block again just before its steps backward, but those of the last are still there', () => {
    const { steps } = remaking(mixed)
    const blocks = blocksOf(mixed.layers)
    expect(blocks).toHaveLength(4)
    // Of each layer, which block it is in
    const blockOf = new Map(
      blocks.flatMap(({ layers }, index) => layers.map(({ layer }) => [layer.name, index] as const)),
    )
    const isBackward = ({ pass }: Step) => pass === 'remake' || pass === 'backward'
    const turns = steps
      .filter(isBackward)
      .map(({ pass, layer }) => `${pass} ${blockOf.get(layer)}`)
      .filter((turn, i, all) => turn !== all[i - 1])
    expect(turns).toEqual([
      'backward 3',
      'remake 2',
      'backward 2',
      'remake 1',
      'backward 1',
      'remake 0',
      'backward 0',
    ])
    expect(steps.slice(0, steps.findIndex(isBackward)).every(({ pass }) => pass === 'forward')).toBe(true)
  })

  it('has no other steps than without, but for those that are made again', () => {
    const { steps } = remaking(mixed)
    expect(named(steps.filter(({ pass }) => pass !== 'remake'))).toEqual(named(trained(mixed).steps))
    const forward = named(steps.filter(({ pass }) => pass === 'forward'))
    const remade = named(remadeOf(remaking(mixed)))
    expect(new Set(remade).size).toBe(remade.length)
    expect(forward).toEqual(expect.arrayContaining(remade))
  })

  it('takes statistics of the batch once, and running statistics follow them once', () => {
    const { steps } = remaking(mixed)
    const count = (kind: string) => steps.filter((step) => step.kind === kind).length
    expect([count('batch-norm-statistics'), count('batch-norm-follow')]).toEqual([2, 2])
    const again = remadeOf(remaking(mixed)).filter(({ kind }) => kind === 'batch-norm-forward')
    expect(again.length).toBeGreaterThan(0)
    for (const { layer, reads } of again)
      expect(reads).toMatchObject({
        mean: { tensor: `${layer}/batchMean` },
        variance: { tensor: `${layer}/batchVariance` },
      })
  })

  it('makes nothing again that nobody reads: a block’s output, which was kept, and what only that is made of', () => {
    const chain = defineNetwork('chain', {
      inputs: { images: [8, 8, 4] },
      layers: [
        ...Array.from({ length: 16 }, (_, i) =>
          conv(`conv${i}`, { filters: 4, kernel: 3, padding: 1, activation: 'relu' }),
        ),
        l2Loss('loss'),
      ],
    })
    const plan = remaking(chain)
    const blocks = blocksOf(chain.layers)
    const wanted = blocks
      .slice(0, -1)
      .toReversed()
      .flatMap(({ layers }) => layers.slice(0, -1).map(({ layer }) => `conv-forward ${layer.name}`))
    expect(wanted.length).toBeGreaterThan(4)
    expect(named(remadeOf(plan))).toEqual(wanted)
    // All that is written again is read before it is written by another step
    for (const remade of [plan, remaking(mixed), remaking(resnet18())]) {
      for (const [index, step] of remade.steps.entries()) {
        if (step.pass !== 'remake') continue
        const later = new Set(
          remade.steps
            .slice(index + 1)
            .flatMap(readsOf)
            .map(({ buffer }) => buffer),
        )
        expect(
          writesOf(step).some(({ buffer }) => later.has(buffer)),
          `${step.kind} ${step.layer}`,
        ).toBe(true)
      }
    }
  })

  it.each([
    ['a small network of many kinds', mixed],
    ['ResNet-18', resnet18()],
  ])(
    'of %s keeps nothing from forward to backward but what is between blocks, and the last block',
    (_, network) => {
      const blocks = blocksOf(network.layers)
      const last = new Set(blocks.at(-1)!.layers.map(({ layer }) => layer.name))
      const outputs = new Set(blocks.map(({ output }) => output))
      const across = acrossPasses(remaking(network))
      const isAllowed = (name: string) => outputs.has(name) || last.has(name.split('/')[0]!)
      expect(across.filter((name) => !isAllowed(name))).toEqual([])
      expect(acrossPasses(trained(network)).filter((name) => !isAllowed(name)).length).toBeGreaterThan(2)
    },
  )

  it('makes again what each gradient reads: sums, LRN’s input, a pool’s input and output; dropout drops the same', () => {
    const plan = remaking(mixed)
    const { steps, buffers } = plan
    const written = new Map<number, Step>()
    const madeBy: Record<string, string> = {}
    for (const step of steps) {
      for (const [name, { buffer }] of Object.entries(step.reads))
        if (step.pass === 'backward')
          madeBy[`${step.kind} ${step.layer} ${name}`] = written.get(buffer)?.pass ?? 'given'
      for (const { buffer } of writesOf(step)) written.set(buffer, step)
    }
    expect(madeBy).toMatchObject({
      'output-gradient silu sums': 'remake',
      'lrn-backward lrn input': 'remake',
      'max-pool-backward pool input': 'remake',
      'max-pool-backward pool output': 'remake',
      'batch-norm-parameters-gradient norm2 input': 'remake',
      'batch-norm-parameters-gradient norm2 mean': 'forward',
      'batch-norm-input-gradient norm1 output': 'remake',
      'conv-weights-gradient tail0 input': 'forward',
      'conv-weights-gradient conv1 input': 'given',
    })
    // The sums have memory of their own each time, and none in between
    expect(buffers.filter(({ name }) => name === 'silu/sums').length).toBe(2)
    const turns = steps
      .filter(({ layer }) => layer === 'drop')
      .map(({ reads }) => (reads as { turn?: unknown }).turn)
    expect(new Set(turns)).toEqual(new Set([plan.tensors['dropout.turn']!.view]))
  })

  it('makes nothing again of a frozen beginning, whose activations no gradient reads', () => {
    const freeze = ['conv1', 'bn1', 'layer1.*', 'layer2.*', 'layer3.*']
    const plan = remaking(resnet18(), { training: { freeze } })
    const layers = new Set(remadeOf(plan).map(({ layer }) => layer))
    expect([...layers].filter((name) => !/^layer4|fc|pool/.test(name))).toEqual([])
    expectSameResults(resnet18(), { training: { freeze } })
    const all = remaking(resnet18())
    expect(remadeOf(all).length).toBeGreaterThan(remadeOf(plan).length)
  })

  it('a frozen batch norm in a block goes by its running statistics both times', () => {
    const training = { freeze: ['norm1'] }
    const again = remadeOf(remaking(mixed, { training })).find(({ layer }) => layer === 'norm1')!
    expect(again.kind).toBe('batch-norm-forward')
    expect(again.reads).toMatchObject({ mean: { tensor: 'norm1/mean' } })
    expectSameResults(mixed, { training })
  })

  it('keeps what it is told to keep, as forward made it', () => {
    const keep = ['silu', 'lrn', 'tail2']
    const { tensors, buffers, steps } = remaking(mixed, { keep })
    for (const name of keep) {
      const { isKept, view } = tensors[name]!
      expect(isKept).toBe(true)
      expect(buffers[view.buffer]!.lastStep).toBe(AFTER_ALL)
      const writers = steps.filter((step) => writesOf(step).some(({ buffer }) => buffer === view.buffer))
      expect(writers.map(({ pass }) => pass)).toEqual(['forward'])
    }
    expectSameResults(mixed, { keep })
    expectSameResults(mixed, { keep: 'all' })
  })

  it('takes less memory than without', () => {
    // Of what does not last from run to run
    const working = (plan: Plan) => {
      const isLasting = ({ firstStep, lastStep }: Plan['buffers'][number]) =>
        firstStep === BEFORE_ALL || lastStep === AFTER_ALL
      return bytesOf(plan) - bytesOf({ ...plan, buffers: plan.buffers.filter(isLasting) })
    }
    const share = (network: Network, batch: number) =>
      working(remaking(network, { batch })) / working(trained(network, { batch }))
    expect(share(resnet18(), 32)).toBeLessThan(0.67)
    expect(share(resnet18({ imageSize: 64 }), 4)).toBeLessThan(0.8)
    const layers = [...Array.from({ length: 64 }, (_, i) => same(`conv${i}`, 8)), l2Loss('loss')]
    expect(share(defineNetwork('chain', { inputs: { images: [32, 32, 8] }, layers }), 4)).toBeLessThan(0.35)
  })

  it('of a network of one layer is as without', () => {
    const network = defineNetwork('one', {
      inputs: { images: [4, 4, 2] },
      layers: [conv('only', { filters: 2, kernel: 3 }), l2Loss('loss')],
    })
    expect(remaking(network).steps).toEqual(trained(network).steps)
    expect(bytesOf(remaking(network))).toBe(bytesOf(trained(network)))
  })

  it('computes the same, with micro-batches, clipped gradients and two losses', () => {
    expectSameResults(mixed)
    expectSameResults(mixed, { training: { microBatches: 3, clipNorm: 1 } })
    expectSameResults(resnet18())
    const two = defineNetwork('two', {
      inputs: { images: [6, 6, 3] },
      layers: [
        ...mixed.layers.slice(0, 9).map(({ layer }) => layer),
        l2Loss('early'),
        relu('on', { inputs: ['sum'] }),
        conv('more', { filters: 8, kernel: 3, padding: 1, activation: 'silu' }),
        conv('last', { filters: 2, kernel: 3, padding: 1 }),
        l2Loss('late'),
      ],
    })
    expectSameResults(two)
  })

  it('computes the same for networks with shortcuts, branches and losses in the middle, and keeps only what is between blocks', () => {
    fc.assert(
      fc.property(randomNetworks, (network) => {
        expectSameResults(network)
        const blocks = blocksOf(network.layers)
        const outputs = new Set(blocks.map(({ output }) => output))
        const last = new Set(blocks.at(-1)!.layers.map(({ layer }) => layer.name))
        const across = acrossPasses(remaking(network))
        expect(across.filter((name) => !outputs.has(name) && !last.has(name.split('/')[0]!))).toEqual([])
      }),
      { numRuns: 60 },
    )
  })

  it('is refused by another name', () => {
    const wrong = () => trained(mixed, { training: { checkpoint: 'block' as never } })
    expect(wrong).toThrow(UsageError)
    expect(wrong).toThrow("training: unknown checkpoint 'block'; did you mean 'blocks'?")
  })
})
