// TensorFlow.js, on one of its backends. NHWC, as convmark has it.
import type { Activation, Network, ResolvedLayer } from 'convmark'
import { definitionOf, type Layer, poolGeometry, type WindowGeometry, windowGeometry } from 'convmark/layers'
import { type Inputs, inputsOf, load, type OpenPeer, outputsOf, type PeerSetup } from './peer.ts'

type Backend = 'wasm' | 'webgl' | 'webgpu'
type Pad = 'same' | 'valid' | readonly (readonly [number, number])[]

/** The parts of its interface that are used here. */
interface TensorFlow {
  readonly version_core: string
  readonly wasm?: {
    setWasmPaths(folder: string): void
    setThreadsCount(count: number): void
    getThreadsCount(): number
  }
  setBackend(name: string): Promise<boolean>
  env(): { getAsync(flag: string): Promise<unknown> }
  tidy<T>(work: () => T): T
  tensor(values: Float32Array | readonly number[], shape: readonly number[], type?: 'int32'): Tensor
  reshape(x: Tensor, shape: readonly number[]): Tensor
  maxPool(x: Tensor, kernel: Pair, stride: Pair, pad: Pad): Tensor
  avgPool(x: Tensor, kernel: Pair, stride: Pair, pad: Pad): Tensor
  pad(x: Tensor, pads: readonly (readonly [number, number])[], value?: number): Tensor
  batchNorm(x: Tensor, mean: Tensor, variance: Tensor, shift: Tensor, scale: Tensor, epsilon: number): Tensor
  concat(tensors: readonly Tensor[], axis: number): Tensor
  slice(x: Tensor, begin: readonly number[], size: readonly number[]): Tensor
  softmax(x: Tensor): Tensor
  relu(x: Tensor): Tensor
  sigmoid(x: Tensor): Tensor
  tanh(x: Tensor): Tensor
  relu6(x: Tensor): Tensor
  clipByValue(x: Tensor, min: number, max: number): Tensor
  leakyRelu(x: Tensor, slope: number): Tensor
  elu(x: Tensor): Tensor
  abs(x: Tensor): Tensor
  exp(x: Tensor): Tensor
  erf(x: Tensor): Tensor
  softplus(x: Tensor): Tensor
  prelu(x: Tensor, slope: Tensor): Tensor
  transpose(x: Tensor, order: readonly number[]): Tensor
  moments(
    x: Tensor,
    axes: readonly number[],
    keepAxes: true,
  ): { readonly mean: Tensor; readonly variance: Tensor }
  rsqrt(x: Tensor): Tensor
  sub(x: Tensor, y: Tensor): Tensor
  div(x: Tensor, divisor: number): Tensor
  pow(x: Tensor, exponent: number): Tensor
  mul(x: Tensor, factor: Tensor | number): Tensor
  sum(x: Tensor): Tensor
  square(x: Tensor): Tensor
  add(x: Tensor, y: Tensor | number): Tensor
  addN(tensors: readonly Tensor[]): Tensor
  oneHot(labels: Tensor, depth: number, on: number, off: number, type: 'float32'): Tensor
  keep(x: Tensor): Tensor
  valueAndGrads(
    objective: (...values: Tensor[]) => Tensor,
  ): (values: readonly Tensor[]) => { readonly grads: readonly Tensor[] }
  readonly losses: {
    softmaxCrossEntropy(target: Tensor, logits: Tensor, weights?: undefined, smoothing?: number): Tensor
  }
  localResponseNormalization(x: Tensor, radius: number, bias: number, alpha: number, beta: number): Tensor
  readonly fused: {
    conv2d(options: Readonly<Record<string, unknown>>): Tensor
    depthwiseConv2d(options: Readonly<Record<string, unknown>>): Tensor
    matMul(options: Readonly<Record<string, unknown>>): Tensor
  }
}
type Pair = readonly [number, number]
interface Tensor {
  readonly shape: readonly number[]
  data(): Promise<Float32Array>
  dispose(): void
}

