import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UsageError } from '../errors.ts'
import {
  add,
  batchNorm,
  concat,
  conv,
  dense,
  dropout,
  type Layer,
  l2Loss,
  lrn,
  maxPool,
  relu,
  scale,
  slice,
  softmax,
  softmaxLoss,
} from '../layers/index.ts'
import { windowGeometry } from '../layers/window.ts'
import { alexnet } from '../networks/alexnet.ts'
import { densenet121 } from '../networks/densenet121.ts'
import { defineNetwork, type Network } from '../networks/network.ts'
import { resnet18 } from '../networks/resnet18.ts'
import { sgd } from '../optimizers/index.ts'
import { inputGradientHalo, inputGradientPhases } from './geometry.ts'
import { layOutMemory } from './memory.ts'
import { AFTER_ALL, BEFORE_ALL, createPlan, type Plan } from './plan.ts'
import { changesOf, type Step, type StepKind, type StepOfKind } from './steps.ts'
import type { Buffer, View } from './views.ts'

const tower = alexnet()

describe('memory', () => {
  const buffers = fc.array(
    fc
      .record({ length: fc.integer({ min: 1, max: 500 }), a: fc.nat(12), b: fc.nat(12) })
      .map(({ length, a, b }) => ({
        length,
        firstStep: Math.min(a, b),
        lastStep: Math.max(a, b),
      })),
    { maxLength: 40 },
  )

  it('never gives two buffers one place while both are needed', () => {
    fc.assert(
      fc.property(buffers, (wanted) => {
        const all: Buffer[] = wanted.map((buffer, id) => ({ id, name: `${id}`, ...buffer }))
        const { byteOffsets, byteLength } = layOutMemory(all)
        const placed = all.map((buffer) => {
          const from = byteOffsets.get(buffer.id)!
          return { ...buffer, from, to: from + 4 * buffer.length }
        })
        for (const a of placed) {
          expect(a.from % 64).toBe(0)
          expect(a.to).toBeLessThanOrEqual(byteLength)
          for (const b of placed) {
            if (a.id >= b.id || a.lastStep < b.firstStep || b.lastStep < a.firstStep) continue
            expect(a.to <= b.from || b.to <= a.from).toBe(true)
          }
        }
      }),
    )
  })

  it("needs far less for the tower's forward than the sum of its activations", () => {
    const plan = createPlan(tower, { batch: 32, pass: 'forward' })
    const written = plan.buffers.filter(({ firstStep }) => firstStep !== BEFORE_ALL)
    const kept = plan.buffers.filter(({ firstStep }) => firstStep === BEFORE_ALL)
    const sum = (some: readonly Buffer[]) => 4 * some.reduce((total, { length }) => total + length, 0)
    const packed = layOutMemory(plan.buffers).byteLength - sum(kept)
    expect(packed).toBeLessThan(0.55 * sum(written))
  })
})

