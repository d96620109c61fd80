import { afterAll, describe, expect, it } from 'vitest'
import type { PreparedPlan } from '../src/engines/engine.ts'
import type { Segment } from '../src/engines/segments.ts'
import type { KernelTable } from '../src/kernels/index.ts'
import type { Network } from '../src/networks/network.ts'
import type { LayOutMemory } from '../src/plan/memory.ts'
import type { Pass, Plan } from '../src/plan/plan.ts'
import type { StepOfKind } from '../src/plan/steps.ts'
import type { View } from '../src/plan/views.ts'
import { built } from './support/built.ts'

const { openWasm } = await built<typeof import('../src/engines/wasm.ts')>('engines/wasm.js')
const { kernels } = await built<typeof import('../src/kernels/index.ts')>('kernels/index.js')
const { createPlan } = await built<typeof import('../src/plan/plan.ts')>('plan/plan.js')
const { benchmarkTraining } = await built<typeof import('../src/plan/training.ts')>('plan/training.js')
const { layOutMemory } = await built<typeof import('../src/plan/memory.ts')>('plan/memory.js')
const { segmentsOf } = await built<typeof import('../src/engines/segments.ts')>('engines/segments.js')
const { benchmark } = await built<typeof import('../src/bench/bench.ts')>('bench/bench.js')
const { Checker } = await built<typeof import('../src/bench/check.ts')>('bench/check.js')
const {
  add,
  averagePool,
  batchNorm,
  concat,
  conv,
  subtract,
  minimum,
  maximum,
  divide,
  unflatten,
  crop,
  convTranspose,
  defineNetwork,
  dense,
  dropout,
  gelu,
  globalAveragePool,
  l2Loss,
  groupNorm,
  instanceNorm,
  layerNorm,
  lrn,
  maxPool,
  multiply,
  openSession,
  relu,
  scale,
  sgd,
  resize,
  sigmoid,
  channelPool,
  channelShuffle,
  depthToSpace,
  flatten,
  pad,
  prelu,
  relu6,
  spaceToDepth,
  slice,
  softmax,
  softmaxLoss,
  tanh,
} = await built<typeof import('../src/index.ts')>('index.js')

/** AlexNet's layers, with few filters. */
const same = { padding: 'same', activation: 'relu' } as const
const tower = defineNetwork('tower', {
  inputs: { images: [67, 67, 3] },
  layers: [
    conv('conv1', { filters: 16, kernel: 11, stride: 4, ...same }),
    lrn('lrn1'),
    maxPool('pool1', { kernel: 3, stride: 2 }),
    conv('conv2', { filters: 24, kernel: 5, ...same }),
    lrn('lrn2'),
    maxPool('pool2', { kernel: 3, stride: 2 }),
    conv('conv3', { filters: 32, kernel: 3, ...same }),
    conv('conv4', { filters: 24, kernel: 3, ...same }),
    conv('conv5', { filters: 24, kernel: 3, ...same }),
    maxPool('pool5', { kernel: 3, stride: 2 }),
    l2Loss('loss'),
  ],
})
const withRelu = defineNetwork('with relu', {
  inputs: { images: [9, 9, 3] },
  layers: [conv('conv', { filters: 8, kernel: 3 }), relu('relu'), l2Loss('loss')],
})

const withDense = defineNetwork('with dense', {
  inputs: { images: [9, 9, 3], labels: [] },
  layers: [
    conv('conv', { filters: 8, kernel: 3 }),
    dense('fc1', { units: 40, activation: 'relu' }),
    dropout('drop'),
    dense('fc2', { units: 10 }),
    softmaxLoss('loss', { inputs: ['fc2', 'labels'] }),
  ],
})

const keepingSums = defineNetwork('keeping sums', {
  inputs: { images: [9, 11, 3] },
  layers: [
    conv('conv', { filters: 8, kernel: 3, activation: 'silu' }),
    batchNorm('norm', { activation: 'mish' }),
    add('sum', { inputs: ['norm', 'conv'], activation: { kind: 'leaky-relu', slope: 0.2 } }),
    conv('beside', { filters: 6, kernel: 2 }),
    gelu('gelu'),
    batchNorm('gated', { activation: 'hard-swish' }),
    l2Loss('loss'),
  ],
})
const saturating = defineNetwork('saturating', {
  inputs: { images: [9, 9, 3], labels: [] },
  layers: [
    conv('conv', { filters: 8, kernel: 3, activation: 'sigmoid' }),
    conv('sums', { filters: 8, kernel: 3 }),
    sigmoid('sigmoid'),
    conv('other', { filters: 8, kernel: 3 }),
    tanh('tanh'),
    dense('fc', { units: 10 }),
    softmaxLoss('loss', { inputs: ['fc', 'labels'] }),
  ],
})

const deep = defineNetwork('deep', {
  inputs: { images: [9, 9, 3], labels: [] },
  layers: [
    conv('stem', { filters: 8, kernel: 3, biases: false }),
    batchNorm('bn', { activation: 'relu' }),
    conv('branch', { filters: 8, kernel: 3, padding: 1, biases: false }),
    batchNorm('branchNorm'),
    add('sum', { inputs: ['branchNorm', 'bn'], activation: 'relu' }),
    averagePool('pool', { kernel: 3, stride: 2, padding: 1 }),
    conv('grown', { filters: 5, kernel: 3, padding: 'same', dilation: 2 }),
    concat('joined', { inputs: ['pool', 'grown'] }),
    slice('part', { begin: 3, end: 11 }),
    softmax('shares'),
    channelPool('pooled', { mode: 'mean', inputs: ['grown'] }),
    channelPool('most', { mode: 'max', inputs: ['grown'] }),
    channelPool('size', { mode: 'l2', inputs: ['grown'] }),
    concat('pools', { inputs: ['pooled', 'most', 'size'] }),
    dense('fc', { units: 10, inputs: ['part'] }),
    softmaxLoss('loss', { inputs: ['fc', 'labels'] }),
    l2Loss('sharesLoss', { inputs: ['shares'] }),
    l2Loss('poolsLoss', { inputs: ['pools'] }),
  ],
})

/** Concatenations along rows, columns and pixels, and scales of pixels and of values. */
const sideBySide = defineNetwork('side by side', {
  inputs: { images: [9, 8, 3] },
  layers: [
    conv('stem', { filters: 6, kernel: 3 }),
    scale('positions', { per: 'value' }),
    conv('half', { filters: 6, kernel: 3, stride: 2 }),
    scale('mask', { per: 'pixel' }),
    concat('high', { axis: 'rows', inputs: ['mask', 'half'] }),
    l2Loss('highLoss'),
    concat('wide', { axis: 'columns', inputs: ['half', 'mask'] }),
    l2Loss('wideLoss'),
    concat('all', { axis: 'pixels', inputs: ['positions', 'mask'] }),
    l2Loss('loss'),
  ],
})

const inGroups = defineNetwork('in groups', {
  inputs: { images: [9, 9, 3] },
  layers: [
    conv('stem', { filters: 8, kernel: 3 }),
    conv('depthwise', { filters: 8, kernel: 3, groups: 8, padding: 1, activation: 'relu' }),
    conv('fours', { filters: 12, kernel: 3, groups: 2 }),
    l2Loss('loss'),
  ],
})

const decoder = defineNetwork('decoder', {
  inputs: { images: [9, 7, 3] },
  layers: [
    conv('down', { filters: 12, kernel: 3, stride: 2, padding: 'same', activation: 'relu' }),
    convTranspose('up', { filters: 10, kernel: 3, stride: 2, padding: 'same', activation: 'relu' }),
    convTranspose('last', { filters: 3, kernel: 2, activation: 'tanh' }),
    l2Loss('loss'),
  ],
})

