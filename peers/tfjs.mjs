// A network of convmark's in TensorFlow.js, whatever its backend: what tfjs-wasm.mjs and tfjs-cpu.mjs share. Each gives its
// own `tf`, since the library comes in several bundles.
import {
  batchStatisticsOf,
  hasWindow,
  imagesOf,
  layersOf,
  lossesOf,
  outputsOf,
  parametersOf,
  reachOf,
  requireKinds,
  shapeOf,
  trainedOf,
  walk,
  windowOf,
} from './network.mjs'

const ACTIVATIONS = ['relu', 'sigmoid', 'tanh']
/** Those that it has no fused kernel with. */
const APART = ['tanh']

const explicit = ({ top, bottom, left, right }) => [
  [0, 0],
  [top, bottom],
  [left, right],
  [0, 0],
]

/** convmark's padding as tfjs writes it. */
function padOf(resolved) {
  const { padding = 'valid', ceilMode = false } = resolved.layer.options
  if (typeof padding === 'string' && !ceilMode) return padding
  return explicit(reachOf(resolved))
}

/** A window's pairs. */
function pairsOf(resolved) {
  const window = windowOf(resolved)
  const both = (what) => [window[`${what}Height`], window[`${what}Width`]]
  return { kernel: both('kernel'), strides: both('stride'), dilations: both('dilation') }
}

/**
 * For an average over windows that the padding cuts: what its mean over all of the kernel is multiplied by, (1, OH, OW, 1). tfjs
 * can't count padding, and where it counts none its gradient does.
 */
function averageFactors(resolved) {
  const { countPadding = false } = resolved.layer.options
  const window = windowOf(resolved)
  const along = (outputs, stride, kernel, input, before, after) => {
    const [low, high] = countPadding ? [-before, input + after] : [0, input]
    return Array.from({ length: outputs }, (_, output) => {
      const first = output * stride - before
      return kernel / (Math.min(first + kernel, high) - Math.max(first, low))
    })
  }
  const { outputHeight, strideHeight, kernelHeight, inputHeight, top, bottom } = window
  const { outputWidth, strideWidth, kernelWidth, inputWidth, left, right } = window
  const rows = along(outputHeight, strideHeight, kernelHeight, inputHeight, top, bottom)
  const columns = along(outputWidth, strideWidth, kernelWidth, inputWidth, left, right)
  return [rows.map((row) => columns.map((column) => [row * column]))]
}

/** Throws, naming the layer, for windows that tfjs has not got. */
function requireWindows(network, pass) {
  for (const resolved of layersOf(network)) {
    if (!hasWindow(resolved)) continue
    const { strides, dilations } = pairsOf(resolved)
    const [isStrided, isDilated] = [strides, dilations].map((pair) => pair.some((each) => each > 1))
    if (isStrided && isDilated)
      throw new Error(`${resolved.layer.name}: TensorFlow.js has no stride beside a dilation`)
    if (isDilated && pass !== 'forward')
      throw new Error(`${resolved.layer.name}: TensorFlow.js has no gradient of a dilated convolution`)
  }
}

/**
 * By layer kind. `isDropping` says whether dropout is on; `onMoments`, of training alone, is told each batch norm's statistics of
 * the batch.
 */
