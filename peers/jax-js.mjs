// jax-js on WebAssembly. In Node it has one thread: its workers are the web's.
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import {
  imagesOf,
  layersOf,
  lossesOf,
  outputsOf,
  padsOf,
  pair,
  parametersOf,
  requireKinds,
  requireNoDropout,
  requireNoOptions,
  shapeOf,
  walk,
  windowOf,
} from './network.mjs'
import { load, resolve } from './packages.mjs'

const jax = await load('@jax-js/jax')
const { lax, nn, numpy: np } = jax

// Its arrays are counted: what is used once more than it is owned is given as `.ref`.

function localResponseNormalization(x, { radius, even = false, bias, alpha, beta }) {
  const channels = x.shape[1]
  const squares = np.pad(np.square(x.ref), [
    [0, 0],
    [radius, radius + (even ? 1 : 0)],
    [0, 0],
    [0, 0],
  ])
  let sum = null
  for (let first = 0; first <= 2 * radius + (even ? 1 : 0); first++) {
    const shifted = squares.ref.slice([], [first, first + channels])
    sum = sum === null ? shifted : sum.add(shifted)
  }
  squares.dispose()
  return x.mul(np.pow(sum.mul(alpha).add(bias), -beta))
}

const activations = { linear: (sum) => sum, relu: nn.relu, sigmoid: nn.sigmoid, tanh: np.tanh }

const activated = (sum, { activation = 'linear' }) => activations[activation](sum)

// Several layers may read one tensor, so each takes a reference of its own.
const apply = {
  conv(resolved, [x], { weights, biases }) {
    const { options } = resolved.layer
    const { top, bottom, left, right } = padsOf(resolved)
    const pads = [
      [top, bottom],
      [left, right],
    ]
    const sum = lax.convGeneralDilated(x.ref, weights.ref, pair(options.stride ?? 1), pads)
    return activated(biases ? sum.add(biases.ref.reshape([1, options.filters, 1, 1])) : sum, options)
  },
  dense({ layer: { options } }, [x], { weights, biases }) {
    const flat = x.shape.length === 4 ? np.transpose(x.ref, [0, 2, 3, 1]) : x.ref
    const sum = np.matmul(flat.reshape([x.shape[0], -1]), weights.ref)
    return activated(biases ? sum.add(biases.ref) : sum, options)
  },
  'max-pool'(resolved, [x]) {
    const { kernelHeight, kernelWidth, strideHeight, strideWidth } = windowOf(resolved)
    return lax.reduceWindow(x.ref, np.max, [kernelHeight, kernelWidth], [strideHeight, strideWidth])
  },
  lrn: ({ layer: { options } }, [x]) => localResponseNormalization(x.ref, options),
  relu: (_layer, [x]) => nn.relu(x.ref),
  sigmoid: (_layer, [x]) => nn.sigmoid(x.ref),
  tanh: (_layer, [x]) => np.tanh(x.ref),
  // Off in forward.
  dropout: (_layer, [x]) => x.ref,
}

function requireHandled(network, pass) {
  if (pass === 'train') throw new Error('jax-js.mjs has no training step')
  requireKinds(network, pass, [...Object.keys(apply), 'l2-loss'], Object.keys(activations))
  requireNoDropout(network, pass)
  requireNoOptions(network, ['dilation', 'groups', 'ceilMode'])
  for (const resolved of layersOf(network)) {
    const { kind, name } = resolved.layer
    if (kind === 'max-pool' && Object.values(padsOf(resolved)).some((pad) => pad > 0))
      throw new Error(`${name}: jax-js has no padding for pooling but zeros`)
  }
}

const picked = (arrays, names) => Object.fromEntries(names.map((name) => [name, arrays[name].ref]))

/** The arrays' values, each in an array of JavaScript's. */
async function read(arrays) {
  const values = await Promise.all(Object.values(arrays).map((array) => array.data()))
  return Object.fromEntries(Object.keys(arrays).map((name, i) => [name, values[i]]))
}