const movedValues = defineNetwork('moved values', {
  inputs: { images: [5, 5, 3] },
  layers: [
    conv('conv', { filters: 8, kernel: 1 }),
    pad('padded', { padding: [1, 2, 2, 1], mode: 'reflect' }),
    channelShuffle('shuffled', { groups: 2 }),
    depthToSpace('wide', { blockSize: 2 }),
    spaceToDepth('deep', { blockSize: 2, mode: 'CRD' }),
    resize('resized', { size: [7, 3], mode: 'linear' }),
    flatten('vector'),
    unflatten('image', { height: 2, width: 3 }),
    crop('part', { top: 1, left: 1, height: 1, width: 2 }),
    l2Loss('loss'),
  ],
})

const normalizedImages = defineNetwork('normalized images', {
  inputs: { images: [6, 5, 3] },
  layers: [
    conv('conv', { filters: 12, kernel: 1 }),
    layerNorm('pixels'),
    instanceNorm('channels'),
    conv('between', { filters: 10, kernel: 1 }),
    groupNorm('groups', { groups: 2 }),
    relu('last'),
    l2Loss('loss'),
  ],
})

/** A squeeze-and-excite block, and sums and products that broadcast a vector and a number. */
const squeezed = defineNetwork('squeezed', {
  inputs: { images: [9, 9, 3] },
  layers: [
    conv('features', { filters: 9, kernel: 3 }),
    globalAveragePool('squeeze'),
    conv('gate', { filters: 9, kernel: 1, activation: 'sigmoid' }),
    multiply('excited', { inputs: ['features', 'gate'] }),
    scale('scaled', { initial: 1e-6 }),
    dense('vector', { units: 9, inputs: ['squeeze'] }),
    dense('number', { units: 1, inputs: ['squeeze'] }),
    add('sum', { inputs: ['scaled', 'vector', 'number'], activation: 'relu' }),
    multiply('square', { inputs: ['sum', 'sum', 'number'] }),
    l2Loss('loss'),
    subtract('difference', { inputs: ['vector', 'scaled'] }),
    divide('quotient', { inputs: ['difference', 'gate'] }),
    maximum('upper', { inputs: ['quotient', 'scaled'] }),
    minimum('lower', { inputs: ['vector', 'upper'] }),
    conv('attention', { filters: 1, kernel: 1, activation: 'sigmoid', inputs: ['features'] }),
    multiply('attended', { inputs: ['lower', 'attention'] }),
    l2Loss('lowerLoss'),
  ],
})

/** relu6 in each place that can have it: as a layer, and as the activation of a convolution, a batch norm and a sum. */
const residual = defineNetwork('residual', {
  inputs: { images: [9, 11, 3] },
  layers: [
    conv('stem', { filters: 8, kernel: 3, padding: 1 }),
    conv('conv', { filters: 8, kernel: 3, padding: 1 }),
    batchNorm('norm'),
    add('sum', { inputs: ['stem', 'norm'], activation: 'silu' }),
    conv('after', { filters: 4, kernel: 3 }),
  ],
})

const bounded = defineNetwork('bounded', {
  inputs: { images: [9, 9, 3] },
  layers: [
    conv('stem', { filters: 8, kernel: 3 }),
    relu6('layer'),
    conv('next', { filters: 8, kernel: 3, activation: 'relu6' }),
    conv('deep', { filters: 8, kernel: 1, activation: 'relu6' }),
    conv('linear', { filters: 8, kernel: 1, biases: false }),
    batchNorm('norm', { activation: 'relu6' }),
    conv('beside', { filters: 8, kernel: 1, inputs: ['linear'] }),
    add('sum', { inputs: ['linear', 'beside'], activation: 'relu6' }),
    l2Loss('loss'),
    l2Loss('normLoss', { inputs: ['norm'] }),
  ],
})

const withPrelu = defineNetwork('with prelu', {
  inputs: { images: [7, 6, 3], labels: [] },
  layers: [
    conv('conv', { filters: 9, kernel: 3 }),
    prelu('prelu'),
    dense('fc', { units: 10 }),
    softmaxLoss('loss', { inputs: ['fc', 'labels'], labelSmoothing: 0.1 }),
  ],
})

/** By network, so that their data are made only once. A failed check does not change them. */
const checkers = new Map<Network, InstanceType<typeof Checker>>()
afterAll(async () => {
  for (const checker of checkers.values()) await checker.dispose()
})

function checkerOf(network: Network): InstanceType<typeof Checker> {
  const checker = checkers.get(network) ?? new Checker(network, 3, 2)
  checkers.set(network, checker)
  return checker
}

/** Checks a pass of a network on an engine whose kernels or memory are as given. */
async function check(
  parts: { kernels?: KernelTable; layOutMemory?: LayOutMemory },
  network: Network,
  pass: Pass = 'forward-backward',
) {
  const engine = await openWasm('', { threads: 2 }, parts)
  const session = await openSession(network, { batch: 3, pass, engine })
  try {
    return await checkerOf(network).check(session)
  } finally {
    await session.dispose()
  }
}

/** A wasm engine that changes the plan it is given, or the prepared plan, for any number of checks. The caller disposes it. */
async function openAltered(
  network: Network,
  pass: Pass,
  alter: { plan?: (lanes: number) => Plan; prepared?: (prepared: PreparedPlan) => void },
) {
  const engine = await openWasm('', { threads: 2 })
  const prepare = engine.prepare.bind(engine)
  engine.prepare = async (plan, options) => {
    const prepared = await prepare(alter.plan?.(engine.lanes) ?? plan, options)
    alter.prepared?.(prepared)
    return prepared
  }
  const session = await openSession(network, { ...planned(network, pass), engine, algorithm: 'direct' })
  return {
    plan: session.plan,
    check: () => checkerOf(network).check(session),
    async [Symbol.asyncDispose]() {
      await session.dispose()
    },
  }
}

const planned = (network: Network, pass: Pass) => ({
  batch: 3,
  pass,
  ...(pass === 'train' && { training: benchmarkTraining(network) }),
})

/** The kernels, of which one gets a changed step: a fault that leaves everything else as it is. */
function planted<Kind extends keyof KernelTable>(
  kind: Kind,
  change: (step: StepOfKind<Kind>) => StepOfKind<Kind>,
) {
  const rule = kernels[kind]
  const build = (step: never, ...rest: never[]) =>
    (rule.build as (...all: unknown[]) => unknown)(change(step as StepOfKind<Kind>), ...rest)
  return { ...kernels, [kind]: { ...rule, build } } as KernelTable
}

/** The kernels, but the one of `kind` does what the kernel of `other` does for the changed step. */
function instead<Kind extends keyof KernelTable, Other extends keyof KernelTable>(
  kind: Kind,
  other: Other,
  change: (step: StepOfKind<Kind>) => Omit<StepOfKind<Other>, 'kind'>,
) {
  const changed = planted(other, (step) => change(step as never) as StepOfKind<Other>)
  return { ...kernels, [kind]: changed[other] } as KernelTable
}

/** All images but the last. */
const withoutLastImage = (view: View): View => {
  const [images, height, width, channels] = view.shape
  return { ...view, shape: [images - 1, height, width, channels] }
}

const withoutLastRow = (view: View): View => {
  const [images, height, width, channels] = view.shape
  return { ...view, shape: [images, height - 1, width, channels] }
}

const withoutLastChannel = (view: View): View => {
  const [images, height, width, channels] = view.shape
  return { ...view, shape: [images, height, width, channels - 1] }
}

/** Reads the last step's rows of weights one further: as if two of a kernel's taps were mixed up. */
const shifted = (view: View): View => ({ ...view, pixelPitch: view.pixelPitch - 1 })

