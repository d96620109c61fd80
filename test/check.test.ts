import { afterAll, describe, expect, it } from 'vitest'
import type { PreparedPlan } from '../src/engines/engine.ts'
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
const { benchmark } = await built<typeof import('../src/bench/bench.ts')>('bench/bench.js')
const { Checker } = await built<typeof import('../src/bench/check.ts')>('bench/check.js')
const {
  add,
  averagePool,
  batchNorm,
  concat,
  conv,
  defineNetwork,
  dense,
  dropout,
  l2Loss,
  lrn,
  maxPool,
  openSession,
  relu,
  sgd,
  sigmoid,
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

const saturating = defineNetwork('saturating', {
  inputs: { images: [9, 9, 3], labels: [] },
  layers: [
    conv('conv', { filters: 8, kernel: 3, activation: 'tanh' }),
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
    dense('fc', { units: 10, inputs: ['part'] }),
    softmaxLoss('loss', { inputs: ['fc', 'labels'] }),
    l2Loss('sharesLoss', { inputs: ['shares'] }),
  ],
})

/** By network: what they check with is made once. A check that fails leaves them as they were. */
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

/**
 * Wasm whose plan is another than it is given, or whose prepared plan is changed, as often as it is to be checked. The
 * caller disposes it.
 */
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

/** The kernels with one whose step is changed before it is built: a fault that leaves everything else as it is. */
function planted<Kind extends keyof KernelTable>(
  kind: Kind,
  change: (step: StepOfKind<Kind>) => StepOfKind<Kind>,
) {
  const rule = kernels[kind]
  const build = (step: never, ...rest: never[]) =>
    (rule.build as (...all: unknown[]) => unknown)(change(step as StepOfKind<Kind>), ...rest)
  return { ...kernels, [kind]: { ...rule, build } } as KernelTable
}

/** All images but the last. */
const withoutLastImage = (view: View): View => {
  const [images, height, width, channels] = view.shape
  return { ...view, shape: [images - 1, height, width, channels] }
}

/** The last step's rows of weights one further: as if two of a kernel's taps were mixed up. */
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
      'weights that are not turned round',
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

  it('refuses one image masked as another', async () => {
    const wrong = planted('activation-backward', (step) => ({
      ...step,
      reads: { ...step.reads, output: { ...step.reads.output, imagePitch: 0 } },
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
          ? { ...step, reads: { ...step.reads, output: { ...step.reads.output, imagePitch: 0 } } }
          : step,
      ),
      'activation-backward of sigmoid',
    ],
    [
      "another image's sums behind a convolution",
      planted('activation-forward', (step) =>
        step.layer === 'conv' ? { ...step, reads: { input: { ...step.reads.input, imagePitch: 0 } } } : step,
      ),
      "activation-forward of conv: 'conv'",
    ],
    [
      'a gradient that goes around tanh',
      planted('output-gradient', (step) => ({ ...step, options: {} })),
      'output-gradient of conv',
    ],
    [
      "another image's slope of tanh",
      planted('activation-backward', (step) =>
        step.layer === 'tanh'
          ? { ...step, reads: { ...step.reads, output: { ...step.reads.output, imagePitch: 0 } } }
          : step,
      ),
      'activation-backward of tanh',
    ],
  ])('refuses %s', async (_fault, wrong, named) => {
    await expect(check({ kernels: wrong }, saturating)).rejects.toThrow(named)
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
      planted('concat-backward', (step) => ({
        ...step,
        options: { ...step.options, begin: Math.max(step.options.begin - 1, 0) },
      })),
      'concat-backward of joined',
    ],
    [
      'a gradient not added to what others gave',
      planted('softmax-backward', (step) => ({ ...step, options: { ...step.options, adds: false } })),
      "softmax-backward of shares: 'part.gradient'",
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
      // conv1 is needed again when the gradient of lrn1 comes by; pool1 lies on it.
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
  /** Two convolutions of one shape after another; and what the third and the dense layer read. */
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
    const wrong = planted('activation-forward', (step) => ({
      ...step,
      reads: { input: withoutLastImage(step.reads.input) },
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
    expect(reasons).toEqual([expect.stringContaining('the check failed: activation-forward of relu')])
    expect(runs).toHaveLength(1)
    expect(runs[0]!.engine.reason).toContain('the next')
    expect(runs[0]!.check!.passed).toBe(true)
  })
})