/** Values of this shape with their axes in another order. */
const transposed = (values, shape, axes) => np.transpose(np.array(values).reshape(shape), axes).data()

export async function openPeer({ network, batch, parameters, threads, pass }) {
  if (threads !== 1) throw new Error('jax-js has no WebAssembly threads in Node')
  if (!(await jax.init('wasm')).includes('wasm')) throw new Error('the wasm backend could not be initialized')
  jax.defaultDevice('wasm')
  const manifest = new URL('../package.json', resolve('@jax-js/jax'))
  const { version } = createRequire(import.meta.url)(fileURLToPath(manifest))

  requireHandled(network, pass)
  const losses = lossesOf(network, pass)
  const specs = parametersOf(network)
  const weights = {}
  for (const [name, { shape }] of Object.entries(specs)) {
    const [height, width, inChannels, outChannels] = shape
    weights[name] =
      shape.length === 4
        ? np
            .array(await transposed(parameters[name], shape, [3, 2, 0, 1]))
            .reshape([outChannels, inChannels, height, width])
        : np.array(parameters[name]).reshape(shape)
  }
  const weightRefs = () => picked(weights, Object.keys(weights))

  /** Compiled: the wanted layers' arrays, and in forward-backward the losses and the gradients of their sum. */
  function compile(wanted) {
    if (pass === 'forward') {
      const run = jax.jit((weights, images) => picked(walk(network, images, apply, weights), wanted))
      return (images) => read(run(weightRefs(), images.ref))
    }
    const objective = (weights, images) => {
      const made = walk(network, images, apply, weights)
      for (const { name, input } of losses) made[name] = np.sum(np.square(made[input].ref)).mul(0.5)
      const names = losses.map(({ name }) => name)
      const total = names.map((name) => made[name].ref).reduce((sum, loss) => sum.add(loss))
      return [total, picked(made, [...wanted, ...names])]
    }
    const run = jax.jit(jax.valueAndGrad(objective, { hasAux: true }))
    return async (images) => {
      const [[total, made], gradients] = run(weightRefs(), images.ref)
      total.dispose()
      const named = Object.entries(gradients).map(([name, gradient]) => [`${name}.gradient`, gradient])
      return read({ ...made, ...Object.fromEntries(named) })
    }
  }

  /** From NCHW, and weights from (out, in, height, width). */
  async function inOurLayout(name, values) {
    const parameter = name.replace(/\.gradient$/, '')
    if (Object.hasOwn(specs, parameter)) {
      const [height, width, inChannels, outChannels] = specs[parameter].shape
      if (outChannels === undefined) return values
      return transposed(values, [outChannels, inChannels, height, width], [2, 3, 1, 0])
    }
    const [height, width, channels] = shapeOf(network, name)
    if (channels === undefined) return values
    return transposed(values, [batch, channels, height, width], [0, 2, 3, 1])
  }

  const layerNames = layersOf(network).map(({ layer }) => layer.name)
  const runOutputs = compile(outputsOf(network))
  let images
  let raw
  return {
    info: {
      name: 'jax-js',
      version,
      target: 'wasm with SIMD',
      threads,
      layout: 'NCHW',
      reason: `jax-js ${version}, wasm, compiled by jit; NCHW, images converted outside the timing`,
    },
    async setImages(values) {
      const [height, width, channels] = network.inputs.images
      const nchw = await transposed(values, [batch, height, width, channels], [0, 3, 1, 2])
      images?.dispose()
      images = np.array(nchw).reshape([batch, channels, height, width])
    },
    async run() {
      const start = performance.now()
      raw = await runOutputs(images)
      return performance.now() - start
    },
    async results() {
      const results = {}
      for (const [name, values] of Object.entries(raw)) results[name] = await inOurLayout(name, values)
      return results
    },
    async activations(wantedImages) {
      const made = await compile(layerNames)(images)
      const activations = {}
      for (const name of layerNames)
        activations[name] = imagesOf(await inOurLayout(name, made[name]), batch, wantedImages)
      return activations
    },
  }
}
