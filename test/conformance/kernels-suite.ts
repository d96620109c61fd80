import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { denseImage, Scratch } from '../../src/bench/comparison.ts'
import { wasmFeatures } from '../../src/codegen/wasm/features.ts'
import { activate, partsOf } from '../../src/layers/activation.ts'
import {
  ACTIVATIONS,
  type Activation,
  abs,
  add,
  averagePool,
  batchNorm,
  channelPool,
  channelShuffle,
  clip,
  concat,
  conv,
  convTranspose,
  crop,
  dense,
  depthToSpace,
  divide,
  dropout,
  elu,
  erf,
  exp,
  flatten,
  gelu,
  globalAveragePool,
  groupNorm,
  hardSigmoid,
  hardSwish,
  instanceNorm,
  type Layer,
  l2Loss,
  layerNorm,
  leakyRelu,
  lrn,
  maximum,
  maxPool,
  minimum,
  mish,
  multiply,
  pad,
  power,
  prelu,
  relu,
  resize,
  scale,
  sigmoid,
  silu,
  slice,
  softmax,
  softmaxLoss,
  softplus,
  spaceToDepth,
  subtract,
  tanh,
  unflatten,
} from '../../src/layers/index.ts'
import { initializeImages } from '../../src/networks/initialize.ts'
import { defineNetwork, type Network, parametersOf } from '../../src/networks/network.ts'
import { adam, sgd } from '../../src/optimizers/index.ts'
import { BEFORE_ALL, createPlan } from '../../src/plan/plan.ts'
import { writesOf } from '../../src/plan/steps.ts'
import { normal } from '../../src/random.ts'
import { eachPixel, elementCount, pixelAt } from '../../src/tensor.ts'
import { checkSteps } from '../support/check-steps.ts'
import { type InlineTarget, interpretTarget, openInline, wasmTarget } from '../support/inline.ts'
import { runnable, x64Target } from '../support/x64.ts'

interface Tested {
  readonly target: InlineTarget
  readonly runs: number
}

const compiled: readonly Tested[] = [
  { target: wasmTarget(false), runs: 60 },
  ...(wasmFeatures().relaxedMadd ? [{ target: wasmTarget(true), runs: 60 }] : []),
  ...runnable.map((name) => ({ target: x64Target(name), runs: 60 })),
]
const interpreted: readonly Tested[] = [4, 8, 16].map((lanes) => ({
  target: interpretTarget(lanes),
  runs: 25,
}))

/** What is compiled here is enough for a quick look; the interpreter stands in for the numbers of lanes that nothing here has. */
const quick: readonly Tested[] = [
  ...compiled,
  ...interpreted.filter(({ target }) => !compiled.some((other) => other.target.lanes === target.lanes)),
]

const size = fc.integer({ min: 1, max: 13 })
const channels = fc.integer({ min: 1, max: 21 })
const extent = (max: number) => fc.tuple(fc.integer({ min: 1, max }), fc.integer({ min: 1, max }))

/** Padding that leaves every pooling window something to read. */
const paddingFor = ([height, width]: readonly [number, number]) =>
  fc.oneof(
    fc.constantFrom('same' as const, 'valid' as const),
    fc.record({
      top: fc.integer({ min: 0, max: height - 1 }),
      bottom: fc.integer({ min: 0, max: height - 1 }),
      left: fc.integer({ min: 0, max: width - 1 }),
      right: fc.integer({ min: 0, max: width - 1 }),
    }),
  )

// The exponential of a sum, a product or a quotient is often beyond float32; it has tests of its own.
const activation = fc.constantFrom<(Activation | undefined)[]>(
  undefined,
  ...ACTIVATIONS.filter((name) => name !== 'exp'),
  { kind: 'clip', min: 0.25, max: 1 },
  { kind: 'clip', min: -1, max: 0.5 },
  { kind: 'leaky-relu', slope: 0.3 },
  { kind: 'elu', alpha: 0.5 },
  { kind: 'gelu', approximate: 'tanh' },
  { kind: 'power', exponent: 2 },
)
const activated = activation.map((chosen) => (chosen ? { activation: chosen } : {}))

const window = extent(5).chain((kernel) =>
  fc.record({ kernel: fc.constant(kernel), stride: extent(6), padding: paddingFor(kernel) }),
)

/** The window of a transposed convolution; its padding in numbers may be larger than the kernel's reach. */
const transposedWindow = fc
  .record({
    kernel: extent(7),
    stride: extent(3),
    dilation: extent(3),
    padding: fc.oneof(
      fc.constantFrom('same' as const, 'valid' as const),
      fc.array(fc.nat(4), { minLength: 4, maxLength: 4 }) as fc.Arbitrary<[number, number, number, number]>,
    ),
    added: fc.tuple(fc.nat(2), fc.nat(2)),
  })
  .map(({ added, ...w }) => {
    if (w.padding === 'same') return w
    const outputPadding = added.map((each, i) => Math.min(each, Math.max(w.stride[i]!, w.dilation[i]!) - 1))
    return { ...w, outputPadding: outputPadding as [number, number] }
  })