describe('a plan', () => {
  it('has the steps of the pass, in order, and nothing that nobody asked for', () => {
    const kinds = (pass: 'forward' | 'forward-backward') =>
      createPlan(tower, { batch: 2, pass }).steps.map(({ kind, layer }) => `${kind} ${layer}`)
    expect(kinds('forward')).toHaveLength(10)
    expect(kinds('forward')).not.toContain('l2-loss-forward loss')
    const both = kinds('forward-backward')
    expect(both.indexOf('l2-loss-backward loss')).toBeLessThan(both.indexOf('max-pool-backward pool5'))
    // The images have no gradient.
    expect(both).not.toContain('conv-input-gradient conv1')
    expect(both.at(-1)).toBe('conv-weights-gradient conv1')
  })

  it('keeps outputs, parameters and gradients, and activations when asked', () => {
    const { tensors, buffers, outputs } = createPlan(tower, {
      batch: 2,
      pass: 'forward-backward',
      keep: ['conv2'],
    })
    const kept = Object.keys(tensors).filter((name) => tensors[name]!.isKept)
    expect(kept).toContain('conv2')
    expect(kept).toContain('conv1/weights.gradient')
    expect(kept).not.toContain('conv3')
    expect(outputs).toEqual(expect.arrayContaining(['pool5', 'loss', 'conv5/biases.gradient']))
    expect(outputs).toHaveLength(12)
    for (const name of kept) expect(buffers[tensors[name]!.view.buffer]!.lastStep).toBe(AFTER_ALL)
    const all = createPlan(tower, { batch: 2, pass: 'forward', keep: 'all' }).tensors
    expect(Object.values(all).every(({ isKept }) => isKept)).toBe(true)
    const printed = createPlan(tower, { batch: 2, pass: 'forward', keep: 'printed' }).tensors
    expect([printed.conv1!.isKept, printed.lrn1!.isKept]).toEqual([true, false])
  })

  it('gives each tensor the halo of its widest reader, and rounds channels up to the vector', () => {
    const network = defineNetwork('readers', {
      inputs: { images: [9, 9, 3] },
      layers: [
        conv('a', { filters: 5, kernel: 1 }),
        conv('wide', { filters: 2, kernel: 5, padding: 'same', inputs: ['a'] }),
        conv('tall', {
          filters: 2,
          kernel: [7, 1],
          padding: { top: 6, bottom: 0, left: 0, right: 0 },
          inputs: ['a'],
        }),
      ],
    })
    const { a, images } = createPlan(network, { batch: 1, pass: 'forward', lanes: 8 }).tensors
    expect(a!.view.halo).toEqual({ top: 6, bottom: 2, left: 2, right: 2 })
    expect(a!.view.pixelPitch).toBe(8)
    expect(images!.view.pixelPitch).toBe(3)
  })

  it('refuses what can not be', () => {
    expect(() => createPlan(tower, { batch: 1.5, pass: 'forward' })).toThrow('batch is 1.5')
    expect(() => createPlan(tower, { batch: 1, pass: 'backward' as never })).toThrow(
      "unknown pass 'backward'",
    )
    expect(() => createPlan(tower, { batch: 1, pass: 'forward', keep: ['pool9'] })).toThrow(
      "did you mean 'pool",
    )
    const lossless = defineNetwork('lossless', {
      inputs: { x: [4, 4, 1] },
      layers: [conv('c', { filters: 1, kernel: 1 })],
    })
    expect(() => createPlan(lossless, { batch: 1, pass: 'forward-backward' })).toThrow(
      "lossless: forward-backward needs a loss, and none depends on 'c'",
    )
  })

  it('activates in the step of the sums, but for a sigmoid, whose value at 0 is not 0', () => {
    const network = defineNetwork('activated', {
      inputs: { images: [6, 6, 3] },
      layers: [
        conv('a', { filters: 2, kernel: 3, padding: 'same', activation: 'sigmoid' }),
        conv('b', { filters: 2, kernel: 3, padding: 'same', activation: 'relu' }),
        dense('c', { units: 2, activation: 'tanh' }),
        dense('d', { units: 2 }),
        l2Loss('loss'),
      ],
    })
    const { steps, tensors } = createPlan(network, { batch: 1, pass: 'forward-backward' })
    const forward = steps.filter(({ pass }) => pass === 'forward')
    expect(forward.map(({ kind, writes }) => [kind, Object.values<View>(writes)[0]!.tensor])).toEqual([
      ['conv-forward', 'a/sums'],
      ['activation-forward', 'a'],
      ['conv-forward', 'b'],
      ['dense-forward', 'c'],
      ['dense-forward', 'd'],
      ['l2-loss-forward', 'loss'],
    ])
    expect(forward.map(({ options }) => (options as { activation?: string }).activation)).toEqual([
      undefined,
      'sigmoid',
      'relu',
      'tanh',
      undefined,
      undefined,
    ])
    expect(tensors.a!.view.halo).toEqual({ top: 1, bottom: 1, left: 1, right: 1 })
    const gradients = steps.filter((step) => step.kind === 'output-gradient')
    expect(gradients.map(({ options }) => options.activation)).toEqual([undefined, 'tanh', 'relu', 'sigmoid'])
  })

  it('plans layers that read the images themselves, without a gradient for them', () => {
    const network = defineNetwork('plain', {
      inputs: { images: [6, 6, 3] },
      layers: [relu('r'), lrn('n'), maxPool('p', { kernel: 2 }), l2Loss('loss')],
    })
    const { steps, tensors } = createPlan(network, { batch: 1, pass: 'forward-backward' })
    expect(steps.filter(({ pass }) => pass === 'backward')).toEqual([])
    expect(tensors.images!.view.pixelPitch).toBe(4)
  })
})