function layersWith(tf, isDropping, onMoments) {
  /** `sum` by its fused activation, or the one that is apart. */
  function activated(activation = 'linear', sum) {
    return APART.includes(activation) ? tf[activation](sum('linear')) : sum(activation)
  }
  const activatedApart = ({ activation }, x) => (activation ? tf[activation](x) : x)
  return {
    conv(resolved, [x], { weights: filter, biases: bias }) {
      const { strides, dilations } = pairsOf(resolved)
      const pad = padOf(resolved)
      return activated(resolved.layer.options.activation, (activation) =>
        tf.fused.conv2d({ x, filter, bias, strides, dilations, pad, activation }),
      )
    },
    dense({ layer: { options } }, [x], { weights: b, biases: bias }) {
      const a = tf.reshape(x, [x.shape[0], -1])
      return activated(options.activation, (activation) => tf.fused.matMul({ a, b, bias, activation }))
    },
    'batch-norm'({ layer: { name, options } }, [x], { scale, shift, mean, variance }) {
      const moments = onMoments ? tf.moments(x, [...x.shape.keys()].slice(0, -1)) : { mean, variance }
      onMoments?.(name, moments)
      const normalized = tf.batchNorm(x, moments.mean, moments.variance, shift, scale, options.epsilon)
      return activatedApart(options, normalized)
    },
    // Its alpha is not divided by the window either.
    lrn: ({ layer: { options } }, [x]) =>
      tf.localResponseNormalization(x, options.radius, options.bias, options.alpha, options.beta),
    'max-pool'(resolved, [x]) {
      const { kernel, strides } = pairsOf(resolved)
      return tf.maxPool(x, kernel, strides, padOf(resolved))
    },
    'average-pool'(resolved, [x]) {
      const { kernel, strides } = pairsOf(resolved)
      const reach = reachOf(resolved)
      if (Object.values(reach).every((pixels) => pixels === 0)) return tf.avgPool(x, kernel, strides, 'valid')
      const means = tf.avgPool(tf.pad(x, explicit(reach)), kernel, strides, 'valid')
      return tf.mul(means, tf.tensor4d(averageFactors(resolved)))
    },
    add: ({ layer: { options } }, inputs) => activatedApart(options, tf.addN(inputs)),
    concat: (_layer, inputs) => tf.concat(inputs, -1),
    slice({ layer: { options } }, [x]) {
      const begin = x.shape.map(() => 0).with(-1, options.begin)
      return tf.slice(x, begin, x.shape.with(-1, options.end - options.begin))
    },
    softmax: (_layer, [x]) => tf.softmax(x),
    relu: (_layer, [x]) => tf.relu(x),
    sigmoid: (_layer, [x]) => tf.sigmoid(x),
    tanh: (_layer, [x]) => tf.tanh(x),
    // What it drops is by its own random numbers.
    // A tensor of its own in any case: what is kept of a layer is disposed of, and its input is not
    dropout: ({ layer: { options } }, [x]) => (isDropping() ? tf.dropout(x, options.rate) : x.clone()),
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
  /** Of the last forward, by layer. Kept: gradients let go of what their forward made. */
  const momentsOfBatch = {}
  function noteMoments(name, moments) {
    if (pass !== 'train') return
    for (const moment of Object.values(momentsOfBatch[name] ?? {})) moment.dispose()
    momentsOfBatch[name] = { mean: tf.keep(moments.mean), variance: tf.keep(moments.variance) }
  }
  const apply = layersWith(tf, () => isDropping, pass === 'forward' ? undefined : noteMoments)
  const lossOf = lossesWith(tf)
  requireKinds(network, pass, Object.keys({ ...apply, ...lossOf }), ACTIVATIONS)
  requireWindows(network, pass)
  const losses = lossesOf(network, pass)
  const shapes = parametersOf(network)
  const given = (name) => tf.tensor(parameters[name], shapes[name].shape)
  const variables = tf.tidy(() =>
    Object.fromEntries(Object.keys(shapes).map((name) => [name, tf.variable(given(name))])),
  )
  const names = trainedOf(network)
  const weights = names.map((name) => variables[name])
  const trainer = pass === 'train' ? trainerOf(tf, weights, training) : null
  /** `values` are those of the trained parameters. */
  const forward = (images, values) =>
    walk(network, images, apply, {
      ...variables,
      ...Object.fromEntries(names.map((name, i) => [name, values[i]])),
    })

  /** An update of all that training changes; tfjs keeps no running statistics by itself. */
  function update(gradients) {
    trainer.update(gradients)
    for (const { layer, inputShapes } of batchStatisticsOf(network)) {
      const { momentum } = layer.options
      const count = batch * inputShapes[0].slice(0, -1).reduce((product, extent) => product * extent, 1)
      const follow = (running, value) =>
        running.assign(tf.add(tf.mul(running, 1 - momentum), tf.mul(value, momentum)))
      const { mean, variance } = momentsOfBatch[layer.name]
      follow(variables[`${layer.name}/mean`], mean)
      follow(variables[`${layer.name}/variance`], tf.mul(variance, count / (count - 1)))
    }
  }

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
          : forwardBackward(outputs, trainer ? update : undefined),
      )
      return performance.now() - start
    },
    results: () => (trainer ? { ...results, ...read(variables, Object.keys(variables)) } : results),
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
        for (const [name, variable] of Object.entries(variables)) variable.assign(given(name))
      })
    },
  }
}