const pool = fc
  .tuple(window, fc.boolean(), fc.integer({ min: 0, max: 9 }))
  .map(([w, ceilMode, which]) => (which === 0 ? { kernel: 'global' as const } : { ...w, ceilMode }))

/** The error for inputs so near 0 that half of x is flushed to 0. */
const nextToZero = (x: number): number => (Math.abs(x) < 2 ** -125 ? 2 ** -125 : 0)

/** The error far below 0, where e^x is flushed to 0 before it is multiplied by x. */
const farBelow = (x: number): number => (x < -80 ? -x * 2 ** -126 : 0)

/** Activations that kernels approximate: the relative error that is allowed, and the absolute error besides, for an input x. */
const SMOOTH: readonly {
  readonly name: string
  readonly layer: Layer
  readonly activation: Activation
  readonly error: number
  readonly besides?: (x: number) => number
}[] = [
  { name: 'sigmoid', layer: sigmoid('a'), activation: 'sigmoid', error: 1e-6 },
  { name: 'tanh', layer: tanh('a'), activation: 'tanh', error: 1e-6 },
  { name: 'silu', layer: silu('a'), activation: 'silu', error: 1e-6, besides: farBelow },
  { name: 'elu', layer: elu('a'), activation: 'elu', error: 1e-6, besides: nextToZero },
  { name: 'softplus', layer: softplus('a'), activation: 'softplus', error: 1e-6 },
  { name: 'exp', layer: exp('a'), activation: 'exp', error: 1e-6 },
  { name: 'erf', layer: erf('a'), activation: 'erf', error: 1e-6, besides: nextToZero },
  ...[0.5, 3, 0.3, 1.75].map((exponent) => ({
    name: `power ${exponent}`,
    layer: power('a', { exponent }),
    activation: { kind: 'power' as const, exponent },
    // The logarithm of the largest and smallest numbers has few digits after the point.
    error: 6e-6,
    // Roots of numbers that are not normal are 0 on processors that flush them.
    besides: (x: number) => (Math.abs(x) < 2 ** -125 ? Math.abs(x) ** exponent : 0),
  })),
  { name: 'mish', layer: mish('a'), activation: 'mish', error: 1e-6, besides: farBelow },
  // Far below 0 the exponent of erfc has fewer digits after the point, and the truth, 1 - erf, cancels.
  { name: 'gelu', layer: gelu('a'), activation: 'gelu', error: 1e-6, besides: (x) => (x < -1 ? 1e-8 : 0) },
  {
    name: "gelu, approximate: 'tanh'",
    layer: gelu('a', { approximate: 'tanh' }),
    activation: { kind: 'gelu', approximate: 'tanh' },
    error: 1e-6,
    besides: (x) => (x < 0 ? 2e-7 * -x : 0),
  },
]
/** How many rows or columns are padded on a side. */
const sides = fc.integer({ min: 0, max: 5 })

const blocks = fc.record({
  blockSize: fc.integer({ min: 1, max: 3 }),
  mode: fc.constantFrom('DCR' as const, 'CRD' as const),
})

const valueOrder = fc.constantFrom({}, { order: 'HWC' as const })

/** Inputs that are broadcast: a pixel, a vector, a channel and a number for each image. */
const SMALL = ['pixel', 'vector', 'channel', 'number'] as const
const broadcastInputs = (maxLength: number) =>
  fc.array(fc.constantFrom('before', 'other', ...SMALL), { minLength: 2, maxLength })

/** Powers of numbers over 0. */
const POWERS_OF_POSITIVE = [-1, -2, 0.5, -0.5, 1.5, 0.3, 2.7, -1.4].map((exponent) => ({
  exponent,
  inputs: ['positive'],
}))