const both = (network: Network, batch = 2) => createPlan(network, { batch, pass: 'forward-backward' })

function stepsOfKind<Kind extends StepKind>({ steps }: Plan, kind: Kind): StepOfKind<Kind>[] {
  return steps.filter((step): step is StepOfKind<Kind> => step.kind === kind)
}

const backwardOf = ({ steps }: Plan): readonly Step[] => steps.filter(({ pass }) => pass === 'backward')

/** A stem, then these layers, all on images of 6 x 6 with 4 channels. */
const behindStem = (...layers: readonly Layer[]): Network =>
  defineNetwork('readers', {
    inputs: { images: [6, 6, 3] },
    layers: [conv('stem', { filters: 4, kernel: 1, biases: false }), ...layers],
  })

const thin = { filters: 4, kernel: 1, biases: false } as const

describe('the gradient of a tensor that several layers read', () => {
  it('is added to in place by steps that can, and has one tensor', () => {
    const network = behindStem(
      relu('one', { inputs: ['stem'] }),
      l2Loss('oneLoss'),
      maxPool('two', { kernel: 2, inputs: ['stem'] }),
      l2Loss('twoLoss'),
      slice('three', { begin: 1, end: 3, inputs: ['stem'] }),
      l2Loss('threeLoss'),
    )
    const plan = both(network)
    expect(stepsOfKind(plan, 'sum-gradients')).toEqual([])
    const parts = [
      ...stepsOfKind(plan, 'slice-backward'),
      ...stepsOfKind(plan, 'max-pool-backward'),
      ...stepsOfKind(plan, 'activation-backward'),
    ]
    expect(parts.map(({ options }) => options.adds)).toEqual([false, true, true])
    expect(new Set(parts.map(({ writes }) => writes.inputGradient.buffer)).size).toBe(1)
    expect(parts.map(({ reads }) => reads.inputGradient !== undefined)).toEqual([false, true, true])
  })

  it('is added up by a step of its own where a layer makes a tensor for itself, in the one that is there', () => {
    const network = behindStem(
      lrn('one', { inputs: ['stem'] }),
      l2Loss('oneLoss'),
      conv('two', { ...thin, inputs: ['stem'] }),
      l2Loss('twoLoss'),
      relu('three', { inputs: ['stem'] }),
      l2Loss('threeLoss'),
    )
    const plan = both(network)
    const sums = stepsOfKind(plan, 'sum-gradients')
    const [relus] = stepsOfKind(plan, 'activation-backward')
    expect(sums.map(({ writes }) => writes.sum)).toEqual([
      relus!.writes.inputGradient,
      relus!.writes.inputGradient,
    ])
    expect(sums.map(({ reads }) => reads.other)).toEqual([
      stepsOfKind(plan, 'conv-input-gradient')[0]!.writes.inputGradient,
      stepsOfKind(plan, 'lrn-backward')[0]!.writes.inputGradient,
    ])
    expect(stepsOfKind(plan, 'conv-weights-gradient').at(-1)!.reads.gradient).toBe(sums[0]!.writes.sum)
  })

  it('is that of a sum itself, which is not changed: others go into a tensor of their own', () => {
    const network = behindStem(
      relu('other', { inputs: ['stem'] }),
      conv('branch', { ...thin, inputs: ['stem'] }),
      add('sum', { inputs: ['branch', 'stem'] }),
      l2Loss('loss'),
      l2Loss('otherLoss', { inputs: ['other'] }),
    )
    const plan = both(network)
    const [given] = stepsOfKind(plan, 'l2-loss-backward').filter(({ layer }) => layer === 'loss')
    const shared = given!.writes.inputGradient
    const branch = stepsOfKind(plan, 'conv-weights-gradient').find(({ layer }) => layer === 'branch')!
    expect(branch.reads.gradient).toBe(shared)
    const changed = plan.steps.flatMap((step) => changesOf(step))
    expect(changed.map(({ buffer }) => buffer)).not.toContain(shared.buffer)
    // The stem's gradients: the sum's own, the branch's and the other's
    const sums = stepsOfKind(plan, 'sum-gradients')
    expect(sums).toHaveLength(1)
    expect(sums[0]!.reads.other).toBe(shared)
    expect(stepsOfKind(plan, 'activation-backward')[0]!.options.adds).toBe(true)
  })

  it('stays a sum’s own where the next step could add in place: that has a tensor of its own', () => {
    const network = behindStem(
      relu('relu', { inputs: ['stem'] }),
      add('sum', { inputs: ['stem', 'relu'] }),
      l2Loss('loss'),
    )
    const plan = both(network)
    const shared = stepsOfKind(plan, 'l2-loss-backward')[0]!.writes.inputGradient
    const [through] = stepsOfKind(plan, 'activation-backward')
    expect(through!.options.adds).toBe(false)
    expect(through!.reads.outputGradient).toBe(shared)
    expect(through!.writes.inputGradient.buffer).not.toBe(shared.buffer)
    const sums = stepsOfKind(plan, 'sum-gradients').map(({ reads }) => [reads.sum, reads.other])
    expect(sums).toEqual([[through!.writes.inputGradient, shared]])
  })

  it('has twice the gradient of a sum that reads it twice, three times of one that reads it three times', () => {
    for (const times of [2, 3]) {
      const inputs = Array.from({ length: times }, () => 'stem')
      const plan = both(behindStem(add('sum', { inputs }), l2Loss('loss')))
      const sums = stepsOfKind(plan, 'sum-gradients')
      const shared = stepsOfKind(plan, 'l2-loss-backward')[0]!.writes.inputGradient
      expect(sums.map(({ reads }) => reads.other)).toEqual(inputs.map(() => shared))
      // The first is copied, the others are added
      expect(sums.map(({ reads }) => reads.sum !== undefined)).toEqual(inputs.map((_, i) => i > 0))
      expect(new Set(sums.map(({ writes }) => writes.sum.buffer)).size).toBe(1)
      expect(sums[0]!.writes.sum.buffer).not.toBe(shared.buffer)
    }
  })

  it('of two sums, is a tensor of its own, and both stay as they are', () => {
    const network = behindStem(
      add('one', { inputs: ['stem', 'stem'] }),
      l2Loss('oneLoss'),
      conv('branch', { ...thin, inputs: ['stem'] }),
      add('two', { inputs: ['branch', 'stem'] }),
      l2Loss('twoLoss'),
    )
    const plan = both(network)
    const given = stepsOfKind(plan, 'l2-loss-backward').map(({ writes }) => writes.inputGradient.buffer)
    const changed = plan.steps.flatMap((step) => changesOf(step)).map(({ buffer }) => buffer)
    for (const buffer of given) expect(changed).not.toContain(buffer)
  })

  it('of a concatenation with itself, has both halves', () => {
    const plan = both(behindStem(concat('twice', { inputs: ['stem', 'stem'] }), l2Loss('loss')))
    const halves = stepsOfKind(plan, 'concat-backward')
    expect(halves.map(({ options }) => [options.begin, options.adds])).toEqual([
      [0, false],
      [4, true],
    ])
    expect(halves[1]!.writes.inputGradient).toBe(halves[0]!.writes.inputGradient)
  })

  it('has the zeros around it that a convolution without biases reads there, and no copy is made', () => {
    const wide = { filters: 4, kernel: 5, padding: 'same', biases: false } as const
    const plan = both(behindStem(conv('wide', wide), lrn('behind'), l2Loss('loss')))
    expect(stepsOfKind(plan, 'output-gradient')).toEqual([])
    const read = stepsOfKind(plan, 'conv-input-gradient')[0]!.reads.gradient
    expect(read).toBe(stepsOfKind(plan, 'lrn-backward')[0]!.writes.inputGradient)
    expect(read.halo).toEqual({ top: 2, bottom: 2, left: 2, right: 2 })
    // The stem's own gradient is read without a halo
    expect(stepsOfKind(plan, 'conv-input-gradient')[0]!.writes.inputGradient.halo.top).toBe(0)
  })

  it('is copied with zeros around it where it is a sum’s, which has none', () => {
    const wide = { filters: 4, kernel: 3, padding: 'same', biases: false } as const
    const network = behindStem(
      conv('wide', wide),
      conv('flat', { ...thin, inputs: ['stem'] }),
      add('sum', { inputs: ['wide', 'flat'] }),
      relu('behind'),
      l2Loss('loss'),
    )
    const copies = stepsOfKind(both(network), 'output-gradient')
    expect(copies.map(({ layer }) => layer)).toEqual(['wide'])
    expect(copies[0]!.writes.gradient.halo).toEqual({ top: 1, bottom: 1, left: 1, right: 1 })
  })

  it('is not asked for where nothing before it is trained: a sum of images has no step backward', () => {
    const network = defineNetwork('images', {
      inputs: { images: [4, 4, 3] },
      layers: [
        add('twice', { inputs: ['images', 'images'] }),
        relu('relu'),
        add('sum', { inputs: ['relu', 'twice'], activation: 'relu' }),
        concat('concat', { inputs: ['sum', 'twice'] }),
        dense('fc', { units: 2 }),
        l2Loss('loss'),
      ],
    })
    const kinds = backwardOf(both(network)).map(({ kind, layer }) => `${kind} ${layer}`)
    expect(kinds).toEqual(['l2-loss-backward loss', 'output-gradient fc', 'dense-weights-gradient fc'])
  })
})

