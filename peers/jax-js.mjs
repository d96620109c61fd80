// jax-js on WebAssembly. In Node it has one thread: its workers are the web's.
import { readFileSync } from 'node:fs'
import * as jax from '@jax-js/jax'
import { padsOf, pair, shapeOf } from './geometry.mjs'

const { lax, nn, numpy: np } = jax

// Its arrays are counted: what is used once more than it is owned is given as `.ref`.

function localResponseNormalization(x, { radius, bias, alpha, beta }) {
  const channels = x.shape[1]
  const squares = np.pad(np.square(x.ref), [
    [0, 0],
    [radius, radius],
    [0, 0],
    [0, 0],
  ])
  let sum = null
  for (let first = 0; first <= 2 * radius; first++) {
    const shifted = squares.ref.slice([], [first, first + channels])
    sum = sum === null ? shifted : sum.add(shifted)
  }
  squares.dispose()
  return x.mul(np.pow(sum.mul(alpha).add(bias), -beta))
}

function applyLayer({ layer: { kind, name, options }, ...resolved }, x, weights) {
  if (kind === 'lrn') return localResponseNormalization(x, options)
  const [top, left, bottom, right] = padsOf(options, resolved)
  const strides = pair(options.stride ?? 1)
  if (kind === 'max-pool') {
    if (top + left + bottom + right > 0) throw new Error(`${name}: padded pooling is not handled here`)
    return lax.reduceWindow(x, np.max, pair(options.kernel), strides)
  }
  const pads = [
    [top, bottom],
    [left, right],
  ]
  const sum = lax.convGeneralDilated(x, weights[`${name}/weights`].ref, strides, pads)
  const biases = weights[`${name}/biases`].ref.reshape([1, options.filters, 1, 1])
  return options.activation === 'relu' ? nn.relu(sum.add(biases)) : sum.add(biases)
}

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
  const manifest = new URL('../package.json', import.meta.resolve('@jax-js/jax'))
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'))

  const layers = network.layers.filter(({ isLoss }) => !isLoss)
  const shapes = Object.assign(
    {},
    ...layers.flatMap(({ parameters }) =>
      Object.entries(parameters).map(([name, { shape }]) => ({ [name]: shape })),
    ),
  )
  const weights = {}
  for (const [name, shape] of Object.entries(shapes)) {
    const [height, width, inChannels, outChannels] = shape
    weights[name] =
      shape.length === 4
        ? np
            .array(await transposed(parameters[name], shape, [3, 2, 0, 1]))
            .reshape([outChannels, inChannels, height, width])
        : np.array(parameters[name])
  }
  const weightRefs = () =>
    Object.fromEntries(Object.entries(weights).map(([name, array]) => [name, array.ref]))

  const forward = (weights, images) =>
    layers.reduce((x, resolved) => applyLayer(resolved, x, weights), images)
  const objective = (weights, images) => {
    const pool5 = forward(weights, images)
    return [np.sum(np.square(pool5.ref)).mul(0.5), pool5]
  }
  const runForward = jax.jit(forward)
  const runForwardBackward = jax.jit(jax.valueAndGrad(objective, { hasAux: true }))

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
      if (pass === 'forward') raw = await read({ pool5: runForward(weightRefs(), images.ref) })
      else {
        const [[loss, pool5], gradients] = runForwardBackward(weightRefs(), images.ref)
        raw = await read({ pool5, loss, ...gradients })
      }
      return performance.now() - start
    },
    async results() {
      const { pool5, loss, ...gradients } = raw
      const [height, width, channels] = shapeOf(network, 'pool5')
      const results = { pool5: await transposed(pool5, [batch, channels, height, width], [0, 2, 3, 1]) }
      if (loss) results.loss = loss
      for (const [name, values] of Object.entries(gradients)) {
        const [height, width, inChannels, outChannels] = shapes[name]
        results[`${name}.gradient`] =
          shapes[name].length === 4
            ? await transposed(values, [outChannels, inChannels, height, width], [2, 3, 1, 0])
            : values
      }
      return results
    },
  }
}
