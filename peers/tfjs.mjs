// A network of convmark's in TensorFlow.js, whatever its backend: what tfjs-wasm.mjs and tfjs-cpu.mjs share. Each gives its
// own `tf`, since the library comes in several bundles.
import {
  batchStatisticsOf,
  hasWindow,
  imagesOf,
  layersOf,
  lossesOf,
  outputsOf,
  padsOf,
  parametersOf,
  reachOf,
  requireKinds,
  shapeOf,
  trainedOf,
  walk,
  windowOf,
} from './network.mjs'

/** The activations that TensorFlow.js has in its fused kernels. */
const FUSED = ['linear', 'relu', 'relu6', 'sigmoid']

/** Kind -> function of a tensor and the activation's options. What TensorFlow.js lacks is put together from what it has. */
function activationsWith(tf) {
  const hardSigmoid = (x) => tf.clipByValue(tf.add(tf.div(x, 6), 0.5), 0, 1)
  const half = (x, shares) => tf.mul(tf.mul(x, 0.5), tf.add(shares, 1))
  return {
    relu: tf.relu,
    relu6: tf.relu6,
    clip: (x, { min, max }) => tf.clipByValue(x, min, max),
    'leaky-relu': (x, { slope = 0.01 }) => tf.leakyRelu(x, slope),
    // tf.elu has an alpha of 1.
    elu: (x, { alpha = 1 }) => tf.add(tf.relu(x), tf.mul(tf.sub(tf.elu(x), tf.relu(x)), alpha)),
    sigmoid: tf.sigmoid,
    'hard-sigmoid': hardSigmoid,
    'hard-swish': (x) => tf.mul(x, hardSigmoid(x)),
    silu: (x) => tf.mul(x, tf.sigmoid(x)),
    gelu: (x, { approximate = 'none' }) =>
      approximate === 'none'
        ? half(x, tf.erf(tf.mul(x, Math.SQRT1_2)))
        : half(x, tf.tanh(tf.mul(tf.add(x, tf.mul(tf.pow(x, 3), 0.044715)), Math.sqrt(2 / Math.PI)))),
    tanh: tf.tanh,
    softplus: tf.softplus,
    mish: (x) => tf.mul(x, tf.tanh(tf.softplus(x))),
    abs: tf.abs,
    exp: tf.exp,
    erf: tf.erf,
    power: (x, { exponent }) => tf.pow(x, exponent),
  }
}

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

/** Whether a convolution has as many groups as channels, each with one filter or more. */
const isDepthwise = ({ layer: { options }, inputShapes: [input] }) =>
  options.groups > 1 && options.groups === input.at(-1)

/** Throws, naming the layer, for a pad that TensorFlow.js could only gather pixel by pixel, and for maxima that it lacks. */
function requireMoves(network, pass) {
  for (const { layer, inputShapes } of layersOf(network)) {
    if (layer.kind === 'pad' && layer.options.mode !== 'constant')
      throw new Error(`${layer.name}: a pad with the mode '${layer.options.mode}' is not handled here`)
    if (layer.kind === 'max-pool' && layer.options.dilation !== undefined)
      throw new Error(`${layer.name}: TensorFlow.js has no dilated maximum`)
    const isBroadcast = inputShapes.some((shape) => String(shape) !== String(inputShapes[0]))
    if (['maximum', 'minimum'].includes(layer.kind) && isBroadcast && pass !== 'forward')
      throw new Error(
        `${layer.name}: TensorFlow.js has no gradient of a ${layer.kind} of tensors of several shapes`,
      )
  }
}

/** Throws, naming the layer, for a convolution that TensorFlow.js lacks. */
function requireConvolutions(network, pass) {
  for (const resolved of layersOf(network)) {
    if (!hasWindow(resolved)) continue
    const { name, options } = resolved.layer
    if (options.groups > 1 && !isDepthwise(resolved))
      throw new Error(`${name}: of convolutions in groups TensorFlow.js has only depthwise ones`)
    const { strides, dilations } = pairsOf(resolved)
    if (resolved.layer.kind === 'conv-transpose' && dilations.some((each) => each > 1))
      throw new Error(`${resolved.layer.name}: TensorFlow.js has no dilated transposed convolution`)
    const [isStrided, isDilated] = [strides, dilations].map((pair) => pair.some((each) => each > 1))
    if (isStrided && isDilated) throw new Error(`${name}: TensorFlow.js has no stride beside a dilation`)
    if (isDilated && pass !== 'forward')
      throw new Error(`${name}: TensorFlow.js has no gradient of a dilated convolution`)
  }
}

