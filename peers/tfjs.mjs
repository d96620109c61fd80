// A network of convmark's in TensorFlow.js, whatever its backend: what tfjs-wasm.mjs and tfjs-cpu.mjs share. Each gives its
// own `tf`, since the library comes in several bundles.
import {
  imagesOf,
  layersOf,
  lossesOf,
  outputsOf,
  parametersOf,
  requireKinds,
  shapeOf,
  walk,
} from './network.mjs'

const ACTIVATIONS = ['relu', 'sigmoid', 'tanh']
/** Those that it has no fused kernel with. */
const APART = ['tanh']

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

/** By layer kind. `isDropping` says whether dropout is on. */
function layersWith(tf, isDropping) {
  /** `sum` by its fused activation, or the one that is apart. */
  function activated(activation = 'linear', sum) {
    return APART.includes(activation) ? tf[activation](sum('linear')) : sum(activation)
  }
  return {
    conv({ layer: { options } }, x, filter, bias) {
      const { stride: strides = 1 } = options
      return activated(options.activation, (activation) =>
        tf.fused.conv2d({ x, filter, bias, strides, pad: padOf(options), activation }),
      )
    },
    dense({ layer: { options } }, x, b, bias) {
      const a = tf.reshape(x, [x.shape[0], -1])
      return activated(options.activation, (activation) => tf.fused.matMul({ a, b, bias, activation }))
    },
    // Its alpha is not divided by the window either.
    lrn: ({ layer: { options } }, x) =>
      tf.localResponseNormalization(x, options.radius, options.bias, options.alpha, options.beta),
    'max-pool': ({ layer: { options } }, x) =>
      tf.maxPool(x, options.kernel, options.stride ?? 1, padOf(options)),
    relu: (_layer, x) => tf.relu(x),
    sigmoid: (_layer, x) => tf.sigmoid(x),
    tanh: (_layer, x) => tf.tanh(x),
    // What it drops is by its own random numbers.
    // A tensor of its own in any case: what is kept of a layer is disposed of, and its input is not
    dropout: ({ layer: { options } }, x) => (isDropping() ? tf.dropout(x, options.rate) : x.clone()),
  }
}

/** By kind, of a whole batch; `target` is the labels, one of them 1 in each row. */
const lossesWith = (tf) => ({
  'l2-loss': (x) => tf.mul(tf.sum(tf.square(x)), 0.5),
  'softmax-loss': (x, target) => tf.losses.softmaxCrossEntropy(target, tf.reshape(x, target.shape)),
})

/** SGD with momentum; tfjs has no decay, so it is added to the gradients. */
function trainerOf(tf, weights, { momentum, decay }) {
  let optimizer = tf.train.momentum(0, momentum)
  return {
    restart(rate) {
      optimizer.dispose()
      optimizer = tf.train.momentum(rate, momentum)
    },
    update(gradients) {
      const named = weights.map((weight, i) => [weight.name, tf.add(gradients[i], tf.mul(weight, decay))])
      optimizer.applyGradients(Object.fromEntries(named))
    },
  }
}

/** A peer without its `info`, on the backend that is set. */
export function openTfjsPeer(tf, { network, batch, parameters, pass, training }) {
  let isDropping = pass !== 'forward'
  const apply = layersWith(tf, () => isDropping)
  const lossOf = lossesWith(tf)
  requireKinds(network, pass, Object.keys({ ...apply, ...lossOf }), ACTIVATIONS)
  const losses = lossesOf(network, pass)
  const shapes = Object.entries(parametersOf(network))
  const names = shapes.map(([name]) => name)
  const given = () => shapes.map(([name, { shape }]) => tf.tensor(parameters[name], shape))
  const weights = tf.tidy(() => given().map((values) => tf.variable(values)))
  const trainer = pass === 'train' ? trainerOf(tf, weights, training) : null
  const byName = (values) => Object.fromEntries(names.map((name, i) => [name, values[i]]))
  const forward = (images, values) => walk(network, images, apply, byName(values))

  const outputs = outputsOf(network)
  const read = (tensors, wanted) => Object.fromEntries(wanted.map((name) => [name, tensors[name].dataSync()]))

  /** The wanted layers' tensors, the losses, and the gradients of their sum by tfjs' own derivatives. */
  function forwardBackward(wanted, use = () => {}) {
    const kept = {}
    const objective = (...values) => {
      const made = forward(images, values)
      for (const name of wanted) kept[name] = tf.keep(made[name])
      for (const { name, kind, input } of losses)
        kept[name] = tf.keep(lossOf[kind](made[input], targets[name]))
      return tf.addN(losses.map(({ name }) => kept[name]))
    }
    const { grads } = tf.valueAndGrads(objective)(weights)
    use(grads)
    const results = read(kept, Object.keys(kept))
    for (const tensor of Object.values(kept)) tensor.dispose()
    names.forEach((name, i) => {
      results[`${name}.gradient`] = grads[i].dataSync()
    })
    return results
  }

  let images
  const targets = {}
  let results
  return {
    /** Into the backend's memory, as tfjs holds its tensors. */
    setImages(values, labels) {
      images?.dispose()
      images = tf.tensor4d(values, [batch, ...network.inputs.images])
      for (const { name, input } of losses.filter((loss) => loss.labels)) {
        targets[name]?.dispose()
        const classes = shapeOf(network, input).at(-1)
        targets[name] = tf.tidy(() => tf.oneHot(tf.tensor1d(labels, 'int32'), classes, 1, 0, 'float32'))
      }
    },
    async run() {
      const start = performance.now()
      results = tf.tidy(() =>
        pass === 'forward'
          ? read(forward(images, weights), outputs)
          : forwardBackward(outputs, trainer?.update),
      )
      return performance.now() - start
    },
    results: () => (trainer ? { ...results, ...read(byName(weights), names) } : results),
    /** Of the same computation as the gradients': with gradients tfjs does not fuse what it fuses without. */
    activations(wantedImages) {
      const names = layersOf(network).map(({ layer }) => layer.name)
      const made = tf.tidy(() => forwardBackward(names))
      return Object.fromEntries(names.map((name) => [name, imagesOf(made[name], batch, wantedImages)]))
    },
    setDropout(isOn) {
      isDropping = isOn
    },
    restart(rate) {
      trainer.restart(rate)
      tf.tidy(() => {
        given().forEach((values, i) => {
          weights[i].assign(values)
        })
      })
    },
  }
}