describe('the check', () => {
  it('passes the engine as it is', async () => {
    const result = await check({}, tower)
    expect(result.passed).toBe(true)
    expect(result.maxRelativeError).toBeGreaterThan(0)
    expect(result.maxRelativeError).toBeLessThan(1e-5)
  })

  it.each([1, 2])('says what an outlier does to outputs beside it, with %i threads', async (threads) => {
    const network = defineNetwork('same', {
      inputs: { images: [13, 13, 8] },
      layers: [
        conv('conv1', { filters: 8, kernel: 3, padding: 1 }),
        conv('conv2', { filters: 8, kernel: 3, padding: 1 }),
        l2Loss('loss'),
      ],
    })
    const engine = await openWasm('', { threads })
    const checker = new Checker(network, 3, 2)
    const checked = async (algorithm: 'direct' | 'winograd') => {
      const session = await openSession(network, { batch: 3, pass: 'forward-backward', engine, algorithm })
      try {
        return await checker.check(session)
      } finally {
        await session.dispose()
      }
    }
    try {
      const [direct, winograd] = [await checked('direct'), await checked('winograd')]
      expect(direct.outlier!.error).toBeLessThan(1e-5)
      // A float32 has no digits for both 1e6 and 1e-2
      expect(winograd.outlier!.error).toBeGreaterThan(0.01)
      expect(winograd.outlier!.error).toBeLessThan(100)
      expect(winograd.maxRelativeError).toBeLessThan(1e-5)
    } finally {
      await checker.dispose()
      await engine.dispose()
    }
  })

  it.each(['forward', 'forward-backward'] as const)('passes every layer kind in %s', async (pass) => {
    expect((await check({}, withDense, pass)).passed).toBe(true)
    expect((await check({}, saturating, pass)).passed).toBe(true)
    expect((await check({}, deep, pass)).passed).toBe(true)
    expect((await check({}, decoder, pass)).passed).toBe(true)
  })

  it.each([
    [
      "LRN's alpha",
      planted('lrn-forward', (step) => ({
        ...step,
        options: { ...step.options, alpha: step.options.alpha * 1.01 },
      })),
      "lrn-forward of lrn1: 'lrn1'",
    ],
    [
      "LRN's beta, backward",
      planted('lrn-backward', (step) => ({ ...step, options: { ...step.options, beta: 0.7 } })),
      'lrn-backward of lrn2',
    ],
    [
      'weights of another row',
      planted('conv-forward', (step) => ({
        ...step,
        reads: { ...step.reads, weights: shifted(step.reads.weights) },
      })),
      "conv-forward of conv1: 'conv1'",
    ],
    [
      'weights that are not flipped',
      planted('conv-input-gradient', (step) => ({
        ...step,
        reads: { ...step.reads, weights: shifted(step.reads.weights) },
      })),
      'conv-input-gradient of conv5',
    ],
    [
      'a dropped image',
      planted('conv-forward', (step) =>
        step.layer === 'conv3' ? { ...step, writes: { output: withoutLastImage(step.writes.output) } } : step,
      ),
      'conv-forward of conv3',
    ],
    [
      'an image left out of the weights gradient',
      planted('conv-weights-gradient', (step) => ({
        ...step,
        reads: { ...step.reads, gradient: withoutLastImage(step.reads.gradient) },
      })),
      'conv-weights-gradient of conv5',
    ],
    [
      'a ReLU that masks nothing',
      planted('output-gradient', (step) => (step.layer === 'conv4' ? { ...step, options: {} } : step)),
      'output-gradient of conv4',
    ],
    [
      'a ReLU left out',
      planted('conv-forward', (step) =>
        step.layer === 'conv2' ? { ...step, options: { geometry: step.options.geometry } } : step,
      ),
      'conv-forward of conv2',
    ],
    [
      'a pooling window too small',
      planted('max-pool-forward', (step) => ({
        ...step,
        options: { ...step.options, geometry: { ...step.options.geometry, kernelWidth: 2 } },
      })),
      'max-pool-forward of pool1',
    ],
    [
      "a maximum's gradient that goes astray",
      planted('max-pool-backward', (step) => ({
        ...step,
        options: { ...step.options, geometry: { ...step.options.geometry, kernelHeight: 2 } },
      })),
      'max-pool-backward of pool5',
    ],
    [
      'a loss that misses an image',
      planted('l2-loss-forward', (step) => ({
        ...step,
        reads: { input: withoutLastImage(step.reads.input) },
      })),
      'l2-loss-forward of loss',
    ],
  ])('refuses %s, naming step and tensor', async (_fault, wrong, named) => {
    await expect(check({ kernels: wrong }, tower)).rejects.toThrow(named)
  })

  it.each([
    [
      'a bias left out',
      planted('conv-input-gradient', (step) => {
        const { gradient, weights } = step.reads
        return step.layer === 'up' ? { ...step, reads: { gradient, weights } } : step
      }),
      "conv-input-gradient of up: 'up'",
    ],
    [
      'a ReLU left out',
      planted('conv-input-gradient', (step) =>
        step.layer === 'up' ? { ...step, options: { geometry: step.options.geometry } } : step,
      ),
      "conv-input-gradient of up: 'up'",
    ],
    [
      'an image left out of the weights gradient',
      planted('conv-weights-gradient', (step) =>
        step.layer === 'last'
          ? { ...step, reads: { ...step.reads, gradient: withoutLastImage(step.reads.gradient) } }
          : step,
      ),
      'conv-weights-gradient of last',
    ],
    [
      'weights of another row in the gradient of the input',
      planted('conv-forward', (step) =>
        step.layer === 'up'
          ? { ...step, reads: { ...step.reads, weights: shifted(step.reads.weights) } }
          : step,
      ),
      'conv-forward of up',
    ],
  ])('of a transposed convolution refuses %s', async (_fault, wrong, named) => {
    await expect(check({ kernels: wrong }, decoder)).rejects.toThrow(named)
  })

  it('refuses one image masked as another', async () => {
    const wrong = planted('activation-backward', (step) => ({
      ...step,
      reads: { ...step.reads, output: { ...step.reads.output!, imagePitch: 0 } },
    }))
    await expect(check({ kernels: wrong }, withRelu)).rejects.toThrow('activation-backward of relu')
  })

  it.each([
    [
      'sigmoid of another image',
      planted('activation-forward', (step) =>
        step.layer === 'sigmoid'
          ? { ...step, reads: { input: { ...step.reads.input, imagePitch: 0 } } }
          : step,
      ),
      "activation-forward of sigmoid: 'sigmoid'",
    ],
    [
      "another image's slope of sigmoid",
      planted('activation-backward', (step) =>
        step.layer === 'sigmoid'
          ? { ...step, reads: { ...step.reads, output: { ...step.reads.output!, imagePitch: 0 } } }
          : step,
      ),
      'activation-backward of sigmoid',
    ],
    [
      "another image's sums of a convolution",
      planted('activation-forward', (step) =>
        step.layer === 'conv' ? { ...step, reads: { input: { ...step.reads.input, imagePitch: 0 } } } : step,
      ),
      "activation-forward of conv: 'conv'",
    ],
    [
      'a gradient that goes around the activation',
      planted('output-gradient', (step) => ({ ...step, options: {} })),
      'output-gradient of conv',
    ],
    [
      "another image's slope of tanh",
      planted('activation-backward', (step) =>
        step.layer === 'tanh'
          ? { ...step, reads: { ...step.reads, output: { ...step.reads.output!, imagePitch: 0 } } }
          : step,
      ),
      'activation-backward of tanh',
    ],
  ])('refuses %s', async (_fault, wrong, named) => {
    await expect(check({ kernels: wrong }, saturating)).rejects.toThrow(named)
  })

  it.each([
    [
      "another image's sums of a convolution",
      planted('output-gradient', (step) =>
        step.layer === 'conv'
          ? { ...step, reads: { ...step.reads, sums: { ...step.reads.sums!, imagePitch: 0 } } }
          : step,
      ),
      "output-gradient of conv: 'conv/sums.gradient'",
    ],
    [
      "sums of a batch norm that are made again with another layer's shift",
      planted('batch-norm-input-gradient', (step) => ({
        ...step,
        reads: { ...step.reads, shift: step.reads.scale },
      })),
      'batch-norm-input-gradient of norm',
    ],
    [
      'the same, for the gradient of its parameters',
      planted('batch-norm-parameters-gradient', (step) => ({
        ...step,
        reads: { ...step.reads, shift: step.reads.scale! },
      })),
      'batch-norm-parameters-gradient of norm',
    ],
    [
      "another image's sums of a batch norm",
      planted('activation-backward', (step) =>
        step.layer === 'gated'
          ? { ...step, reads: { ...step.reads, input: { ...step.reads.input!, imagePitch: 0 } } }
          : step,
      ),
      'activation-backward of gated',
    ],
    [
      'another slope',
      planted('activation-backward', (step) =>
        step.layer === 'sum'
          ? { ...step, options: { ...step.options, activation: { kind: 'leaky-relu', slope: 0.3 } } }
          : step,
      ),
      'activation-backward of sum',
    ],
    [
      'silu for gelu',
      planted('activation-forward', (step) =>
        step.layer === 'gelu' ? { ...step, options: { activation: 'silu' } } : step,
      ),
      'activation-forward of gelu',
    ],
  ] as const)('refuses %s', async (_fault, wrong, named) => {
    await expect(check({ kernels: wrong }, keepingSums)).rejects.toThrow(named)
  })

  it.each([
    [
      'dense weights of another row',
      planted('dense-forward', (step) => ({
        ...step,
        reads: { ...step.reads, weights: shifted(step.reads.weights) },
      })),
      'dense-forward of fc1',
    ],
    [
      'an image left out of a dense weights gradient',
      planted('dense-weights-gradient', (step) => ({
        ...step,
        reads: { ...step.reads, gradient: withoutLastImage(step.reads.gradient) },
      })),
      'dense-weights-gradient of fc2',
    ],
    [
      "another image's gradient",
      planted('dense-input-gradient', (step) => ({
        ...step,
        reads: { ...step.reads, gradient: { ...step.reads.gradient, imagePitch: 0 } },
      })),
      'dense-input-gradient of fc2',
    ],
    [
      'another seed of dropout',
      planted('dropout-forward', (step) => ({ ...step, options: { ...step.options, seed: 5 } })),
      "dropout-forward of drop: 'drop'",
    ],
    [
      'a gradient that was dropped elsewhere',
      planted('dropout-backward', (step) => ({ ...step, layer: 'another' })),
      'dropout-backward of drop',
    ],
    [
      "another image's label",
      planted('softmax-loss-forward', (step) => ({
        ...step,
        reads: { ...step.reads, input1: { ...step.reads.input1, imagePitch: 0 } },
      })),
      'softmax-loss-forward of loss',
    ],
    [
      'a class too few in the softmax',
      planted('softmax-loss-backward', (step) => {
        const { input: logits } = step.reads
        const [images, height, width, classes] = logits.shape
        const cut: View = { ...logits, shape: [images, height, width, classes - 1] }
        return { ...step, reads: { ...step.reads, input: cut } }
      }),
      'softmax-loss-backward of loss',
    ],
  ])('refuses %s', async (_fault, wrong, named) => {
    await expect(check({ kernels: wrong }, withDense)).rejects.toThrow(named)
  })

  it.each([
    [
      'statistics of another batch size',
      planted('batch-norm-statistics', (step) => ({
        ...step,
        reads: { input: withoutLastImage(step.reads.input) },
      })),
      "batch-norm-statistics of bn: 'bn/batchMean'",
    ],
    [
      "another channel's variance",
      planted('batch-norm-forward', (step) => ({
        ...step,
        reads: { ...step.reads, variance: step.reads.mean },
      })),
      "batch-norm-forward of bn: 'bn'",
    ],
    [
      'an epsilon forgotten',
      planted('batch-norm-forward', (step) => ({ ...step, options: { ...step.options, epsilon: 1e4 } })),
      "batch-norm-forward of bn: 'bn'",
    ],
    [
      'an activation that the gradient of scale and shift goes around',
      planted('batch-norm-parameters-gradient', (step) =>
        step.layer === 'bn' ? { ...step, options: { ...step.options, activation: undefined } } : step,
      ),
      "batch-norm-parameters-gradient of bn: 'bn/scale.gradient'",
    ],
    [
      'a batch norm whose statistics stand still in its gradient',
      planted('batch-norm-input-gradient', ({ reads, ...step }) => {
        const { scaleGradient: _, shiftGradient: __, ...others } = reads
        return { ...step, reads: others }
      }),
      'batch-norm-input-gradient of branchNorm',
    ],
    [
      'a gradient that is added to what stood there before',
      planted('batch-norm-input-gradient', (step) => ({ ...step, options: { ...step.options, adds: true } })),
      'batch-norm-input-gradient of branchNorm',
    ],
    [
      'an input left out of a sum',
      planted('add-forward', (step) => ({ ...step, reads: { input: step.reads.input! } })),
      "add-forward of sum: 'sum'",
    ],
    [
      'an average that counts padding',
      planted('average-pool-forward', (step) => ({
        ...step,
        options: { ...step.options, countPadding: true },
      })),
      "average-pool-forward of pool: 'pool'",
    ],
    [
      'a share of the padding in the gradient of an average',
      planted('average-pool-backward', (step) => ({
        ...step,
        options: { ...step.options, countPadding: true },
      })),
      'average-pool-backward of pool',
    ],
    [
      'two inputs of a concatenation the other way round',
      planted('concat-forward', (step) => ({
        ...step,
        reads: { input1: step.reads.input1!, input: step.reads.input! },
      })),
      "concat-forward of joined: 'joined'",
    ],
    [
      "a concatenation's channels shifted in the gradient",
      planted('concat-backward', (step) =>
        step.layer === 'joined'
          ? { ...step, options: { ...step.options, begin: Math.max(step.options.begin - 1, 0) } }
          : step,
      ),
      'concat-backward of joined',
    ],
    [
      "a gradient that is not added to other readers' gradients",
      planted('softmax-backward', (step) => ({ ...step, options: { ...step.options, adds: false } })),
      "softmax-backward of shares: 'part.gradient'",
    ],
    [
      "another pixel's channels, pooled",
      planted('channel-pool-forward', (step) => ({
        ...step,
        reads: { input: { ...step.reads.input, rowPitch: 0 } },
      })),
      "channel-pool-forward of pooled: 'pooled'",
    ],
    [
      'a sum for a mean, in the gradient of a pool',
      planted('channel-pool-backward', (step) =>
        step.options.mode === 'mean' ? { ...step, options: { ...step.options, mode: 'sum' } } : step,
      ),
      'channel-pool-backward of pooled',
    ],
    [
      "another pixel's maximum in the gradient",
      planted('channel-pool-backward', (step) =>
        step.options.mode === 'max'
          ? { ...step, reads: { ...step.reads, input: { ...step.reads.input!, rowPitch: 0 } } }
          : step,
      ),
      'channel-pool-backward of most',
    ],
    [
      'a slice of other channels',
      planted('slice-forward', (step) => ({ ...step, options: { begin: 2 } })),
      "slice-forward of part: 'part'",
    ],
    [
      'a gradient put into other channels',
      planted('slice-backward', (step) => ({ ...step, options: { ...step.options, begin: 2 } })),
      'slice-backward of part',
    ],
    [
      "another image's shares",
      planted('softmax-forward', (step) => ({
        ...step,
        reads: { input: { ...step.reads.input, imagePitch: 0 } },
      })),
      "softmax-forward of shares: 'shares'",
    ],
    [
      "another pixel's shares in the gradient",
      planted('softmax-backward', (step) => ({
        ...step,
        reads: { ...step.reads, output: { ...step.reads.output, rowPitch: 0 } },
      })),
      'softmax-backward of shares',
    ],
    [
      'a kernel that lies closer together',
      planted('conv-forward', (step) => {
        const { geometry } = step.options
        const near = { ...geometry, dilationHeight: 1 }
        return { ...step, options: { ...step.options, geometry: near } }
      }),
      "conv-forward of grown: 'grown'",
    ],
  ])('refuses %s', async (_fault, wrong, named) => {
    await expect(check({ kernels: wrong }, deep)).rejects.toThrow(named)
  })

  it('passes convolutions in groups', async () => {
    expect((await check({}, inGroups)).passed).toBe(true)
  })

  const UNBOUNDED = { kind: 'clip', min: 0, max: 1e6 } as const

  it('passes activations with bounds, in both passes', async () => {
    expect((await check({}, bounded, 'forward')).passed).toBe(true)
    expect((await check({}, bounded)).passed).toBe(true)
  })

  it('refuses a relu6 without its upper bound in layer', async () => {
    const wrong = planted('activation-forward', (step) => ({ ...step, options: { activation: UNBOUNDED } }))
    await expect(check({ kernels: wrong }, bounded)).rejects.toThrow("activation-forward of layer: 'layer'")
  })

  it.each(['next', 'deep'])('refuses a relu6 without its upper bound in %s', async (name) => {
    const wrong = planted('conv-forward', (step) =>
      step.layer === name ? { ...step, options: { ...step.options, activation: UNBOUNDED } } : step,
    )
    await expect(check({ kernels: wrong }, bounded)).rejects.toThrow(`conv-forward of ${name}: '${name}'`)
  })

  it('passes layers that one step does', async () => {
    expect((await check({}, residual, 'forward')).passed).toBe(true)
  })

  it.each([
    [
      'weights folded with another epsilon',
      planted('fold-scale', (step) => ({ ...step, options: { epsilon: 10 } })),
      "fold-scale of conv: 'conv/weights folded'",
    ],
    [
      'biases folded without the shift',
      planted('fold-scale', ({ reads: { shift: _, ...reads }, ...step }) => ({ ...step, reads })),
      "fold-scale of conv: 'conv/biases folded'",
    ],
    [
      'a sum without what is added',
      planted('conv-forward', ({ reads: { addend: _, ...reads }, ...step }) => ({ ...step, reads })),
      "conv-forward of conv: 'sum'",
    ],
    [
      'a sum with what is added to another image',
      planted('conv-forward', (step) => {
        const { addend } = step.reads
        return addend ? { ...step, reads: { ...step.reads, addend: { ...addend, imagePitch: 0 } } } : step
      }),
      "conv-forward of conv: 'sum'",
    ],
    [
      'a sum without its activation',
      planted('conv-forward', (step) =>
        step.reads.addend ? { ...step, options: { ...step.options, activation: undefined } } : step,
      ),
      "conv-forward of conv: 'sum'",
    ],
  ])('of layers that one step does refuses %s', async (_fault, wrong, named) => {
    await expect(check({ kernels: wrong }, residual, 'forward')).rejects.toThrow(named)
  })

  it.each([
    [
      "another channel's values",
      planted('grouped-conv-forward', (step) => {
        const { input } = step.reads
        if (step.layer !== 'depthwise') return step
        // Each pixel is read one channel further to the left than the one before it.
        return { ...step, reads: { ...step.reads, input: { ...input, pixelPitch: input.pixelPitch - 1 } } }
      }),
      "grouped-conv-forward of depthwise: 'depthwise'",
    ],
    [
      "another channel's weights",
      planted('grouped-conv-input-gradient', (step) => ({
        ...step,
        reads: { ...step.reads, weights: shifted(step.reads.weights) },
      })),
      'grouped-conv-input-gradient of fours',
    ],
    [
      'an image left out of the weights gradient',
      planted('grouped-conv-weights-gradient', (step) => ({
        ...step,
        reads: { ...step.reads, gradient: withoutLastImage(step.reads.gradient) },
      })),
      'grouped-conv-weights-gradient of fours',
    ],
  ])('refuses, in a convolution in groups, %s', async (_fault, wrong, named) => {
    await expect(check({ kernels: wrong }, inGroups)).rejects.toThrow(named)
  })

  it.each([
    [
      'a batch norm',
      planted('batch-norm-forward', (step) => ({
        ...step,
        options: { ...step.options, activation: UNBOUNDED },
      })),
      "batch-norm-forward of norm: 'norm'",
    ],
    [
      'a sum',
      planted('add-forward', (step) => ({ ...step, options: { ...step.options, activation: UNBOUNDED } })),
      "add-forward of sum: 'sum'",
    ],
    [
      'the gradient of a layer',
      planted('activation-backward', (step) =>
        step.layer === 'layer' ? { ...step, options: { ...step.options, activation: UNBOUNDED } } : step,
      ),
      'activation-backward of layer',
    ],
    [
      'the gradient of a convolution',
      planted('output-gradient', (step) =>
        step.layer === 'next' ? { ...step, options: { activation: UNBOUNDED } } : step,
      ),
      'output-gradient of next',
    ],
  ])('refuses a relu6 without its upper bound in %s', async (_place, wrong, named) => {
    await expect(check({ kernels: wrong }, bounded)).rejects.toThrow(named)
  })

  it('passes prelu and label smoothing, in both passes', async () => {
    expect((await check({}, withPrelu, 'forward')).passed).toBe(true)
    expect((await check({}, withPrelu)).passed).toBe(true)
  })

  it.each([
    [
      'the same input for every image',
      planted('prelu-forward', (step) => ({
        ...step,
        reads: { ...step.reads, input: { ...step.reads.input, imagePitch: 0 } },
      })),
      "prelu-forward of prelu: 'prelu'",
    ],
    [
      'one slope for all channels',
      instead('prelu-forward', 'activation-forward', ({ reads, ...step }) => ({
        ...step,
        reads: { input: reads.input },
        options: { activation: { kind: 'leaky-relu', slope: 0.25 } },
      })),
      "prelu-forward of prelu: 'prelu'",
    ],
    [
      "an image left out of the slopes' gradient",
      planted('prelu-slope-gradient', (step) => ({
        ...step,
        reads: {
          input: withoutLastImage(step.reads.input),
          outputGradient: withoutLastImage(step.reads.outputGradient),
        },
      })),
      "prelu-slope-gradient of prelu: 'prelu/slope.gradient'",
    ],
    [
      'one slope for the gradients of all channels',
      instead('prelu-input-gradient', 'activation-backward', ({ reads, ...step }) => ({
        ...step,
        reads: { output: reads.input, outputGradient: reads.outputGradient },
        options: { ...step.options, activation: { kind: 'leaky-relu', slope: 0.25 } },
      })),
      'prelu-input-gradient of prelu',
    ],
    [
      'a loss that smooths no labels',
      planted('softmax-loss-forward', (step) => ({ ...step, options: { labelSmoothing: 0 } })),
      'softmax-loss-forward of loss',
    ],
    [
      'a gradient that smooths labels a little less',
      planted('softmax-loss-backward', (step) => ({ ...step, options: { labelSmoothing: 0.099 } })),
      'softmax-loss-backward of loss',
    ],
  ])('refuses %s', async (_fault, wrong, named) => {
    await expect(check({ kernels: wrong }, withPrelu)).rejects.toThrow(named)
  })

  it('passes normalized images', async () => {
    expect((await check({}, normalizedImages)).passed).toBe(true)
  })

  it('passes broadcast inputs', async () => {
    expect((await check({}, squeezed)).passed).toBe(true)
    expect((await check({}, squeezed, 'forward')).passed).toBe(true)
  })

  it.each([
    [
      'another epsilon in a layer norm',
      planted('layer-norm-forward', (step) => ({ ...step, options: { epsilon: 1e4 } })),
      "layer-norm-forward of pixels: 'pixels'",
    ],
    [
      'another epsilon in the gradient of its scale',
      planted('layer-norm-parameters-gradient', (step) => ({ ...step, options: { epsilon: 1e4 } })),
      'layer-norm-parameters-gradient of pixels',
    ],
    [
      'another epsilon in the gradient of its input',
      planted('layer-norm-input-gradient', (step) => ({
        ...step,
        options: { ...step.options, epsilon: 1e4 },
      })),
      'layer-norm-input-gradient of pixels',
    ],
    [
      'other groups in a group norm',
      planted('group-norm-forward', (step) => ({ ...step, options: { ...step.options, groups: 5 } })),
      "group-norm-forward of groups: 'groups'",
    ],
    [
      'other groups in the gradient of its scale',
      planted('group-norm-parameters-gradient', (step) => ({
        ...step,
        options: { ...step.options, groups: 5 },
      })),
      'group-norm-parameters-gradient of groups',
    ],
    [
      'other groups in the gradient of its input',
      planted('group-norm-input-gradient', (step) => ({
        ...step,
        options: { ...step.options, groups: 5 },
      })),
      'group-norm-input-gradient of groups',
    ],
    [
      'another epsilon in an instance norm',
      planted('instance-norm-forward', (step) => ({ ...step, options: { epsilon: 1e4 } })),
      "instance-norm-forward of channels: 'channels'",
    ],
    [
      'another epsilon in the gradient of the scale of an instance norm',
      planted('instance-norm-parameters-gradient', (step) => ({ ...step, options: { epsilon: 1e4 } })),
      'instance-norm-parameters-gradient of channels',
    ],
    [
      'another epsilon in the gradient of the input of an instance norm',
      planted('instance-norm-input-gradient', (step) => ({
        ...step,
        options: { ...step.options, epsilon: 1e4 },
      })),
      'instance-norm-input-gradient of channels',
    ],
  ])('refuses, of normalized images, %s', async (_fault, wrong, named) => {
    await expect(check({ kernels: wrong }, normalizedImages)).rejects.toThrow(named)
  })

  it('passes moved values', async () => {
    expect((await check({}, movedValues)).passed).toBe(true)
  })

  it.each([
    [
      'an edge that is repeated instead of reflected',
      planted('pad-forward', (step) => ({ ...step, options: { ...step.options, mode: 'edge' } })),
      "pad-forward of padded: 'padded'",
    ],
    [
      'a gradient of repeated edges instead of reflections',
      planted('pad-backward', (step) => ({ ...step, options: { ...step.options, mode: 'edge' } })),
      'pad-backward of padded',
    ],
    [
      'a shuffle of other groups',
      planted('channel-shuffle-forward', (step) => ({ ...step, options: { groups: 4 } })),
      "channel-shuffle-forward of shuffled: 'shuffled'",
    ],
    [
      'gradients that are shuffled once more',
      planted('channel-shuffle-backward', (step) => ({
        ...step,
        options: { ...step.options, groups: 4 },
      })),
      'channel-shuffle-backward of shuffled',
    ],
    [
      'depth in the other order',
      planted('depth-to-space-forward', (step) => ({
        ...step,
        options: { ...step.options, mode: 'CRD' },
      })),
      "depth-to-space-forward of wide: 'wide'",
    ],
    [
      'gradients of depth in the other order',
      planted('depth-to-space-backward', (step) => ({
        ...step,
        options: { ...step.options, mode: 'CRD' },
      })),
      'depth-to-space-backward of wide',
    ],
    [
      'blocks in the other order',
      planted('space-to-depth-forward', (step) => ({
        ...step,
        options: { ...step.options, mode: 'DCR' },
      })),
      "space-to-depth-forward of deep: 'deep'",
    ],
    [
      'gradients of blocks in the other order',
      planted('space-to-depth-backward', (step) => ({
        ...step,
        options: { ...step.options, mode: 'DCR' },
      })),
      'space-to-depth-backward of deep',
    ],
    [
      'positions of other coordinates in a resize',
      planted('resize-forward', (step) => ({
        ...step,
        options: { ...step.options, coordinates: 'asymmetric' },
      })),
      "resize-forward of resized: 'resized'",
    ],
    [
      'positions of other coordinates in the gradient of a resize',
      planted('resize-backward', (step) => ({
        ...step,
        options: { ...step.options, coordinates: 'align_corners' },
      })),
      'resize-backward of resized',
    ],
    [
      "another image's vector",
      planted('flatten-forward', (step) => ({
        ...step,
        reads: { input: { ...step.reads.input, imagePitch: 0 } },
      })),
      "flatten-forward of vector: 'vector'",
    ],
    [
      "another image's gradients of a vector",
      planted('flatten-backward', (step) => ({
        ...step,
        reads: { ...step.reads, outputGradient: { ...step.reads.outputGradient, imagePitch: 0 } },
      })),
      'flatten-backward of vector',
    ],
    [
      'an image of other rows',
      planted('unflatten-forward', (step) => ({
        ...step,
        reads: { input: { ...step.reads.input, imagePitch: 0 } },
      })),
      "unflatten-forward of image: 'image'",
    ],
    [
      "another image's gradients of an image",
      planted('unflatten-backward', (step) => ({
        ...step,
        reads: { ...step.reads, outputGradient: { ...step.reads.outputGradient, imagePitch: 0 } },
      })),
      'unflatten-backward of image',
    ],
    [
      'other rows than those that are cropped',
      planted('crop-forward', (step) => ({ ...step, options: { ...step.options, top: 0 } })),
      "crop-forward of part: 'part'",
    ],
    [
      'a gradient of other columns',
      planted('crop-backward', (step) => ({ ...step, options: { ...step.options, left: 0 } })),
      'crop-backward of part',
    ],
  ])('refuses, of moved values, %s', async (_fault, wrong, named) => {
    await expect(check({ kernels: wrong }, movedValues)).rejects.toThrow(named)
  })

  it.each([
    [
      "another image's gate",
      planted('multiply-forward', (step) =>
        step.layer === 'excited'
          ? { ...step, reads: { ...step.reads, input1: { ...step.reads.input1!, imagePitch: 0 } } }
          : step,
      ),
      "multiply-forward of excited: 'excited'",
    ],
    [
      'a factor left out of a product',
      planted('multiply-forward', (step) => ({ ...step, reads: { input: step.reads.input! } })),
      "multiply-forward of excited: 'excited'",
    ],
    [
      'a factor left out of a gradient',
      planted('multiply-input-gradient', (step) => {
        const { input1: _, ...reads } = step.reads
        const isOfSquare = step.layer === 'square' && step.options.index === 0
        return isOfSquare ? { ...step, reads: reads as typeof step.reads } : step
      }),
      "multiply-input-gradient of square: 'sum.gradient'",
    ],
    [
      'a row left out of the gradient of a gate',
      planted('multiply-input-gradient', (step) => {
        const { outputGradient, input } = step.reads
        if (step.layer !== 'excited' || step.options.index !== 1) return step
        return {
          ...step,
          reads: { outputGradient: withoutLastRow(outputGradient), input: withoutLastRow(input!) },
        }
      }),
      "multiply-input-gradient of excited: 'gate.gradient'",
    ],
    [
      'a channel left out of the gradient of a number',
      planted('multiply-input-gradient', (step) => {
        if (step.layer !== 'square' || step.options.index !== 2) return step
        const { outputGradient, input, input1 } = step.reads
        const reads = {
          outputGradient: withoutLastChannel(outputGradient),
          input: withoutLastChannel(input!),
          input1: withoutLastChannel(input1!),
        }
        return { ...step, reads }
      }),
      "multiply-input-gradient of square: 'number.gradient'",
    ],
    [
      'a difference the other way round',
      planted('subtract-forward', (step) => ({
        ...step,
        reads: { ...step.reads, input: step.reads.input1!, input1: step.reads.input! },
      })),
      'subtract-forward of difference',
    ],
    [
      'a gradient of a difference that is not turned',
      planted('subtract-input-gradient', (step) => ({ ...step, options: { ...step.options, index: 0 } })),
      'subtract-input-gradient of difference',
    ],
    [
      'a quotient the other way round',
      planted('divide-forward', (step) => ({
        ...step,
        reads: { ...step.reads, input: step.reads.input1!, input1: step.reads.input! },
      })),
      'divide-forward of quotient',
    ],
    [
      'a gradient of another part of a quotient',
      planted('divide-input-gradient', (step) =>
        step.options.index === 1 ? { ...step, options: { ...step.options, index: 0 } } : step,
      ),
      'divide-input-gradient of quotient',
    ],
    [
      'a maximum of one input',
      planted('maximum-forward', (step) => ({ ...step, reads: { input: step.reads.input! } })),
      'maximum-forward of upper',
    ],
    [
      'a gradient of a maximum that goes to the other input',
      planted('maximum-input-gradient', (step) => ({
        ...step,
        options: { ...step.options, index: 1 - step.options.index },
      })),
      'maximum-input-gradient of upper',
    ],
    [
      'a minimum of one input',
      planted('minimum-forward', (step) => ({ ...step, reads: { input: step.reads.input1! } })),
      'minimum-forward of lower',
    ],
    [
      'a gradient of a minimum that goes to the other input',
      planted('minimum-input-gradient', (step) => ({
        ...step,
        options: { ...step.options, index: 1 - step.options.index },
      })),
      'minimum-input-gradient of lower',
    ],
    [
      "a gradient that is not added to other readers' gradients",
      planted('add-input-gradient', (step) => ({ ...step, options: { ...step.options, adds: false } })),
      "add-input-gradient of sum: 'number.gradient'",
    ],
    [
      "another image's mask",
      planted('multiply-forward', (step) =>
        step.layer === 'attended'
          ? { ...step, reads: { ...step.reads, input1: { ...step.reads.input1!, imagePitch: 0 } } }
          : step,
      ),
      "multiply-forward of attended: 'attended'",
    ],
    [
      "another row's gradient of a mask",
      planted('multiply-input-gradient', (step) =>
        step.layer === 'attended' && step.options.index === 1
          ? { ...step, reads: { ...step.reads, input: { ...step.reads.input!, rowPitch: 0 } } }
          : step,
      ),
      'multiply-input-gradient of attended',
    ],
    [
      "another image's vector in a sum",
      planted('add-forward', (step) => ({
        ...step,
        reads: { ...step.reads, input1: { ...step.reads.input1!, imagePitch: 0 } },
      })),
      "add-forward of sum: 'sum'",
    ],
    [
      'a shift left out',
      planted('scale-forward', ({ reads: { shift: _, ...reads }, ...step }) => ({ ...step, reads })),
      "scale-forward of scaled: 'scaled'",
    ],
    [
      'the shift for the scale',
      planted('scale-forward', (step) => ({ ...step, reads: { ...step.reads, scale: step.reads.shift! } })),
      "scale-forward of scaled: 'scaled'",
    ],
    [
      "another image's gradient",
      planted('scale-input-gradient', (step) => ({
        ...step,
        reads: { ...step.reads, outputGradient: { ...step.reads.outputGradient, imagePitch: 0 } },
      })),
      'scale-input-gradient of scaled',
    ],
    [
      'an image left out of the gradient of a scale',
      planted('scale-parameters-gradient', (step) => ({
        ...step,
        reads: {
          input: withoutLastImage(step.reads.input),
          outputGradient: withoutLastImage(step.reads.outputGradient),
        },
      })),
      "scale-parameters-gradient of scaled: 'scaled/scale.gradient'",
    ],
  ])('refuses, of broadcast inputs, %s', async (_fault, wrong, named) => {
    await expect(check({ kernels: wrong }, squeezed)).rejects.toThrow(named)
  })

  it('accepts concatenations along rows, columns and pixels, and scales of pixels and values', async () => {
    await check({}, sideBySide)
  })

  it.each([
    ...(['high', 'wide', 'all'] as const).flatMap((name) => [
      [
        `two inputs of ${name} the other way round`,
        planted('concat-forward', (step) =>
          step.layer === name
            ? { ...step, reads: { input1: step.reads.input1!, input: step.reads.input! } }
            : step,
        ),
        `concat-forward of ${name}: '${name}'`,
      ] as const,
      [
        `the gradient of the first input of ${name} for the second's`,
        planted('concat-backward', (step) =>
          step.layer === name ? { ...step, options: { ...step.options, begin: 0 } } : step,
        ),
        `concat-backward of ${name}`,
      ] as const,
    ]),
    ...(['positions', 'mask'] as const).flatMap((name) => [
      [
        `the shift for the scale of ${name}`,
        planted('scale-forward', (step) =>
          step.layer === name ? { ...step, reads: { ...step.reads, scale: step.reads.shift! } } : step,
        ),
        `scale-forward of ${name}: '${name}'`,
      ] as const,
      [
        `another image's gradient of ${name}`,
        planted('scale-input-gradient', (step) =>
          step.layer === name
            ? {
                ...step,
                reads: { ...step.reads, outputGradient: { ...step.reads.outputGradient, imagePitch: 0 } },
              }
            : step,
        ),
        `scale-input-gradient of ${name}`,
      ] as const,
      [
        `an image left out of the gradient of the scale of ${name}`,
        planted('scale-parameters-gradient', (step) =>
          step.layer === name
            ? {
                ...step,
                reads: {
                  input: withoutLastImage(step.reads.input),
                  outputGradient: withoutLastImage(step.reads.outputGradient),
                },
              }
            : step,
        ),
        `scale-parameters-gradient of ${name}: '${name}/scale.gradient'`,
      ] as const,
    ]),
  ])('refuses, side by side, %s', async (_fault, wrong, named) => {
    await expect(check({ kernels: wrong }, sideBySide)).rejects.toThrow(named)
  })

  it.each([
    [
      'running statistics that follow the wrong way',
      planted('batch-norm-follow', (step) => ({
        ...step,
        options: { ...step.options, momentum: 1 - step.options.momentum },
      })),
      "batch-norm-follow of bn: 'bn/mean'",
    ],
    [
      'a running variance that is the biased one',
      planted('batch-norm-follow', (step) => ({ ...step, options: { ...step.options, count: 1e9 } })),
      "batch-norm-follow of bn: 'bn/variance'",
    ],
    [
      "another batch norm's statistics that are followed",
      planted('batch-norm-follow', (step) => ({
        ...step,
        reads: { ...step.reads, batchMean: step.reads.batchVariance },
      })),
      "batch-norm-follow of bn: 'bn/mean'",
    ],
  ])('refuses in a training %s', async (_fault, wrong, named) => {
    const engine = await openWasm('', { threads: 2 }, { kernels: wrong })
    await using session = await openSession(deep, { ...planned(deep, 'train'), engine })
    await expect(checkerOf(deep).check(session)).rejects.toThrow(named)
  })

  it('passes a training with frozen layers, and refuses one in which they go by the batch', async () => {
    const training = { optimizer: sgd(), freeze: ['stem', 'bn', 'branch*'] }
    const options = { batch: 3, pass: 'train', training } as const
    await using altered = await openAltered(deep, 'train', {
      plan: (lanes) => createPlan(deep, { ...options, lanes }),
    })
    expect(await altered.check()).toMatchObject({ passed: true })
    const swapped = planted('batch-norm-forward', (step) => ({
      ...step,
      reads: { ...step.reads, mean: step.reads.shift },
    }))
    const engine = await openWasm('', { threads: 2 }, { kernels: swapped })
    await using session = await openSession(deep, { ...options, engine })
    await expect(checkerOf(deep).check(session)).rejects.toThrow("batch-norm-forward of bn: 'bn'")
  })

  it('refuses a gradient of several readers of which one is left out', async () => {
    const branches = defineNetwork('branches', {
      inputs: { images: [9, 9, 3] },
      layers: [
        conv('stem', { filters: 8, kernel: 3 }),
        lrn('left', { inputs: ['stem'] }),
        l2Loss('leftLoss'),
        lrn('right', { inputs: ['stem'] }),
        l2Loss('rightLoss'),
      ],
    })
    expect((await check({}, branches)).passed).toBe(true)
    const wrong = planted('sum-gradients', ({ reads, ...step }) => ({
      ...step,
      reads: { other: reads.other },
    }))
    await expect(check({ kernels: wrong }, branches)).rejects.toThrow(
      "sum-gradients of stem: 'stem.gradient'",
    )
  })

  it('refuses two tensors in one place', async () => {
    const overlapping: LayOutMemory = (buffers) => {
      const layout = layOutMemory(buffers)
      const named = (name: string) => buffers.find((buffer) => buffer.name === name)!.id
      // The gradient of lrn1 still needs conv1, but pool1 is placed over it.
      const byteOffsets = new Map(layout.byteOffsets)
      byteOffsets.set(named('pool1'), byteOffsets.get(named('conv1'))!)
      return { ...layout, byteOffsets }
    }
    await expect(check({ layOutMemory: overlapping }, tower)).rejects.toThrow(
      "'conv1' is not what its step wrote",
    )
  })
})