export const openTfjs =
  (backend: Backend): OpenPeer =>
  async (setup) => {
    requireGradients(backend, setup)
    requireWindows(setup)
    const tf = await loadTfjs(backend, setup)
    const { network, pass, batch, parameters } = setup
    const weights = Object.fromEntries(
      network.layers
        .flatMap((layer) => Object.entries(layer.parameters))
        .map(([name, { shape }]) => [name, tf.tensor(parameters[name]!, shape)]),
    )
    const layers = network.layers.filter(({ isLoss }) => !isLoss)
    const all = layers.map(({ layer }) => layer.name)
    const outputs = outputsOf(network)
    let given: Readonly<Record<string, Tensor>> = {}
    let made: Readonly<Record<string, Float32Array>> = {}

    /** The tensors that were asked for; backward the losses and the gradients too. */
    async function compute(wanted: readonly string[]): Promise<Record<string, Float32Array>> {
      const tensors = tf.tidy(() => {
        if (pass === 'forward-backward') return forwardBackward(tf, network, given, weights, wanted)
        const made = forward(tf, network, given, weights)
        return Object.fromEntries(wanted.map((name) => [name, made[name]!]))
      })
      // Until the values are here: a graphics processor has only been told what to do so far
      const values = await Promise.all(
        Object.entries(tensors).map(async ([name, tensor]) => [name, await tensor.data()] as const),
      )
      for (const tensor of Object.values(tensors)) tensor.dispose()
      return Object.fromEntries(values)
    }

    const threads = backend === 'wasm' ? Math.max(1, tf.wasm!.getThreadsCount()) : 1
    return {
      engine: {
        target: backend,
        threads,
        reason: `TensorFlow.js ${tf.version_core}, ${backend} backend; NHWC`,
      },
      async setInputs(inputs) {
        for (const tensor of Object.values(given)) tensor.dispose()
        given = tf.tidy(() => tensorsOf(tf, network, batch, inputs))
      },
      async run() {
        made = await compute(outputs)
      },
      results: () => made,
      async activations() {
        const tensors = await compute(all)
        return Object.fromEntries(all.map((name) => [name, tensors[name]!]))
      },
    }
  }

/** Throws, with the reason, where the pass needs what TensorFlow.js has not got, or what it does in its own way. */
function requireGradients(backend: Backend, { network, pass }: PeerSetup): void {
  if (pass === 'forward') return
  if (backend === 'wasm') throw new Error("its wasm backend has no gradient of a convolution's filters")
  const dropout = network.layers.find(({ layer }) => layer.kind === 'dropout')
  if (dropout) throw new Error(`${dropout.layer.name}: dropout is compared in forward alone`)
  const mixing = network.layers.find(({ layer }) => definitionOf(layer).batchStatistics)
  if (mixing)
    throw new Error(`${mixing.layer.name}: ${mixing.layer.kind} is compared in forward alone on this page`)
}

/** Whether a convolution has as many groups as channels, each with one filter or more. */
const isDepthwise = ({ layer, inputShapes: [input] }: ResolvedLayer): boolean =>
  layer.kind === 'conv' && (layer.options.groups ?? 1) > 1 && layer.options.groups === input!.at(-1)

/** Throws, with the reason, for a convolution or a maximum that TensorFlow.js lacks. */
function requireWindows({ network, pass }: PeerSetup): void {
  for (const resolved of network.layers) {
    const { layer } = resolved
    if (layer.kind !== 'conv' && layer.kind !== 'max-pool') continue
    const { strides, dilations } = pairsOf(windowOf(resolved))
    const isDilated = Math.max(...dilations) > 1
    if (layer.kind === 'max-pool') {
      if (isDilated) throw new Error(`${layer.name}: it has no dilated maximum`)
      continue
    }
    const { groups = 1 } = layer.options
    if (groups > 1 && !isDepthwise(resolved))
      throw new Error(`${layer.name}: of convolutions in groups it has only depthwise ones`)
    if (isDilated && Math.max(...strides) > 1)
      throw new Error(`${layer.name}: it has no stride beside a dilation`)
    if (isDilated && pass !== 'forward')
      throw new Error(`${layer.name}: it has no gradient of a dilated convolution`)
  }
}