/** Each kind of layer, of any size, channel counts that no vector divides among them. */
const layers: Record<string, fc.Arbitrary<Layer>> = {
  conv: fc
    .record({ filters: channels, window, options: activated, biases: fc.boolean(), dilation: extent(3) })
    .map(({ filters, window: w, options, ...others }) =>
      conv('tested', { filters, ...w, ...options, ...others }),
    ),
  'conv-transpose': fc
    .record({ filters: channels, window: transposedWindow, options: activated, biases: fc.boolean() })
    .map(({ window: w, options, ...others }) => convTranspose('tested', { ...w, ...options, ...others })),
  dense: fc
    .record({ units: fc.integer({ min: 1, max: 70 }), options: activated, biases: fc.boolean() })
    .map(({ options, ...others }) => dense('tested', { ...options, ...others })),
  'batch-norm': fc
    .record({ epsilon: fc.constantFrom(1e-3, 0.1), momentum: fc.constantFrom(0, 0.1, 1), options: activated })
    .map(({ options, ...others }) => batchNorm('tested', { ...options, ...others })),
  add: fc
    .record({
      inputs: fc.oneof(
        fc.array(fc.constantFrom('before', 'other'), { minLength: 2, maxLength: 9 }),
        broadcastInputs(9),
      ),
      options: activated,
    })
    .map(({ inputs, options }) => add('tested', { inputs, ...options })),
  multiply: fc
    .record({ inputs: broadcastInputs(8), options: activated })
    .map(({ inputs, options }) => multiply('tested', { inputs, ...options })),
  subtract: fc
    .record({ inputs: broadcastInputs(2), options: activated })
    .map(({ inputs, options }) => subtract('tested', { inputs, ...options })),
  // By what is never near 0
  divide: fc
    .record({ one: fc.constantFrom('before', 'other', ...SMALL), options: activated })
    .map(({ one, options }) => divide('tested', { inputs: [one, 'positive'], ...options })),
  maximum: fc
    .record({ inputs: broadcastInputs(8), options: activated })
    .map(({ inputs, options }) => maximum('tested', { inputs, ...options })),
  minimum: fc
    .record({ inputs: broadcastInputs(8), options: activated })
    .map(({ inputs, options }) => minimum('tested', { inputs, ...options })),
  scale: fc
    .record({
      shift: fc.boolean(),
      per: fc.constantFrom('channel' as const, 'pixel' as const, 'value' as const),
    })
    .map((options) => scale('tested', options)),
  concat: fc
    .record({
      inputs: fc.array(fc.constantFrom('before', 'other', 'stem', 'pixel'), { minLength: 1, maxLength: 4 }),
      axis: fc.constantFrom('channels' as const, 'rows' as const, 'columns' as const, 'pixels' as const),
    })
    // Tensors of other heights, widths or channels are no examples
    .filter(
      ({ inputs, axis }) =>
        (axis === 'pixels' || !inputs.includes('pixel')) && (axis === 'channels' || !inputs.includes('stem')),
    )
    .map((options) => concat('tested', options)),
  slice: fc
    .tuple(fc.nat(8), fc.integer({ min: 1, max: 8 }))
    .map(([begin, count]) => slice('tested', { begin, end: begin + count })),
  crop: fc
    .record({
      top: fc.nat(5),
      left: fc.nat(5),
      height: fc.integer({ min: 1, max: 5 }),
      width: fc.integer({ min: 1, max: 5 }),
      step: fc.constantFrom(undefined, 2, -1, [1, 3] as const, [-2, 1] as const, [2, -3] as const),
    })
    .map((options) => crop('tested', options)),
  pad: fc
    .record({
      padding: fc.tuple(sides, sides, sides, sides),
      options: fc.oneof(
        fc.constantFrom({ mode: 'reflect' as const }, { mode: 'edge' as const }),
        fc.record({ value: fc.constantFrom(0, -1.5, 3) }),
      ),
    })
    .map(({ padding, options }) => pad('tested', { padding, ...options })),
  flatten: valueOrder.map((options) => flatten('tested', options)),
  unflatten: fc
    .tuple(extent(4), valueOrder)
    .map(([[height, width], order]) => unflatten('tested', { height, width, ...order })),
  'channel-pool': fc.constantFrom('mean', 'max', 'sum', 'l2').map((mode) => channelPool('tested', { mode })),
  'channel-shuffle': fc.integer({ min: 1, max: 7 }).map((groups) => channelShuffle('tested', { groups })),
  'depth-to-space': blocks.map((options) => depthToSpace('tested', options)),
  'space-to-depth': blocks.map((options) => spaceToDepth('tested', options)),
  resize: fc
    .record({
      to: fc.oneof(
        fc.record({ size: extent(17) }),
        fc.record({ scale: fc.constantFrom(2, 0.5, 3, 1.5, 1 / 3, 0.7, [1, 2.3] as const) }),
      ),
      coordinates: fc.constantFrom('half_pixel' as const, 'asymmetric' as const, 'align_corners' as const),
      how: fc.oneof(
        fc.constant({ mode: 'linear' as const }),
        fc.record({
          rounding: fc.constantFrom(
            undefined,
            'round_prefer_ceil' as const,
            'floor' as const,
            'ceil' as const,
          ),
        }),
      ),
    })
    .map(({ to, how, coordinates }) => resize('tested', { ...to, ...how, coordinates })),
  'layer-norm': fc.constantFrom(1e-3, 0.1).map((epsilon) => layerNorm('tested', { epsilon })),
  'instance-norm': fc.constantFrom(1e-3, 0.1).map((epsilon) => instanceNorm('tested', { epsilon })),
  'group-norm': fc
    .record({ epsilon: fc.constantFrom(1e-3, 0.1), groups: fc.integer({ min: 1, max: 5 }) })
    .map((options) => groupNorm('tested', options)),
  softmax: fc.constant(softmax('tested')),
  'average-pool': fc
    .tuple(pool, fc.boolean())
    .map(([w, countPadding]) => averagePool('tested', { ...w, countPadding })),
  dropout: fc
    .record({ rate: fc.constantFrom(0, 0.3, 0.5, 0.9), seed: fc.nat() })
    .map((options) => dropout('tested', options)),
  prelu: fc.constant(prelu('tested')),
  relu: fc.constant(relu('tested')),
  sigmoid: fc.constant(sigmoid('tested')),
  tanh: fc.constant(tanh('tested')),
  clip: fc
    .constantFrom([0, 6], [-1, 1], [0.25, 1], [-2, -0.5])
    .map(([min, max]) => clip('tested', { min: min!, max: max! })),
  'leaky-relu': fc.constantFrom(0, 0.01, 0.3, 2).map((slope) => leakyRelu('tested', { slope })),
  elu: fc.constantFrom(1, 0.5, 1.7).map((alpha) => elu('tested', { alpha })),
  'hard-sigmoid': fc.constant(hardSigmoid('tested')),
  'hard-swish': fc.constant(hardSwish('tested')),
  silu: fc.constant(silu('tested')),
  gelu: fc
    .constantFrom('none' as const, 'tanh' as const)
    .map((approximate) => gelu('tested', { approximate })),
  softplus: fc.constant(softplus('tested')),
  mish: fc.constant(mish('tested')),
  abs: fc.constant(abs('tested')),
  exp: fc.constant(exp('tested')),
  erf: fc.constant(erf('tested')),
  power: fc
    .constantFrom(...[2, 3, 7, 1].map((exponent) => ({ exponent })), ...POWERS_OF_POSITIVE)
    .map((options) => power('tested', options)),
  lrn: fc
    .record({
      radius: fc.integer({ min: 0, max: 7 }),
      even: fc.boolean(),
      bias: fc.constantFrom(1, 2, 0.5),
      alpha: fc.constantFrom(0.001 / 9, 0.1, 0),
      beta: fc.constantFrom(0.75, 0.5, 0.25, 1, 0.6, 1.3),
    })
    .map((options) => lrn('tested', options)),
  'max-pool': fc
    .tuple(pool, fc.option(extent(3), { nil: undefined }))
    .map(([w, dilation]) => maxPool('tested', w.kernel === 'global' ? w : { ...w, dilation })),
}