it('what no loss depends on is computed, and has no step backward: a softmax beside its loss', () => {
  const network = defineNetwork('classifier', {
    inputs: { images: [2, 2, 3], labels: [] },
    layers: [
      dense('logits', { units: 4 }),
      softmax('classes'),
      scale('doubled', { trained: false }),
      softmaxLoss('loss', { inputs: ['logits', 'labels'] }),
    ],
  })
  const { steps, outputs } = both(network)
  expect(steps.map(({ kind, layer }) => `${kind} ${layer}`)).toEqual([
    'dense-forward logits',
    'softmax-forward classes',
    'scale-forward doubled',
    'softmax-loss-forward loss',
    'softmax-loss-backward loss',
    'output-gradient logits',
    'dense-weights-gradient logits',
  ])
  expect(outputs).toEqual(['doubled', 'loss', 'logits/weights.gradient', 'logits/biases.gradient'])
  const trained = defineNetwork('trained', {
    inputs: network.inputs,
    layers: [...network.layers.map(({ layer }) => layer), dense('other', { units: 2, inputs: ['classes'] })],
  })
  expect(() => both(trained)).toThrow("forward-backward needs a loss, and none depends on 'other'")
  const freeze = ['other']
  const training = { optimizer: sgd(), freeze }
  expect(() => createPlan(trained, { batch: 2, pass: 'train', training })).not.toThrow()
})