/** The inputs by name; of labels, under the name of the loss that reads them, what that compares with. */
function tensorsOf(tf: TensorFlow, network: Network, batch: number, inputs: Inputs): Record<string, Tensor> {
  const tensors: Record<string, Tensor> = Object.fromEntries(
    inputsOf(network).map((name) => [name, tf.tensor(inputs[name]!, [batch, ...network.inputs[name]!])]),
  )
  for (const { layer, inputs: names, inputShapes } of network.layers) {
    const labels = layer.kind === 'softmax-loss' && inputs[names[1]!]
    if (!labels) continue
    const classes = inputShapes[0]!.at(-1)!
    tensors[layer.name] = tf.oneHot(tf.tensor(labels, [batch], 'int32'), classes, 1, 0, 'float32')
  }
  return tensors
}

/** The core, and the backend beside it: both put themselves into `globalThis.tf`. */
async function loadTfjs(backend: Backend, { pass, threads, folder, entry }: PeerSetup): Promise<TensorFlow> {
  await load(new URL('@tensorflow/tfjs-core/dist/tf-core.min.js', folder))
  // The core's own bundle has no gradients; the one of layers brings them
  if (pass !== 'forward') await load(new URL('@tensorflow/tfjs-layers/dist/tf-layers.min.js', folder))
  if (backend === 'webgl')
    await load(new URL('@tensorflow/tfjs-backend-cpu/dist/tf-backend-cpu.min.js', folder))
  await load(entry)
  const { tf } = globalThis as unknown as { tf: TensorFlow }
  if (backend === 'wasm') {
    tf.wasm!.setWasmPaths(new URL('@tensorflow/tfjs-backend-wasm/dist/', folder).href)
    tf.wasm!.setThreadsCount(threads)
    // Whatever it is told, it takes at most half of the processors that the browser tells of
    Object.defineProperty(navigator, 'hardwareConcurrency', { value: 2 * threads })
  }
  if (!(await tf.setBackend(backend))) {
    const needs = { wasm: 'WebAssembly', webgl: 'WebGL 2 in a worker', webgpu: 'a WebGPU adapter' }[backend]
    throw new Error(
      `its ${backend} backend could not be initialized: it needs ${needs}, which this browser does not give`,
    )
  }
  return tf
}

/** What was asked for, the losses, and the gradients of their sum by the library's own derivatives. */
function forwardBackward(
  tf: TensorFlow,
  network: Network,
  given: Readonly<Record<string, Tensor>>,
  weights: Readonly<Record<string, Tensor>>,
  wanted: readonly string[],
): Record<string, Tensor> {
  const names = Object.keys(weights)
  const losses = network.layers.filter(({ isLoss }) => isLoss)
  const kept: Record<string, Tensor> = {}
  const objective = (...values: Tensor[]): Tensor => {
    const own = Object.fromEntries(names.map((name, i) => [name, values[i]!]))
    const made = forward(tf, network, given, own)
    for (const name of wanted) kept[name] = tf.keep(made[name]!)
    for (const { layer, inputs } of losses) {
      const x = made[inputs[0]!]!
      kept[layer.name] = tf.keep(
        layer.kind === 'softmax-loss'
          ? tf.losses.softmaxCrossEntropy(given[layer.name]!, x, undefined, layer.options.labelSmoothing)
          : tf.mul(tf.sum(tf.square(x)), 0.5),
      )
    }
    return tf.addN(losses.map(({ layer }) => kept[layer.name]!))
  }
  const { grads } = tf.valueAndGrads(objective)(Object.values(weights))
  return { ...kept, ...Object.fromEntries(names.map((name, i) => [`${name}.gradient`, grads[i]!])) }
}

/** What every layer but the losses makes, by name. */
function forward(
  tf: TensorFlow,
  network: Network,
  given: Readonly<Record<string, Tensor>>,
  weights: Readonly<Record<string, Tensor>>,
): Record<string, Tensor> {
  const made: Record<string, Tensor> = { ...given }
  const layers = network.layers.filter(({ isLoss }) => !isLoss)
  for (const resolved of layers)
    made[resolved.layer.name] = apply(
      tf,
      resolved,
      resolved.inputs.map((input) => made[input]!),
      weights,
    )
  return made
}