/**
 * A convolution in groups after `before`: groups of any width, kernels up to 7 x 7, and filters that are a multiple of
 * the groups.
 */
const grouped = fc
  .record({
    groups: fc.integer({ min: 2, max: 21 }),
    groupChannels: fc.constantFrom(1, 1, 2, 3, 4, 5, 8, 16, 17),
    groupFilters: fc.constantFrom(1, 1, 2, 2, 3, 4, 5, 8, 16, 17, 32),
    kernel: extent(7),
    stride: extent(3),
    dilation: extent(3),
    biases: fc.boolean(),
    options: activated,
  })
  .chain((chosen) => paddingFor(chosen.kernel).map((padding) => ({ ...chosen, padding })))
  .map(({ groupChannels, groupFilters, options, ...others }) => ({
    channels: others.groups * groupChannels,
    layer: conv('tested', { filters: others.groups * groupFilters, ...others, ...options }),
  }))

function networkOf(
  height: number,
  width: number,
  inner: number,
  outer: number,
  tested: Layer,
  readsToo: boolean,
): Network | null {
  const small: readonly [(typeof SMALL)[number] | 'positive', Layer][] = [
    ['pixel', globalAveragePool('pixel', { inputs: ['other'] })],
    ['vector', dense('vector', { units: inner, inputs: ['stem'] })],
    ['channel', conv('channel', { filters: 1, kernel: 1, inputs: ['stem'] })],
    ['number', dense('number', { units: 1, inputs: ['stem'] })],
    ['positive', softplus('positive', { inputs: ['other'] })],
  ]
  const takesVectors = tested.kind === 'unflatten'
  try {
    return defineNetwork('test', {
      inputs: { images: [height, width, outer] },
      layers: [
        conv('stem', { filters: 3, kernel: 1 }),
        conv('other', { filters: inner, kernel: 1, inputs: ['images'] }),
        ...(takesVectors
          ? [dense('before', { units: inner, inputs: ['stem'] })]
          : [conv('before', { filters: inner, kernel: 1, inputs: ['stem'] })]),
        ...small.flatMap(([name, layer]) => (tested.inputs?.includes(name) ? [layer] : [])),
        tested,
        l2Loss('loss'),
        // Other layers read the same input: their gradients are added up, in both orders.
        l2Loss('otherLoss', { inputs: ['other'] }),
        l2Loss('lastLoss', { inputs: ['before'] }),
        ...(readsToo ? [relu('beside', { inputs: ['before'] }), l2Loss('besideLoss')] : []),
      ],
    })
  } catch {
    return null // the window does not fit: another example
  }
}

interface GroupSizes {
  readonly groups: number
  readonly groupChannels: number
  readonly groupFilters: number
}

/**
 * What is not finite in one channel changes no bit of another group's outputs and gradients, in any of a convolution's
 * ways, and lanes that are no channels stay zero.
 */