it('constants of a model have no gradient: only what is trained before them is reached through them', () => {
  const network = defineNetwork('constants', {
    inputs: { images: [4, 4, 3] },
    layers: [
      scale('normalized', { trained: false }),
      relu('relu'),
      conv('conv', { filters: 2, kernel: 1 }),
      scale('doubled', { trained: false, shift: false }),
      l2Loss('loss'),
    ],
  })
  const plan = createPlan(network, { batch: 2, pass: 'train', training: { optimizer: sgd() } })
  const kinds = plan.steps.flatMap(({ kind, layer, pass }) =>
    pass === 'forward' ? [] : [`${kind} ${layer}`],
  )
  expect(kinds).toEqual([
    'l2-loss-backward loss',
    'scale-input-gradient doubled',
    'output-gradient conv',
    'conv-weights-gradient conv',
    'sgd-update conv',
    'sgd-update conv',
  ])
  expect(Object.keys(plan.tensors).filter((name) => name.startsWith('doubled/'))).toEqual(['doubled/scale'])
  const training = { optimizer: sgd(), decays: { 'doubled/scale': 0.1 } }
  expect(() => createPlan(network, { batch: 2, pass: 'train', training })).toThrow(
    "training.decays: unknown parameter 'doubled/scale'",
  )
})

describe('a dense block', () => {
  it('takes as many additions as a tensor has readers less one, and no copies', () => {
    const network = densenet121()
    const plan = both(network, 16)
    const readers = new Map<string, number>()
    for (const { inputs } of network.layers)
      for (const input of inputs) readers.set(input, (readers.get(input) ?? 0) + 1)
    const wanted = network.layers.reduce((sum, { layer }) => sum + (readers.get(layer.name) ?? 1) - 1, 0)
    expect(wanted).toBeGreaterThan(500)
    const added = backwardOf(plan).filter((step) => changesOf(step).length > 0)
    expect(added).toHaveLength(wanted)
    expect(stepsOfKind(plan, 'sum-gradients')).toEqual([])
  })
})