function apply(
  tf: TensorFlow,
  resolved: ResolvedLayer,
  inputs: readonly Tensor[],
  weights: Readonly<Record<string, Tensor>>,
): Tensor {
  const { layer, parameters } = resolved
  const x = inputs[0]!
  const own = Object.keys(parameters).map((name) => weights[name])
  const [filter, bias] = own
  switch (layer.kind) {
    case 'conv': {
      const { fused, apart } = partsOf(layer.options.activation)
      const { strides, dilations } = pairsOf(windowOf(resolved))
      const pad = padOf(resolved)
      const how = { x, bias, strides, dilations, pad, activation: fused }
      if (!isDepthwise(resolved)) return activated(tf, apart, tf.fused.conv2d({ ...how, filter }))
      const [height, width, , filters] = filter!.shape
      const channels = x.shape.at(-1)!
      // In both layouts the filters of a channel are side by side.
      const ofChannels = tf.reshape(filter!, [height!, width!, channels, filters! / channels])
      return activated(tf, apart, tf.fused.depthwiseConv2d({ ...how, filter: ofChannels }))
    }
    case 'dense': {
      const { fused, apart } = partsOf(layer.options.activation)
      const a = tf.reshape(x, [x.shape[0]!, -1])
      return activated(tf, apart, tf.fused.matMul({ a, b: filter, bias, activation: fused }))
    }
    case 'batch-norm': {
      const [scale, shift, mean, variance] = own as [Tensor, Tensor, Tensor, Tensor]
      const normalized = tf.batchNorm(x, mean, variance, shift, scale, layer.options.epsilon)
      return activated(tf, layer.options.activation, normalized)
    }
    case 'lrn': {
      // Its alpha is not divided by the window either
      const { radius, even, bias: k, alpha, beta } = layer.options
      if (even) throw new Error(`${layer.name}: an lrn with a window of even size is not handled here`)
      return tf.localResponseNormalization(x, radius, k, alpha, beta)
    }
    case 'max-pool': {
      const { kernel, strides } = pairsOf(windowOf(resolved))
      return tf.maxPool(x, kernel, strides, padOf(resolved))
    }
    case 'average-pool':
      return averagePool(tf, resolved, x)
    case 'scale': {
      const [scale, shift] = own as [Tensor, Tensor?]
      const scaled = tf.mul(x, scale)
      return shift ? tf.add(scaled, shift) : scaled
    }
    case 'add': {
      const terms = ofOneRank(tf, inputs)
      const isBroadcast = terms.some(({ shape }) => String(shape) !== String(terms[0]!.shape))
      const sum = isBroadcast ? terms.reduce((total, term) => tf.add(total, term)) : tf.addN(terms)
      return activated(tf, layer.options.activation, sum)
    }
    case 'multiply': {
      const product = ofOneRank(tf, inputs).reduce((total, factor) => tf.mul(total, factor))
      return activated(tf, layer.options.activation, product)
    }
    case 'concat': {
      const { axis = 'channels' } = layer.options
      const asRow = (image: Tensor): Tensor => {
        const [images, height, width, channels] = image.shape as [number, number, number, number]
        return tf.reshape(image, [images, 1, height * width, channels])
      }
      const joined = axis === 'pixels' ? inputs.map(asRow) : inputs
      return tf.concat(joined, { channels: -1, rows: 1, columns: 2, pixels: 2 }[axis])
    }
    case 'slice': {
      const { begin, end } = layer.options
      const before = x.shape.slice(0, -1)
      return tf.slice(x, [...before.map(() => 0), begin], [...before, end - begin])
    }
    case 'softmax':
      return tf.softmax(x)
    case 'relu':
    case 'clip':
    case 'leaky-relu':
    case 'elu':
    case 'sigmoid':
    case 'hard-sigmoid':
    case 'hard-swish':
    case 'silu':
    case 'gelu':
    case 'tanh':
    case 'softplus':
    case 'mish':
    case 'abs':
    case 'exp':
    case 'erf':
    case 'power':
      return activated(tf, { kind: layer.kind, ...layer.options } as Activation, x)
    case 'prelu':
      return tf.prelu(x, own[0]!)
    case 'pad': {
      const { padding, mode, value = 0 } = layer.options
      if (mode !== 'constant')
        throw new Error(`${layer.name}: a pad with the mode '${mode}' is not handled here`)
      const [top, bottom, left, right] =
        typeof padding === 'number' ? [padding, padding, padding, padding] : padding
      return tf.pad(
        x,
        [
          [0, 0],
          [top, bottom],
          [left, right],
          [0, 0],
        ],
        value,
      )
    }
    case 'flatten': {
      const isInOrder = x.shape.length !== 4 || layer.options.order === 'HWC'
      return tf.reshape(isInOrder ? x : tf.transpose(x, [0, 3, 1, 2]), [x.shape[0]!, -1])
    }
    case 'channel-shuffle': {
      const channels = x.shape.at(-1)!
      const { groups } = layer.options
      const parts = tf.reshape(x, [-1, groups, channels / groups])
      return tf.reshape(tf.transpose(parts, [0, 2, 1]), x.shape)
    }
    case 'layer-norm': {
      const { mean, variance } = tf.moments(x, [x.shape.length - 1], true)
      const factor = tf.rsqrt(tf.add(variance, layer.options.epsilon))
      return tf.add(tf.mul(tf.mul(tf.sub(x, mean), factor), own[0]!), own[1]!)
    }
    case 'dropout':
      return x // off in forward
    default:
      throw new Error(`${layer.name}: ${layer.kind} layers are not handled here`)
  }
}

