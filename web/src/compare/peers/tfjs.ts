// TensorFlow.js, on one of its backends. NHWC, as convmark has it.
import type { Network, ResolvedLayer } from 'convmark'
import { load, type OpenPeer, type PeerSetup } from './peer.ts'

type Backend = 'wasm' | 'webgl' | 'webgpu'
type Pad = number | 'same' | 'valid' | readonly (readonly [number, number])[]

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
  tensor(values: Float32Array, shape: readonly number[]): Tensor
  reshape(x: Tensor, shape: readonly number[]): Tensor
  maxPool(x: Tensor, kernel: unknown, stride: unknown, pad: Pad): Tensor
  relu(x: Tensor): Tensor
  localResponseNormalization(x: Tensor, radius: number, bias: number, alpha: number, beta: number): Tensor
  readonly fused: {
    conv2d(options: Readonly<Record<string, unknown>>): Tensor
    matMul(options: Readonly<Record<string, unknown>>): Tensor
  }
}
interface Tensor {
  readonly shape: readonly number[]
  data(): Promise<Float32Array>
  dispose(): void
}

export const openTfjs =
  (backend: Backend): OpenPeer =>
  async (setup) => {
    const tf = await loadTfjs(backend, setup)
    const { network, batch, parameters } = setup
    const weights = Object.fromEntries(
      network.layers
        .flatMap((layer) => Object.entries(layer.parameters))
        .map(([name, { shape }]) => [name, tf.tensor(parameters[name]!, shape)]),
    )
    let images: Tensor | null = null
    let made: Readonly<Record<string, Float32Array>> = {}
    const threads = backend === 'wasm' ? Math.max(1, tf.wasm!.getThreadsCount()) : 1
    return {
      engine: {
        target: backend,
        threads,
        reason: `TensorFlow.js ${tf.version_core}, ${backend} backend; NHWC`,
      },
      async setImages(values) {
        images?.dispose()
        images = tf.tensor(values, [batch, ...network.inputs.images!])
      },
      async run() {
        const outputs = tf.tidy(() => forward(tf, network, images!, weights))
        // Until the values are here: a graphics processor has only been told what to do so far
        const read = await Promise.all(
          Object.entries(outputs).map(async ([name, tensor]) => [name, await tensor.data()] as const),
        )
        for (const tensor of Object.values(outputs)) tensor.dispose()
        made = Object.fromEntries(read)
      },
      results: () => made,
    }
  }

/** The core, and the backend beside it: both put themselves into `globalThis.tf`. */
async function loadTfjs(backend: Backend, { threads, folder, entry }: PeerSetup): Promise<TensorFlow> {
  await load(new URL('@tensorflow/tfjs-core/dist/tf-core.min.js', folder))
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

/** The outputs of the network, by name. */
function forward(
  tf: TensorFlow,
  network: Network,
  images: Tensor,
  weights: Readonly<Record<string, Tensor>>,
): Record<string, Tensor> {
  const made: Record<string, Tensor> = { images }
  const layers = network.layers.filter(({ isLoss }) => !isLoss)
  for (const resolved of layers)
    made[resolved.layer.name] = apply(tf, resolved, made[resolved.inputs[0]!]!, weights)
  const read = new Set(layers.flatMap(({ inputs }) => inputs))
  const outputs = layers.map(({ layer }) => layer.name).filter((name) => !read.has(name))
  return Object.fromEntries(outputs.map((name) => [name, made[name]!]))
}

function apply(
  tf: TensorFlow,
  { layer, parameters }: ResolvedLayer,
  x: Tensor,
  weights: Readonly<Record<string, Tensor>>,
): Tensor {
  const [filter, bias] = Object.keys(parameters).map((name) => weights[name])
  if (layer.kind === 'conv') {
    const { stride = 1, padding, activation = 'linear' } = layer.options
    return tf.fused.conv2d({ x, filter, bias, strides: stride, pad: padOf(padding), activation })
  }
  if (layer.kind === 'dense') {
    const { activation = 'linear' } = layer.options
    return tf.fused.matMul({ a: tf.reshape(x, [x.shape[0]!, -1]), b: filter, bias, activation })
  }
  if (layer.kind === 'lrn') {
    // Its alpha is not divided by the window either
    const { radius, bias: k, alpha, beta } = layer.options
    return tf.localResponseNormalization(x, radius, k, alpha, beta)
  }
  if (layer.kind === 'max-pool') {
    const { kernel, stride = 1, padding } = layer.options
    return tf.maxPool(x, kernel, stride, padOf(padding))
  }
  if (layer.kind === 'relu') return tf.relu(x)
  if (layer.kind === 'dropout') return x // off in forward
  throw new Error(`${layer.name}: ${layer.kind} layers are not handled here`)
}

type Padding =
  | number
  | 'same'
  | 'valid'
  | { top: number; bottom: number; left: number; right: number }
  | undefined

/** convmark's padding as tfjs writes it. */
function padOf(padding: Padding = 'valid'): Pad {
  if (typeof padding !== 'object') return padding
  const { top, bottom, left, right } = padding
  return [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ]
}