describe('frozen layers', () => {
  const network = defineNetwork('frozen', {
    inputs: { images: [6, 6, 3], labels: [] },
    layers: [
      conv('stem', { filters: 4, kernel: 3, biases: false }),
      batchNorm('bn', { activation: 'relu' }),
      conv('body.conv', { filters: 4, kernel: 3 }),
      batchNorm('body.bn'),
      dense('head', { units: 5 }),
      softmaxLoss('loss', { inputs: ['head', 'labels'] }),
    ],
  })
  const train = (freeze: readonly string[], of: Network = network) =>
    createPlan(of, { batch: 2, pass: 'train', training: { optimizer: sgd(), freeze } })
  const layersOf = (steps: readonly Step[]) => [...new Set(steps.map(({ layer }) => layer))]

  it('have no gradient, no update and no running statistics that move; what is before them gets its gradient', () => {
    const plan = train(['body.*'])
    expect(plan.frozen).toEqual(['body.conv', 'body.bn'])
    const gradients = Object.keys(plan.tensors).filter((name) => name.endsWith('.gradient'))
    expect(gradients).toEqual([
      'stem/weights.gradient',
      'bn/scale.gradient',
      'bn/shift.gradient',
      'head/weights.gradient',
      'head/biases.gradient',
    ])
    expect(layersOf(stepsOfKind(plan, 'sgd-update'))).toEqual(['stem', 'bn', 'head'])
    expect(layersOf(stepsOfKind(plan, 'batch-norm-follow'))).toEqual(['bn'])
    expect(layersOf(stepsOfKind(plan, 'batch-norm-statistics'))).toEqual(['bn'])
    expect(layersOf(stepsOfKind(plan, 'conv-input-gradient'))).toEqual(['body.conv'])
    expect(layersOf(stepsOfKind(plan, 'batch-norm-input-gradient'))).toEqual(['body.bn', 'bn'])
    expect(layersOf(stepsOfKind(plan, 'batch-norm-parameters-gradient'))).toEqual(['bn'])
  })

  it('go by their running statistics', () => {
    const { steps } = train(['body.bn'])
    const read = (layer: string) => {
      const step = steps.find((each) => each.kind === 'batch-norm-forward' && each.layer === layer)!
      const { mean, variance } = step.reads as { mean: View; variance: View }
      return [mean.tensor, variance.tensor]
    }
    expect(read('body.bn')).toEqual(['body.bn/mean', 'body.bn/variance'])
    expect(read('bn')).toEqual(['bn/batchMean', 'bn/batchVariance'])
  })

  it('a batch norm’s gradient reads neither its input nor its mean, which would keep them in memory', () => {
    const read = Object.fromEntries(
      stepsOfKind(train(['body.bn']), 'batch-norm-input-gradient').map(({ layer, reads }) => [
        layer,
        Object.keys(reads).sort(),
      ]),
    )
    expect(read['body.bn']).toEqual(['outputGradient', 'scale', 'variance'])
    expect(read.bn).toEqual([
      'input',
      'mean',
      'output',
      'outputGradient',
      'scale',
      'scaleGradient',
      'shift',
      'shiftGradient',
      'variance',
    ])
  })

  it('from the first on have no step backward, a residual block’s sum among them', () => {
    const residual = resnet18()
    const trained = ['fc', 'layer4.1.conv2', 'layer4.1.bn2']
    const freeze = ['conv1', 'bn1', 'layer1.*', 'layer2.*', 'layer3.*', 'layer4.0.*', 'layer4.1.*1']
    const backward = layersOf(backwardOf(train(freeze, residual)))
    expect(backward).toEqual(expect.arrayContaining(trained))
    expect(backward.filter((name) => /^(conv1|bn1|layer[123]|layer4.0)/.test(name))).toEqual([])
    expect(layersOf(train(freeze, residual).steps.filter(({ pass }) => pass === 'update'))).toEqual([
      'layer4.1.conv2',
      'layer4.1.bn2',
      'fc',
    ])
  })

  it.each<[string, readonly string[], string]>([
    [
      'a layer that is not there',
      ['boddy.conv'],
      "freeze: unknown layer 'boddy.conv'; did you mean 'body.conv'? (stem, bn, body.conv, body.bn, head)",
    ],
    ['a pattern that fits nothing', ['stem', 'tail.*'], "freeze: unknown layer 'tail.*' (stem, bn,"],
    ['a layer without parameters', ['loss'], "freeze: unknown layer 'loss' (stem,"],
    ['all of them', ['*'], 'training.freeze: it leaves frozen no parameter to train'],
  ])('are refused: %s', (_what, freeze, message) => {
    expect(() => train(freeze)).toThrow(UsageError)
    expect(() => train(freeze)).toThrow(message)
  })
})