/** The inputs with as many axes as the one with most: (N, C) becomes (N, 1, 1, C). */
function ofOneRank(tf: TensorFlow, inputs: readonly Tensor[]): readonly Tensor[] {
  const rank = Math.max(...inputs.map(({ shape }) => shape.length))
  return inputs.map((x) => {
    const [images, ...image] = x.shape
    const missing = Array.from({ length: rank - x.shape.length }, () => 1)
    return missing.length === 0 ? x : tf.reshape(x, [images!, ...missing, ...image])
  })
}

const FUSED: readonly unknown[] = ['relu', 'relu6', 'sigmoid']

/** The activation that TensorFlow.js's fused kernel computes, and the one that is computed after the kernel. */
const partsOf = (activation: Activation | undefined) =>
  FUSED.includes(activation)
    ? { fused: activation, apart: undefined }
    : { fused: 'linear', apart: activation }

/** What TensorFlow.js lacks is put together from what it has. */
function activated(tf: TensorFlow, activation: Activation | undefined, x: Tensor): Tensor {
  if (activation === undefined) return x
  const named = typeof activation === 'string' ? { kind: activation } : activation
  switch (named.kind) {
    case 'relu':
    case 'relu6':
    case 'sigmoid':
    case 'tanh':
    case 'softplus':
      return tf[named.kind](x)
    case 'clip':
      return tf.clipByValue(x, named.min, named.max)
    case 'leaky-relu':
      return tf.leakyRelu(x, ('slope' in named ? named.slope : undefined) ?? 0.01)
    case 'elu': {
      // tf.elu has an alpha of 1.
      const alpha = ('alpha' in named ? named.alpha : undefined) ?? 1
      return tf.add(tf.relu(x), tf.mul(tf.sub(tf.elu(x), tf.relu(x)), alpha))
    }
    case 'hard-sigmoid':
      return hardSigmoid(tf, x)
    case 'hard-swish':
      return tf.mul(x, hardSigmoid(tf, x))
    case 'silu':
      return tf.mul(x, tf.sigmoid(x))
    case 'mish':
      return tf.mul(x, tf.tanh(tf.softplus(x)))
    case 'abs':
    case 'exp':
    case 'erf':
      return tf[named.kind](x)
    case 'power':
      return tf.pow(x, named.exponent)
    case 'gelu': {
      const isByTanh = 'approximate' in named && named.approximate === 'tanh'
      const cubed = () => tf.add(x, tf.mul(tf.pow(x, 3), 0.044715))
      const share = isByTanh
        ? tf.tanh(tf.mul(cubed(), Math.sqrt(2 / Math.PI)))
        : tf.erf(tf.mul(x, Math.SQRT1_2))
      return tf.mul(tf.mul(x, 0.5), tf.add(share, 1))
    }
  }
}