const PASSES = ['forward', 'forward-backward', 'train'] as const

describe('the check of steps that are done image by image', () => {
  /** So that there are segments: two images for each thread. */
  const BATCH = 4
  const separable = defineNetwork('separable', {
    inputs: { images: [9, 9, 3] },
    layers: [
      conv('stem', { filters: 8, kernel: 3, activation: 'relu' }),
      conv('depthwise', { filters: 8, kernel: 3, groups: 8, padding: 1, activation: 'relu6' }),
      conv('project', { filters: 12, kernel: 1, biases: false }),
      batchNorm('norm'),
      conv('skipped', { filters: 12, kernel: 1, inputs: ['stem'] }),
      add('sum', { inputs: ['norm', 'skipped'] }),
      maxPool('pool', { kernel: 2, stride: 2 }),
      dense('fc', { units: 5 }),
      l2Loss('loss'),
    ],
  })
  const checker = new Checker(separable, BATCH, 2)
  afterAll(() => checker.dispose())

  const separableFound: (readonly Segment[])[] = []
  /** Checks the network on an engine whose segments `alter` has changed. */
  async function checkSegments(pass: Pass, alter: (segment: Segment, plan: Plan) => Segment) {
    const engine = await openWasm(
      '',
      { threads: 2 },
      {
        segmentsOf: (assembled, threads) => {
          const segments = segmentsOf(assembled, threads).map((segment) => alter(segment, assembled.plan))
          separableFound.push(segments)
          return segments
        },
      },
    )
    await using session = await openSession(separable, {
      ...planned(separable, pass),
      batch: BATCH,
      engine,
      algorithm: 'direct',
    })
    return await checker.check(session)
  }

  it.each(PASSES)('passes %s with segments as they are', async (pass) => {
    separableFound.length = 0
    expect(await checkSegments(pass, (segment) => segment)).toMatchObject({ passed: true })
    expect(separableFound.at(-1)!.length).toBeGreaterThan(0)
  })

  it('refuses two tensors in one place of the scratch', async () => {
    const wrong = checkSegments('forward', (segment) => {
      const ids = [...segment.layout.byteOffsets.keys()]
      return { ...segment, layout: { ...segment.layout, byteOffsets: new Map(ids.map((id) => [id, 0])) } }
    })
    await expect(wrong).rejects.toThrow(
      "the check failed: the run as it is timed: 'fc' is not what its step wrote",
    )
  })

  it('refuses a tensor that is left in the scratch and then read in memory', async () => {
    const wrong = checkSegments('forward', (segment, plan) => {
      const { buffer } = plan.tensors.pool!.view
      const byteOffsets = new Map(segment.layout.byteOffsets).set(buffer, segment.layout.byteLength)
      const share = (4 * plan.buffers.find(({ id }) => id === buffer)!.length) / BATCH
      return { ...segment, layout: { byteOffsets, byteLength: segment.layout.byteLength + share } }
    })
    await expect(wrong).rejects.toThrow(
      "the check failed: the run as it is timed: 'fc' is not what its step wrote",
    )
  })
})