it('a decay of running statistics is refused, since no optimizer changes them; one of a frozen layer waits', () => {
  const network = behindStem(batchNorm('bn'), l2Loss('loss'))
  const planned = (decays: Record<string, number>, freeze: readonly string[] = []) =>
    createPlan(network, { batch: 2, pass: 'train', training: { optimizer: sgd(), decays, freeze } })
  expect(() => planned({ 'bn/mean': 0.1 })).toThrow("training.decays: unknown parameter 'bn/mean'")
  expect(planned({ 'bn/scale': 0.1 }, ['bn']).frozen).toEqual(['bn'])
})

it('a factor of the rate is in the step of its parameter, and one of 1 changes no step', () => {
  const network = behindStem(conv('a', { filters: 2, kernel: 1 }), l2Loss('loss'))
  const updates = (rateFactors: Record<string, number>) =>
    createPlan(network, {
      batch: 2,
      pass: 'train',
      training: { optimizer: sgd(), rateFactors },
    }).steps.flatMap(({ kind, layer, options }) => (kind === 'sgd-update' && layer === 'a' ? [options] : []))
  const plain = { kind: 'sgd', momentum: 0.9, decay: 0 }
  expect(updates({ 'a/weights': 0.5 })).toEqual([{ ...plain, rateFactor: 0.5 }, plain])
  expect(updates({ 'a/weights': 1 })).toEqual([plain, plain])
  expect(() => updates({ 'a/weight': 1 })).toThrow("training.rateFactors: unknown parameter 'a/weight'")
  expect(() => updates({ 'a/weights': 0 })).toThrow('training: rateFactors of a/weights is 0')
})

describe('batch norm in a plan', () => {
  const network = defineNetwork('one value', {
    inputs: { images: [1, 1, 3] },
    layers: [conv('a', { filters: 2, kernel: 1 }), batchNorm('bn'), l2Loss('loss')],
  })

  it('refuses one value a channel in training, in one line that says what to do', () => {
    const message =
      'bn: in training it takes the variance of each channel over batch, height and width, and there is one value; ' +
      'use a larger batch or larger images, or freeze the layer'
    expect(() => both(network, 1)).toThrow(message)
    expect(both(network, 2).steps.map(({ kind }) => kind)).toContain('batch-norm-statistics')
    const options = { batch: 1, pass: 'train', training: { optimizer: sgd(), freeze: ['bn'] } } as const
    expect(createPlan(network, options).frozen).toEqual(['bn'])
  })

  it('goes by running statistics in forward, and follows the batch’s in train alone', () => {
    const kindsOf = (pass: Plan['pass']) =>
      createPlan(network, { batch: 2, pass, training: { optimizer: sgd() } })
        .steps.filter(({ layer, pass }) => layer === 'bn' && pass === 'forward')
        .map(({ kind }) => kind)
    expect(kindsOf('forward')).toEqual(['batch-norm-forward'])
    expect(kindsOf('forward-backward')).toEqual(['batch-norm-statistics', 'batch-norm-forward'])
    expect(kindsOf('train')).toEqual(['batch-norm-statistics', 'batch-norm-follow', 'batch-norm-forward'])
  })
})