const hardSigmoid = (tf: TensorFlow, x: Tensor): Tensor => tf.clipByValue(tf.add(tf.div(x, 6), 0.5), 0, 1)

/** A window, all resolved; a global pooling's kernel is its input. */
function windowOf({ layer, inputShapes: [input] }: ResolvedLayer): WindowGeometry {
  if (layer.kind === 'conv') return windowGeometry(layer.name, layer.options, input![0]!, input![1]!)
  const { name, options } = layer as Extract<Layer, { kind: 'max-pool' | 'average-pool' }>
  return poolGeometry(name, options, input!)
}

function pairsOf(window: WindowGeometry) {
  const both = (what: 'kernel' | 'stride' | 'dilation'): Pair => [
    window[`${what}Height`],
    window[`${what}Width`],
  ]
  return { kernel: both('kernel'), strides: both('stride'), dilations: both('dilation') }
}

/** convmark's padding as tfjs writes it. */
function padOf(resolved: ResolvedLayer): Pad {
  const { padding = 'valid', ceilMode = false } = resolved.layer.options as {
    readonly padding?: unknown
    readonly ceilMode?: boolean
  }
  if ((padding === 'same' || padding === 'valid') && !ceilMode) return padding
  return padsOf(windowOf(resolved))
}

/** The padding, and on bottom and right what ceil mode's last windows reach over beside. */
function padsOf(window: WindowGeometry): readonly Pair[] {
  const { vertical, horizontal } = axesOf(window)
  return [[0, 0], reachOf(vertical), reachOf(horizontal), [0, 0]]
}

interface WindowAxis {
  readonly outputs: number
  readonly stride: number
  readonly kernel: number
  readonly input: number
  readonly before: number
  readonly after: number
}

const axesOf = (window: WindowGeometry): { readonly [Axis in 'vertical' | 'horizontal']: WindowAxis } => ({
  vertical: {
    outputs: window.outputHeight,
    stride: window.strideHeight,
    kernel: window.kernelHeight,
    input: window.inputHeight,
    before: window.top,
    after: window.bottom,
  },
  horizontal: {
    outputs: window.outputWidth,
    stride: window.strideWidth,
    kernel: window.kernelWidth,
    input: window.inputWidth,
    before: window.left,
    after: window.right,
  },
})

const reachOf = ({ outputs, stride, kernel, input, before, after }: WindowAxis): Pair => [
  before,
  Math.max(after, (outputs - 1) * stride + kernel - input - before),
]

/**
 * Means over whole windows, and where the padding cuts some times what makes them means of what counts: tfjs counts no
 * padding.
 */
function averagePool(tf: TensorFlow, resolved: ResolvedLayer, x: Tensor): Tensor {
  const { countPadding = false } = resolved.layer.options as { readonly countPadding?: boolean }
  const window = windowOf(resolved)
  const { kernel, strides } = pairsOf(window)
  const pads = padsOf(window)
  if (pads.flat().every((pixels) => pixels === 0)) return tf.avgPool(x, kernel, strides, 'valid')
  const factors = ({ outputs, stride, kernel, input, before, after }: WindowAxis) => {
    const [low, high] = countPadding ? [-before, input + after] : [0, input]
    return Array.from({ length: outputs }, (_, output) => {
      const first = output * stride - before
      return kernel / (Math.min(first + kernel, high) - Math.max(first, low))
    })
  }
  const { vertical, horizontal } = axesOf(window)
  const columns = factors(horizontal)
  const products = factors(vertical).flatMap((row) => columns.map((column) => row * column))
  const means = tf.avgPool(tf.pad(x, pads), kernel, strides, 'valid')
  return tf.mul(means, tf.tensor(products, [1, vertical.outputs, horizontal.outputs, 1]))
}