function groupsStayApart(target: InlineTarget, { groups, groupChannels, groupFilters }: GroupSizes): void {
  const channels = groups * groupChannels
  const [tested, bad] = [conv('tested', { filters: groups * groupFilters, kernel: 3, padding: 1, groups }), 1]
  const network = defineNetwork('apart', {
    inputs: { images: [5, 4, channels] },
    layers: [
      // A gradient of its own for each channel
      conv('scaled', { filters: channels, kernel: 1, groups: channels }),
      tested,
      l2Loss('loss'),
    ],
  })
  const plan = createPlan(network, { batch: 2, pass: 'forward-backward', lanes: target.lanes, keep: 'all' })
  const seen = ['scaled', 'tested', 'tested/weights.gradient', 'tested/biases.gradient']
  const steps = plan.steps.map((_, index) => index)
  const runWith = (choice: number, value: number | null) => {
    const run = openInline(target, plan, (candidates) => candidates[choice % candidates.length]!)
    for (const [name, { shape }] of Object.entries(parametersOf(network))) {
      const values = new Float32Array(elementCount(shape))
      normal(values, { seed: 3, tensor: name, sd: 1 })
      run.write(name, values)
    }
    const { images } = initializeImages(network, 2, { seed: 3, sd: 1 })
    for (let i = bad * groupChannels; value !== null && i < images!.length; i += channels) images![i] = value
    run.write('images', images!)
    for (const step of [BEFORE_ALL, ...steps]) run.runStep(step)
    const written = [...seen, 'scaled/weights.gradient'].map((name) => run.look(plan.tensors[name]!.view))
    // Both axes of channels, those of the group and the others
    return written.map((grid, i) => {
      const inGroup = i === 0 || i === 4 ? groupChannels : groupFilters
      const values: { readonly value: number; readonly isBad: boolean }[] = []
      const padded: number[] = []
      eachPixel(grid, (n, y, x) => {
        const at = pixelAt(grid, n, y, x)
        for (let c = 0; c < grid.shape[3]; c++)
          values.push({ value: grid.values[at + c]!, isBad: Math.floor(c / inGroup) === bad })
        padded.push(...grid.values.subarray(at + grid.shape[3], at + grid.pixelPitch))
      })
      expect(padded.every((each) => each === 0)).toBe(true)
      return values
    })
  }
  for (const choice of [0, 1, 2, 3]) {
    const good = runWith(choice, null)
    for (const value of [Number.NaN, Infinity]) {
      runWith(choice, value).forEach((values, tensor) => {
        const own = values.filter(({ isBad }) => isBad)
        expect(own.some((each) => !Number.isFinite(each.value))).toBe(true)
        const others = (all: typeof values) => all.filter(({ isBad }) => !isBad).map((each) => each.value)
        const before = others(good[tensor]!)
        const changed = others(values).filter((each, i) => !Object.is(each, before[i]))
        expect(changed).toEqual([])
      })
    }
  }
}

/** What may follow a convolution or a dense layer in one step with it: see plan/fuse.ts. */
const followers = fc.record({
  scaled: fc.constantFrom('no', 'batch-norm', 'scale', 'scale without shift'),
  adds: fc.boolean(),
  /** The convolution whose output is added, or is it the tested one that is added to another's? */
  isFirst: fc.boolean(),
  options: activated,
  /** The activation is a layer of its own. */
  isOwn: fc.boolean(),
})

const fusable = fc.oneof(
  fc
    .record({ filters: channels, window, biases: fc.boolean(), dilation: extent(2) })
    .map(({ window: w, ...others }) => ({
      channels: 5,
      make: (name: string) => conv(name, { ...w, ...others, inputs: ['before'] }),
    })),
  grouped.map(({ channels, layer }) => ({
    channels,
    make: (name: string) => conv(name, { ...layer.options, activation: undefined, inputs: ['before'] }),
  })),
  fc.record({ units: channels, biases: fc.boolean() }).map((options) => ({
    channels: 5,
    make: (name: string) => dense(name, { ...options, inputs: ['before'] }),
  })),
)

const activationLayer = (name: string, activation: Activation): Layer => {
  const { kind, options } = partsOf(activation)
  return { kind, name, options } as Layer
}

type Following = typeof followers extends fc.Arbitrary<infer T> ? T : never

function fusedNetwork(
  height: number,
  width: number,
  { channels, make }: { readonly channels: number; readonly make: (name: string) => Layer },
  { scaled, adds, isFirst, options, isOwn }: Following,
): Network | null {
  const scaling: Readonly<Record<string, Layer>> = {
    'batch-norm': batchNorm('scaled', { epsilon: 0.1, ...(!adds && !isOwn && options) }),
    scale: scale('scaled'),
    'scale without shift': scale('scaled', { shift: false }),
  }
  const last = scaled === 'no' ? 'tested' : 'scaled'
  try {
    return defineNetwork('fused', {
      inputs: { images: [height, width, 3] },
      layers: [
        conv('before', { filters: channels, kernel: 1 }),
        ...(adds ? [make('other')] : []),
        make('tested'),
        ...(scaled === 'no' ? [] : [scaling[scaled]!]),
        ...(adds
          ? [add('sum', { inputs: isFirst ? [last, 'other'] : ['other', last], ...(!isOwn && options) })]
          : []),
        ...(isOwn && options.activation ? [activationLayer('own', options.activation)] : []),
        // A reader with a halo
        conv('after', { filters: 2, kernel: 3, padding: 1 }),
        l2Loss('loss'),
      ],
    })
  } catch {
    return null // the window does not fit: another example
  }
}