describe('dropout in a plan', () => {
  const network = defineNetwork('dropped', {
    inputs: { images: [9, 9, 3] },
    layers: [
      conv('a', { filters: 4, kernel: 1 }),
      dropout('once'),
      dropout('twice'),
      conv('b', { filters: 4, kernel: 3, padding: 'same' }),
      l2Loss('loss'),
    ],
  })

  it('is no step in forward, where its tensor is its input, with the halo that its readers need', () => {
    const { steps, tensors } = createPlan(network, { batch: 2, pass: 'forward', keep: ['once'] })
    expect(steps.map(({ kind }) => kind)).toEqual(['conv-forward', 'conv-forward'])
    expect(tensors.twice!.view).toBe(tensors.a!.view)
    expect(tensors.a!.view.halo).toEqual({ top: 1, bottom: 1, left: 1, right: 1 })
  })

  it('keeps the memory of a tensor that is kept by its other name', () => {
    const lastStep = (keep: string[]) => {
      const { tensors, buffers } = createPlan(network, { batch: 2, pass: 'forward', keep })
      return buffers[tensors.a!.view.buffer]!.lastStep
    }
    expect(lastStep([])).toBe(1)
    expect(lastStep(['twice'])).toBe(AFTER_ALL)
  })

  it('is a step forward and one backward where gradients are wanted', () => {
    const { steps, tensors } = createPlan(network, { batch: 2, pass: 'forward-backward' })
    const kinds = steps.filter(({ layer }) => layer === 'once').map(({ kind }) => kind)
    expect(kinds).toEqual(['dropout-forward', 'dropout-backward'])
    expect(tensors.once!.view.buffer).not.toBe(tensors.a!.view.buffer)
    expect(tensors.a!.view.halo.top).toBe(0)
    expect(tensors.twice!.view.halo.top).toBe(1)
  })
})

it('leaves labels out where their loss is left out', () => {
  const network = defineNetwork('classes', {
    inputs: { images: [4, 4, 3], labels: [] },
    layers: [dense('a', { units: 5 }), softmaxLoss('loss', { inputs: ['a', 'labels'] })],
  })
  const [forward, both] = (['forward', 'forward-backward'] as const).map(
    (pass) => createPlan(network, { batch: 2, pass }).tensors,
  )
  expect(Object.keys(forward!)).toEqual(['images', 'a/weights', 'a/biases', 'a'])
  expect(both!.labels!.shape).toEqual([2])
  expect(both!.a!.shape).toEqual([2, 5])
})

describe('the phases of an input gradient', () => {
  const windows = fc.record({
    input: fc.integer({ min: 1, max: 20 }),
    kernel: fc.integer({ min: 1, max: 7 }),
    stride: fc.integer({ min: 1, max: 8 }),
    padding: fc.oneof(fc.constantFrom('same' as const, 'valid' as const), fc.integer({ min: 0, max: 6 })),
  })

  it('meet every pair of output and tap once, at the input position that it read', () => {
    fc.assert(
      fc.property(windows, ({ input, kernel, stride, padding }) => {
        fc.pre(
          typeof padding === 'number' ? kernel <= input + 2 * padding : padding === 'same' || kernel <= input,
        )
        const g = windowGeometry('w', { kernel: [kernel, 1], stride: [stride, 1], padding }, input, 1)
        const halo = inputGradientHalo(g)
        const met: string[] = []
        const positions: number[] = []
        const vertical = new Set(inputGradientPhases(g).map((phase) => phase.vertical))
        for (const { first, count, stride: step, taps, firstOutput } of vertical) {
          for (let j = 0; j < count; j++) {
            const position = first + j * step
            positions.push(position)
            taps.forEach((tap, t) => {
              const output = firstOutput + j + t
              expect(output).toBeGreaterThanOrEqual(-halo.top)
              expect(output).toBeLessThan(g.outputHeight + halo.bottom)
              if (output < 0 || output >= g.outputHeight) return
              expect(output * g.strideHeight + tap - g.top).toBe(position)
              met.push(`${output} ${tap}`)
            })
          }
        }
        expect(positions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: input }, (_, i) => i))
        const wanted: string[] = []
        for (let output = 0; output < g.outputHeight; output++) {
          for (let tap = 0; tap < kernel; tap++) {
            const position = output * stride + tap - g.top
            if (position >= 0 && position < input) wanted.push(`${output} ${tap}`)
          }
        }
        expect(met.toSorted()).toEqual(wanted.toSorted())
      }),
    )
  })

  it('are as many as there are inputs where the stride is larger, however large it is', () => {
    const g = windowGeometry('w', { kernel: 1, stride: 1e9, padding: 0 }, 3, 2)
    expect(inputGradientPhases(g)).toHaveLength(6)
  })
})