describe('the check of the run as it is timed', () => {
  it.each(PASSES)('refuses every tensor that a run of %s leaves otherwise than the steps', async (pass) => {
    let spoiled = ''
    await using altered = await openAltered(withDense, pass, {
      prepared(prepared) {
        const run = prepared.run.bind(prepared)
        prepared.run = async (options) => {
          await run(options)
          const { data, offset, shape, strides } = prepared.view(spoiled)
          const last = shape.reduce((at, extent, axis) => at + (extent - 1) * strides[axis]!, offset)
          data[last]! += 1e-3
        }
      },
    })
    const { tensors } = altered.plan
    const kept = Object.keys(tensors).filter((name) => tensors[name]!.isKept)
    expect(kept).toContain(pass === 'forward' ? 'fc2' : 'conv/weights.gradient')
    for (const name of kept) {
      spoiled = name
      await expect(altered.check(), name).rejects.toThrow(
        `the check failed: the run as it is timed: '${name}' is not what its step wrote`,
      )
    }
  })

  it.each(PASSES)('refuses a run of %s that does nothing', async (pass) => {
    await using altered = await openAltered(withDense, pass, {
      prepared(prepared) {
        prepared.run = async () => {}
      },
    })
    await expect(altered.check()).rejects.toThrow('the check failed: the run as it is timed')
  })
})