/**
 * By layer kind. `isDropping` says whether dropout is on; `onMoments`, of training alone, is told each batch norm's statistics of
 * the batch.
 */
function layersWith(tf, isDropping, onMoments) {
  const activations = activationsWith(tf)
  const activatedBy = (activation, x) => activations[activation.kind ?? activation](x, activation)
  /** `sum` by its fused activation, or the one that is apart. */
  function activated(activation = 'linear', sum) {
    return FUSED.includes(activation) ? sum(activation) : activatedBy(activation, sum('linear'))
  }
  /** The inputs with as many axes as the one with most: (N, C) becomes (N, 1, 1, C). */
  function ofOneRank(inputs) {
    const rank = Math.max(...inputs.map((x) => x.rank))
    return inputs.map((x) => {
      const [images, ...image] = x.shape
      return x.rank === rank ? x : tf.reshape(x, [images, ...Array(rank - x.rank).fill(1), ...image])
    })
  }
  const activatedApart = ({ activation }, x) => (activation ? activatedBy(activation, x) : x)
  const combination =
    (combine) =>
    ({ layer: { options } }, inputs) =>
      activatedApart(
        options,
        ofOneRank(inputs).reduce((made, x) => combine(made, x)),
      )
  const activationLayers = Object.fromEntries(
    Object.entries(activations).map(([kind, apply]) => [kind, ({ layer }, [x]) => apply(x, layer.options)]),
  )
  /** Reshapes images to `axes`, transposes those to `order`, and reshapes to `output`; all without the batch. */
  const rearranged = (x, axes, order, output) =>
    tf.reshape(tf.transpose(tf.reshape(x, [x.shape[0], ...axes]), [0, ...order.map((axis) => axis + 1)]), [
      x.shape[0],
      ...output,
    ])
  /** Normalizes sets of an image's values: the image is reshaped to `axes`, of which `own` are within a set. */
  function normalized({ layer: { options } }, x, { scale, shift }, axes, own) {
    const parts = tf.reshape(x, [x.shape[0], ...axes])
    const { mean, variance } = tf.moments(
      parts,
      own.map((axis) => axis + 1),
      true,
    )
    const ofOne = tf.mul(tf.sub(parts, mean), tf.rsqrt(tf.add(variance, options.epsilon)))
    return tf.add(tf.mul(tf.reshape(ofOne, x.shape), scale), shift)
  }
  return {
    conv(resolved, [x], { weights: filter, biases: bias }) {
      const { strides, dilations } = pairsOf(resolved)
      const pad = padOf(resolved)
      const how = { x, bias, strides, dilations, pad }
      if (!isDepthwise(resolved))
        return activated(resolved.layer.options.activation, (activation) =>
          tf.fused.conv2d({ ...how, filter, activation }),
        )
      const [height, width, , filters] = filter.shape
      const channels = x.shape.at(-1)
      // In both layouts the filters of a channel are side by side.
      const ofChannels = tf.reshape(filter, [height, width, channels, filters / channels])
      return activated(resolved.layer.options.activation, (activation) =>
        tf.fused.depthwiseConv2d({ ...how, filter: ofChannels, activation }),
      )
    },
    'conv-transpose'(resolved, [x], { weights, biases }) {
      const { strides } = pairsOf(resolved)
      const shape = [x.shape[0], ...resolved.outputShape]
      const sums = tf.conv2dTranspose(x, weights, shape, strides, explicit(padsOf(resolved)))
      return activatedApart(resolved.layer.options, biases ? tf.add(sums, biases) : sums)
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
    lrn({ layer: { name, options } }, [x]) {
      if (options.even) throw new Error(`${name}: TensorFlow.js has no window of even size across channels`)
      return tf.localResponseNormalization(x, options.radius, options.bias, options.alpha, options.beta)
    },
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
    add({ layer: { options } }, inputs) {
      const terms = ofOneRank(inputs)
      const isBroadcast = terms.some(({ shape }) => String(shape) !== String(terms[0].shape))
      return activatedApart(options, isBroadcast ? terms.reduce((sum, x) => tf.add(sum, x)) : tf.addN(terms))
    },
    multiply: combination(tf.mul),
    subtract: combination(tf.sub),
    divide: combination(tf.div),
    maximum: combination(tf.maximum),
    minimum: combination(tf.minimum),
    scale(_layer, [x], { scale, shift }) {
      const scaled = tf.mul(x, scale)
      return shift ? tf.add(scaled, shift) : scaled
    },
    concat({ layer: { options } }, inputs) {
      if (options.axis === 'rows') return tf.concat(inputs, 1)
      if (options.axis === 'columns') return tf.concat(inputs, 2)
      if (options.axis !== 'pixels') return tf.concat(inputs, -1)
      const rows = inputs.map((x) => tf.reshape(x, [x.shape[0], 1, x.shape[1] * x.shape[2], x.shape[3]]))
      return tf.concat(rows, 2)
    },
    slice({ layer: { options } }, [x]) {
      const begin = x.shape.map(() => 0).with(-1, options.begin)
      return tf.slice(x, begin, x.shape.with(-1, options.end - options.begin))
    },
    softmax: (_layer, [x]) => tf.softmax(x),
    ...activationLayers,
    prelu: (_layer, [x], { slope }) => tf.prelu(x, slope),
    pad({ layer: { options } }, [x]) {
      const [top, bottom, left, right] = Array.isArray(options.padding)
        ? options.padding
        : Array(4).fill(options.padding)
      return tf.pad(x, explicit({ top, bottom, left, right }), options.value ?? 0)
    },
    flatten({ layer: { options } }, [x]) {
      const isInOrder = x.rank !== 4 || options.order === 'HWC'
      return tf.reshape(isInOrder ? x : tf.transpose(x, [0, 3, 1, 2]), [x.shape[0], -1])
    },
    'channel-shuffle'({ layer: { options }, outputShape }, [x]) {
      const [channels, ...before] = outputShape.toReversed()
      const pixels = before.reduce((product, extent) => product * extent, 1)
      return rearranged(x, [pixels, options.groups, channels / options.groups], [0, 2, 1], outputShape)
    },
    'depth-to-space'({ layer: { options }, inputShapes: [[height, width]], outputShape }, [x]) {
      const { blockSize: size, mode } = options
      const channels = outputShape.at(-1)
      return mode === 'DCR'
        ? rearranged(x, [height, width, size, size, channels], [0, 2, 1, 3, 4], outputShape)
        : rearranged(x, [height, width, channels, size, size], [0, 3, 1, 4, 2], outputShape)
    },
    'space-to-depth'({ layer: { options }, inputShapes: [[, , channels]], outputShape }, [x]) {
      const { blockSize: size, mode } = options
      const [height, width] = outputShape
      const order = mode === 'DCR' ? [0, 2, 1, 3, 4] : [0, 2, 4, 1, 3]
      return rearranged(x, [height, size, width, size, channels], order, outputShape)
    },
    'layer-norm': (resolved, [x], own) =>
      normalized(resolved, x, own, resolved.outputShape, [resolved.outputShape.length - 1]),
    'instance-norm': (resolved, [x], own) => normalized(resolved, x, own, resolved.outputShape, [0, 1]),
    'group-norm'(resolved, [x], own) {
      const { groups } = resolved.layer.options
      const channels = x.shape.at(-1)
      return normalized(resolved, x, own, [x.size / x.shape[0] / channels, groups, channels / groups], [0, 2])
    },
    // What it drops is by its own random numbers.
    // A tensor of its own in any case: what is kept of a layer is disposed of, and its input is not
    dropout: ({ layer: { options } }, [x]) => (isDropping() ? tf.dropout(x, options.rate) : x.clone()),
  }
}

/** By kind, of a whole batch; `labels` are one-hot: in each row one value is 1. */
const lossesWith = (tf) => ({
  'l2-loss': (x) => tf.mul(tf.sum(tf.square(x)), 0.5),
  'softmax-loss': (x, { labelSmoothing }, labels) =>
    tf.losses.softmaxCrossEntropy(labels, tf.reshape(x, labels.shape), undefined, labelSmoothing),
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
  requireKinds(network, pass, Object.keys({ ...apply, ...lossOf }), Object.keys(activationsWith(tf)), {
    labelSmoothing: true,
  })
  requireMoves(network, pass)
  requireConvolutions(network, pass)
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
      for (const { name, kind, options, input } of losses)
        kept[name] = tf.keep(lossOf[kind](made[input], options, oneHotLabels[name]))
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
  const oneHotLabels = {}
  let results
  return {
    /** Into the backend's memory, as tfjs holds its tensors. */
    setImages(values, labels) {
      images?.dispose()
      images = tf.tensor4d(values, [batch, ...network.inputs.images])
      for (const { name, input } of losses.filter((loss) => loss.labels)) {
        oneHotLabels[name]?.dispose()
        const classes = shapeOf(network, input).at(-1)
        oneHotLabels[name] = tf.tidy(() => tf.oneHot(tf.tensor1d(labels, 'int32'), classes, 1, 0, 'float32'))
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
