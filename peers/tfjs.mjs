// A network of convmark's in TensorFlow.js, whatever its backend: what tfjs-wasm.mjs and tfjs-cpu.mjs share.
import * as tf from '@tensorflow/tfjs-core'
import { imagesOf, layersOf, lossesOf, outputsOf, parametersOf, requireKinds, walk } from './network.mjs'

/** convmark's padding as tfjs writes it. */
function padOf({ padding = 'valid' }) {
  if (typeof padding !== 'object') return padding
  const { top, bottom, left, right } = padding
  return [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ]
}

const apply = {
  conv({ layer: { options } }, x, filter, bias) {
    const { stride: strides = 1, activation = 'linear' } = options
    return tf.fused.conv2d({ x, filter, bias, strides, pad: padOf(options), activation })
  },
  dense({ layer: { options } }, x, b, bias) {
    const { activation = 'linear' } = options
    return tf.fused.matMul({ a: tf.reshape(x, [x.shape[0], -1]), b, bias, activation })
  },
  // Its alpha is not divided by the window either.
  lrn: ({ layer: { options } }, x) =>
    tf.localResponseNormalization(x, options.radius, options.bias, options.alpha, options.beta),
  'max-pool': ({ layer: { options } }, x) =>
    tf.maxPool(x, options.kernel, options.stride ?? 1, padOf(options)),
  relu: (_layer, x) => tf.relu(x),
  // Off in forward; forward-backward has none.
  dropout: (_layer, x) => x,
}

/** A peer without its `info`, on the backend that is set. */
export function openTfjsPeer({ network, batch, parameters, pass }) {
  requireKinds(network, apply)
  const losses = lossesOf(network, pass)
  const shapes = Object.entries(parametersOf(network))
  const names = shapes.map(([name]) => name)
  const weights = shapes.map(([name, { shape }]) => tf.tensor(parameters[name], shape))
  const byName = (values) => Object.fromEntries(names.map((name, i) => [name, values[i]]))
  const forward = (images, values) => walk(network, images, apply, byName(values))

  const outputs = outputsOf(network)
  const read = (tensors, wanted) => Object.fromEntries(wanted.map((name) => [name, tensors[name].dataSync()]))

  /** The wanted layers' tensors, the losses, and the gradients of their sum by tfjs' own derivatives. */
  function forwardBackward(wanted) {
    const kept = {}
    const objective = (...values) => {
      const made = forward(images, values)
      for (const name of wanted) kept[name] = tf.keep(made[name])
      for (const { name, input } of losses) kept[name] = tf.keep(tf.mul(tf.sum(tf.square(made[input])), 0.5))
      return tf.addN(losses.map(({ name }) => kept[name]))
    }
    const { grads } = tf.valueAndGrads(objective)(weights)
    const results = read(kept, Object.keys(kept))
    for (const tensor of Object.values(kept)) tensor.dispose()
    names.forEach((name, i) => {
      results[`${name}.gradient`] = grads[i].dataSync()
    })
    return results
  }

  let images
  let results
  return {
    /** Into the backend's memory, as tfjs holds its tensors. */
    setImages(values) {
      images?.dispose()
      images = tf.tensor4d(values, [batch, ...network.inputs.images])
    },
    async run() {
      const start = performance.now()
      results = tf.tidy(() =>
        pass === 'forward' ? read(forward(images, weights), outputs) : forwardBackward(outputs),
      )
      return performance.now() - start
    },
    results: () => results,
    /** Of the same computation as the gradients': with gradients tfjs does not fuse what it fuses without. */
    activations(wantedImages) {
      const names = layersOf(network).map(({ layer }) => layer.name)
      const made = tf.tidy(() => forwardBackward(names))
      return Object.fromEntries(names.map((name) => [name, imagesOf(made[name], batch, wantedImages)]))
    },
  }
}