/** Tests every kernel against float64, over this share of the shapes; on every target if that is all of them. */
export function kernelConformance(share: number): void {
  const targets = share < 1 ? quick : [...compiled, ...interpreted]
  describe.each(targets.map((each) => ({ ...each, runs: Math.ceil(share * each.runs) })))(
    'kernels on $target.name',
    ({ target, runs }) => {
      it.each(Object.keys(layers))(
        '%s: every step agrees with float64, over any shape and every tile',
        (kind) => {
          const example = fc.record({
            height: size,
            width: size,
            inner: channels,
            outer: channels,
            tested: layers[kind]!,
            readsToo: fc.boolean(),
          })
          const property = fc.property(
            example,
            fc.integer({ min: 1, max: 3 }),
            fc.nat(),
            ({ height, width, inner, outer, tested, readsToo }, batch, choice) => {
              const network = networkOf(height, width, inner, outer, tested, readsToo)
              fc.pre(network !== null)
              // Batch norm needs more than one value a channel.
              fc.pre(kind !== 'batch-norm' || batch * height * width > 1)
              checkSteps(target, network, batch, choice)
            },
          )
          fc.assert(property, { numRuns: runs })
        },
      )

      it('conv in groups: every step agrees with float64, over any shape and every tile', () => {
        const property = fc.property(
          fc.record({ height: size, width: size, outer: channels, tested: grouped, readsToo: fc.boolean() }),
          fc.integer({ min: 1, max: 3 }),
          fc.nat(),
          ({ height, width, outer, tested, readsToo }, batch, choice) => {
            const network = networkOf(height, width, tested.channels, outer, tested.layer, readsToo)
            fc.pre(network !== null)
            checkSteps(target, network, batch, choice)
          },
        )
        fc.assert(property, { numRuns: runs })
      })

      it.each([
        { groups: 7, groupFilters: 1, groupChannels: 1 },
        { groups: 7, groupFilters: 2, groupChannels: 1 },
        { groups: 5, groupFilters: 4, groupChannels: 4 },
        { groups: 3, groupFilters: 5, groupChannels: 2 },
        { groups: 2, groupFilters: 16, groupChannels: 16 },
        { groups: 2, groupFilters: 17, groupChannels: 3 },
      ])('conv in $groups groups of $groupChannels: no value reaches another group', (sizes) => {
        groupsStayApart(target, sizes)
      })

      it('what is fused with a convolution or a dense layer: every step agrees with float64', () => {
        const property = fc.property(
          fc.record({ height: size, width: size, tested: fusable, following: followers }),
          fc.integer({ min: 1, max: 3 }),
          fc.nat(),
          ({ height, width, tested, following }, batch, choice) => {
            const network = fusedNetwork(height, width, tested, following)
            fc.pre(network !== null)
            const steps = checkSteps(target, network, batch, choice, { isFused: true })
            expect(steps.some(({ step }) => step.kind === 'fold-scale')).toBe(following.scaled !== 'no')
          },
        )
        fc.assert(property, { numRuns: 2 * runs })
      })

      it('softmax-loss: every step agrees with float64, over any number of classes', () => {
        const property = fc.property(
          fc.integer({ min: 1, max: 70 }),
          fc.integer({ min: 1, max: 5 }),
          fc.constantFrom(0.1, 1, 30),
          fc.constantFrom(undefined, 0.1, 1),
          fc.nat(),
          (classes, batch, spread, labelSmoothing, choice) => {
            const network = defineNetwork('classes', {
              inputs: { images: [1, 2, 3], labels: [] },
              layers: [
                dense('logits', { units: classes }),
                softmaxLoss('loss', { inputs: ['logits', 'labels'], labelSmoothing }),
              ],
            })
            checkSteps(target, network, batch, choice, { weightSd: spread })
          },
        )
        fc.assert(property, { numRuns: runs })
      })

      it('softmax-loss: logits of any size, and a NaN that stays in its image', () => {
        const network = defineNetwork('classes', {
          inputs: { images: [1, 1, 5], labels: [] },
          layers: [dense('logits', { units: 5 }), softmaxLoss('loss', { inputs: ['logits', 'labels'] })],
        })
        const plan = createPlan(network, { batch: 2, pass: 'forward-backward', lanes: target.lanes })
        const run = openInline(target, plan)
        const values = (name: string, written: ArrayLike<number>) => run.write(name, written)
        const lossAndGradient = (logits: readonly number[]) => {
          values('images', logits)
          for (const step of [BEFORE_ALL, 0, 1, 2]) run.runStep(step)
          const [loss, gradient] = [plan.steps[1]!.writes, plan.steps[2]!.writes].map((views) =>
            run.look(Object.values(views)[0]!),
          )
          const images = [0, 1].map((n) => {
            const from = gradient!.offset + n * gradient!.imagePitch
            return Array.from(gradient!.values.subarray(from, from + 5))
          })
          return { loss: loss!.values[loss!.offset]!, images }
        }
        const identity = Array.from({ length: 25 }, (_, i) => (i % 6 === 0 ? 1 : 0))
        values('logits/weights', identity)
        values('logits/biases', [0, 0, 0, 0, 0])
        values('labels', [1, 2])
        const large = lossAndGradient([1e30, 1e30, -1e30, 0, 0, 0, 0, 3e38, 0, 0])
        expect(large.loss).toBeCloseTo(Math.LN2 / 2, 6)
        expect(large.images[0]!.map((value) => Math.round(1e6 * value))).toEqual([250000, -250000, 0, 0, 0])
        const broken = lossAndGradient([1, 2, 3, 4, 5, 0, 0, 0, 0, 0].with(4, Number.NaN))
        expect(broken.loss).toBeNaN()
        expect(broken.images[0]!.every(Number.isNaN)).toBe(true)
        expect(broken.images[1]![2]).toBeCloseTo(-0.4, 6)
      })

      it('trains: every update agrees with float64, whatever the optimizer, the decay, the rate, clipping and micro-batches', () => {
        const network = defineNetwork('trained', {
          inputs: { images: [5, 4, 3], labels: [] },
          layers: [
            conv('a', { filters: 9, kernel: 3, padding: 'same', activation: 'relu' }),
            dropout('drop', { rate: 0.4 }),
            dense('logits', { units: 13 }),
            softmaxLoss('loss', { inputs: ['logits', 'labels'] }),
          ],
        })
        const training = fc.record(
          {
            optimizer: fc.oneof(
              fc.record({ momentum: fc.constantFrom(0, 0.5, 0.9) }).map(sgd),
              fc
                .record({ beta1: fc.constantFrom(0, 0.9), beta2: fc.constantFrom(0.5, 0.999) })
                .map((betas) => adam({ ...betas, epsilon: 1e-3 })),
            ),
            decays: fc.constant({ 'a/weights': 0.3, 'logits/biases': 0.1 }),
            rateFactors: fc.constant({ 'a/weights': 0.1, 'logits/weights': 7 }),
            clipNorm: fc.constantFrom(0.01, 1e6),
            microBatches: fc.integer({ min: 1, max: 3 }),
          },
          { requiredKeys: ['optimizer'] },
        )
        const property = fc.property(training, fc.nat(), (chosen, seed) => {
          checkSteps(target, network, 2, seed, { training: chosen })
        })
        fc.assert(property, { numRuns: Math.ceil(runs / 4) })
      })

      it('batch-norm: every step of a training agrees with float64, running statistics followed or frozen', () => {
        const example = fc.record({
          height: size,
          width: size,
          inner: channels,
          outer: channels,
          tested: layers['batch-norm']!,
          readsToo: fc.boolean(),
        })
        const freeze = fc.constantFrom([], ['tested'], ['tested', 'before'], ['stem', 'other', 'before'])
        const property = fc.property(
          example,
          freeze,
          fc.integer({ min: 1, max: 3 }),
          fc.nat(),
          ({ height, width, inner, outer, tested, readsToo }, frozen, batch, choice) => {
            fc.pre(batch * height * width > 1)
            const network = networkOf(height, width, inner, outer, tested, readsToo)!
            const training = { optimizer: sgd(), freeze: frozen }
            checkSteps(target, network, batch, choice, { training })
          },
        )
        fc.assert(property, { numRuns: Math.ceil(runs / 4) })
      })

      it.each(SMOOTH)('$name: each value close to float64, of any size, and NaN stays NaN', (tried) => {
        const around = Array.from({ length: 8000 }, (_, i) => (i - 4000) / 40) // from -100 to 100
        const sizes = Array.from({ length: 1600 }, (_, i) => 2 ** (i / 10 - 130))
        const edges = [0.625, 0.6249999, 87.33654, 88.72284, 103.9, 104, 3e38, Infinity]
        const values = [...around, ...[...sizes, ...edges].flatMap((value) => [value, -value])].map(
          Math.fround,
        )
        const network = defineNetwork('smooth', {
          inputs: { images: [1, 1, values.length + 1] },
          layers: [tried.layer],
        })
        const plan = createPlan(network, { batch: 1, pass: 'forward', lanes: target.lanes })
        const run = openInline(target, plan)
        run.write('images', [...values, Number.NaN])
        for (const step of [BEFORE_ALL, 0]) run.runStep(step)
        const { values: slab, offset } = run.look(Object.values(plan.steps[0]!.writes)[0]!)
        const made = slab.subarray(offset, offset + values.length + 1)
        // Where float32 ends it has steps of 2^-149, or 0 where denormals are flushed
        const smallest = target.name.startsWith('x64') ? 2 ** -126 : 2 ** -149
        const worst = values.map((value, i) => {
          const truth = activate({ activation: tried.activation }, value)
          const besides = tried.besides?.(value) ?? 0
          if (!Number.isFinite(Math.fround(truth)))
            return Object.is(made[i], Math.fround(truth)) || besides > 0 ? 0 : Infinity
          const error = Math.abs(made[i]! - truth) - tried.error * Math.abs(truth) - besides
          return Math.max(0, error - smallest)
        })
        expect(values.filter((_, i) => !(worst[i]! <= 0))).toEqual([])
        expect(made[values.length]).toBeNaN()
      })

      it('broadcasts within an image: what is not finite stays in its image and its channel', () => {
        const network = defineNetwork('broadcast', {
          inputs: { images: [3, 4, 5], pixels: [1, 1, 5], channels: [3, 4, 1], numbers: [] },
          layers: [
            scale('x', { shift: false }),
            scale('pixel', { shift: false, inputs: ['pixels'] }),
            scale('number', { shift: false, inputs: ['numbers'] }),
            scale('channel', { shift: false, inputs: ['channels'] }),
            multiply('product', { inputs: ['x', 'pixel', 'number', 'channel'] }),
            add('sum', { inputs: ['product', 'pixel', 'number', 'channel'] }),
            l2Loss('loss'),
            maximum('largest', { inputs: ['x', 'number', 'pixel'] }),
            minimum('smallest', { inputs: ['channel', 'largest'] }),
            divide('quotient', { inputs: ['pixel', 'x'] }),
            l2Loss('smallestLoss', { inputs: ['smallest'] }),
            l2Loss('quotientLoss', { inputs: ['quotient'] }),
          ],
        })
        const plan = createPlan(network, { batch: 2, pass: 'forward-backward', lanes: target.lanes })
        const run = openInline(target, plan)
        const inputs = initializeImages(network, 2, { seed: 1, sd: 1 })
        for (const { layer, parameters } of network.layers)
          for (const [name, { shape }] of Object.entries(parameters))
            run.write(name, new Float32Array(elementCount(shape)).fill(layer.name === 'x' ? 1 : 2))
        /** What the steps write for both images, and the values of padded channels. */
        const madeOf = (given: Readonly<Record<string, Float32Array>>) => {
          for (const [name, values] of Object.entries({ ...inputs, ...given })) run.write(name, values)
          run.runStep(BEFORE_ALL)
          const padded = new Set<number>()
          const made = plan.steps.flatMap((step, index) => {
            run.runStep(index)
            const written = writesOf(step).filter(({ shape }) => shape[0] === 2)
            return written.map((view) => {
              const grid = run.look(view)
              eachPixel(grid, (n, y, x) => {
                const at = pixelAt(grid, n, y, x)
                for (const value of grid.values.subarray(at + view.shape[3], at + view.pixelPitch))
                  padded.add(value)
              })
              return [view.tensor, [0, 1].map((n) => denseImage(grid, n, new Scratch()).values)] as const
            })
          })
          return { made: new Map(made), padded: [...padded] }
        }
        /** Whether a value that is not finite may reach the value at `i` of an image's `count` values. */
        const isReached = (name: string, tensor: string, count: number, i: number): boolean => {
          // A number meets all channels, and a channel does at its pixel; their gradients are sums over them.
          if (name === 'numbers' || tensor === 'number.gradient') return true
          if (name === 'channels') return count < 12 || Math.floor((12 * i) / count) === 2
          if (tensor === 'channel.gradient') return name === 'pixels' || i === 0
          return i % 5 === 2
        }
        const clean = madeOf({}).made
        const named = [
          'product',
          'sum',
          'x.gradient',
          'pixel.gradient',
          'number.gradient',
          'channel.gradient',
        ]
        expect([...clean.keys()]).toEqual(expect.arrayContaining(named))
        for (const extreme of [Number.NaN, Infinity, -Infinity]) {
          const broken = {
            images: inputs.images!.with(2, extreme),
            pixels: inputs.pixels!.with(2, extreme),
            channels: inputs.channels!.with(2, extreme),
            numbers: inputs.numbers!.with(0, extreme),
          }
          for (const name of Object.keys(broken) as (keyof typeof broken)[]) {
            const { made, padded } = madeOf({ [name]: broken[name] })
            expect(padded.every((value) => value === 0)).toBe(true)
            for (const [tensor, [first, second]] of clean) {
              const [brokenFirst, brokenSecond] = made.get(tensor)!
              expect(brokenSecond, `${name}: ${tensor}`).toEqual(second)
              const changed = [...first!.keys()].filter((i) => !Object.is(first![i], brokenFirst![i]))
              expect(
                changed.filter((i) => !isReached(name, tensor, first!.length, i)),
                `${name}: ${tensor}`,
              ).toEqual([])
            }
          }
        }
      })

      it('adds up the gradients of branches', () => {
        const network = defineNetwork('branches', {
          inputs: { images: [7, 6, 3] },
          layers: [
            conv('stem', { filters: 5, kernel: 3, padding: 'same', activation: 'relu' }),
            conv('left', { filters: 6, kernel: 3, padding: 'same', inputs: ['stem'] }),
            l2Loss('leftLoss'),
            maxPool('right', { kernel: 2, stride: 2, inputs: ['stem'] }),
            l2Loss('rightLoss'),
            relu('middle', { inputs: ['stem'] }),
            l2Loss('middleLoss'),
          ],
        })
        checkSteps(target, network, 2, 0)
      })
    },
  )
}
