// A network of convmark's in TensorFlow.js, whatever its backend: what tfjs-wasm.mjs and tfjs-cpu.mjs share.
import * as tf from '@tensorflow/tfjs-core'

/** A peer without its `info`, on the backend that is set. */
export function openTfjsPeer({ network, batch, parameters, pass }) {
  const layers = network.layers.filter(({ isLoss }) => !isLoss)
  const shapes = Object.entries(Object.assign({}, ...layers.map((layer) => layer.parameters)))
  const weights = Object.fromEntries(
    shapes.map(([name, { shape }]) => [name, tf.tensor(parameters[name], shape)]),
  )
  const applyLayer = {
    conv: (
      { name, options: { stride = 1, padding: pad = 'valid', activation = 'linear' } },
      x,
      { [`${name}/weights`]: filter, [`${name}/biases`]: bias },
    ) => tf.fused.conv2d({ x, filter, bias, strides: stride, pad, activation }),
    // Its alpha is not divided by the window either.
    lrn: ({ options: { radius, bias, alpha, beta } }, x) =>
      tf.localResponseNormalization(x, radius, bias, alpha, beta),
    'max-pool': ({ options: { kernel, stride = 1, padding = 'valid' } }, x) =>
      tf.maxPool(x, kernel, stride, padding),
  }
  const forward = (images, weights) =>
    layers.reduce((x, { layer }) => applyLayer[layer.kind](layer, x, weights), images)

  const names = Object.keys(weights)
  /** pool5, the loss and the gradients: of sum(pool5^2)/2, by tfjs' own derivatives. */
  function forwardBackward(images) {
    let pool5
    const loss = (...values) => {
      const output = forward(images, Object.fromEntries(names.map((name, i) => [name, values[i]])))
      pool5 = tf.keep(output)
      return tf.mul(tf.sum(tf.square(output)), 0.5)
    }
    const { value, grads } = tf.valueAndGrads(loss)(Object.values(weights))
    const results = { pool5: pool5.dataSync(), loss: value.dataSync() }
    pool5.dispose()
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
        pass === 'forward' ? { pool5: forward(images, weights).dataSync() } : forwardBackward(images),
      )
      return performance.now() - start
    },
    results: () => results,
  }
}