describe('the check end to end', () => {
  /** Two convolutions of the same shape in sequence; the arguments are what the third and the dense layer read. */
  const wired = ([third, fc]: readonly [string, string]) =>
    defineNetwork('wired', {
      inputs: { images: [9, 9, 3], labels: [] },
      layers: [
        conv('first', { filters: 8, kernel: 3, padding: 'same' }),
        conv('second', { filters: 8, kernel: 3, padding: 'same', inputs: ['first'] }),
        conv('third', { filters: 8, kernel: 3, padding: 'same', inputs: [third] }),
        l2Loss('thirdLoss'),
        dense('fc', { units: 10, inputs: [fc] }),
        softmaxLoss('loss', { inputs: ['fc', 'labels'] }),
      ],
    })
  const right = wired(['second', 'second'])

  describe.each(PASSES)('of %s', (pass) => {
    it.each([
      { where: 'a convolution', of: ['first', 'second'], named: "conv-forward of third: 'third'" },
      { where: 'a dense layer', of: ['second', 'first'], named: "dense-forward of fc: 'fc'" },
    ] as const)('refuses a plan in which $where reads another tensor', async ({ of, named }) => {
      const other = wired(of)
      await using altered = await openAltered(right, pass, {
        plan: (lanes) => createPlan(other, { ...planned(other, pass), lanes }),
      })
      await expect(altered.check()).rejects.toThrow(`the check failed: ${named} is off by`)
    })

    it('passes a plan wired as it should be', async () => {
      await using altered = await openAltered(right, pass, {})
      expect(await altered.check()).toMatchObject({ passed: true })
    })
  })
})

describe('auto', () => {
  it('times what passes where the fastest engine is wrong, and says why', async () => {
    const wrong = planted('conv-forward', (step) => ({
      ...step,
      reads: { ...step.reads, input: withoutLastImage(step.reads.input) },
      writes: { output: withoutLastImage(step.writes.output) },
    }))
    const engine = await openWasm('', { threads: 1 }, { kernels: wrong })
    const right = await openWasm('', { threads: 1, reason: 'the next' })
    const reasons: string[] = []
    engine.fallback = async (why) => {
      reasons.push(why)
      return right
    }
    const runs = []
    const options = { engine, batch: 2, batches: 2, burnIn: 0, passes: ['forward'] as const }
    for await (const event of benchmark(withRelu, options))
      if (event.kind === 'finished') runs.push(event.run)
    expect(reasons).toEqual([expect.stringContaining('the check failed: conv-forward of conv')])
    expect(runs).toHaveLength(1)
    expect(runs[0]!.engine.reason).toContain('the next')
    expect(runs[0]!.check!.passed).toBe(true)
  })
})
