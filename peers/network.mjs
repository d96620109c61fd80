// A network of convmark's as other libraries want it.
import { layers, networks } from './convmark.mjs'

export const { outputsOf, parametersOf, shapeOf } = networks

export const pair = (extent) => (Array.isArray(extent) ? extent : [extent, extent])

/** All layers but the losses. */
export const layersOf = (network) => network.layers.filter(({ isLoss }) => !isLoss)

/** Whether a layer slides a window over its input, as convolutions and poolings do. */
export const hasWindow = ({ layer }) => 'kernel' in layer.options

/**
 * A layer's window, all resolved: {kernelHeight, strideHeight, dilationHeight, top, bottom, inputHeight, outputHeight, ...}. A
 * global pooling's kernel is its input's size; a transposed convolution's window is that of the convolution whose gradient it is.
 */
export function windowOf({ layer: { kind, name, options }, inputShapes: [input] }) {
  if (kind === 'conv-transpose') return layers.convTransposeGeometry(name, options, input)
  if (kind !== 'conv') return layers.poolGeometry(name, options, input)
  const [height, width] = input
  return layers.windowGeometry(name, options, height, width)
}

/** What a convolution or a pooling puts around its input: {top, bottom, left, right}. */
export function padsOf(resolved) {
  const { top, bottom, left, right } = windowOf(resolved)
  return { top, bottom, left, right }
}

/** `padsOf`, and on bottom and right what ceil mode's last windows reach over beside. */
export function reachOf(resolved) {
  const window = windowOf(resolved)
  const { top, bottom, left, right } = window
  const reach = (outputs, stride, kernel, input, before) => (outputs - 1) * stride + kernel - input - before
  const { outputHeight, strideHeight, kernelHeight, inputHeight } = window
  const { outputWidth, strideWidth, kernelWidth, inputWidth } = window
  return {
    top,
    bottom: Math.max(bottom, reach(outputHeight, strideHeight, kernelHeight, inputHeight, top)),
    left,
    right: Math.max(right, reach(outputWidth, strideWidth, kernelWidth, inputWidth, left)),
  }
}

const { definitionOf, isTrainedRole } = layers

/** The names of the parameters that have gradients: all but running statistics. */
export const trainedOf = (network) =>
  Object.entries(parametersOf(network)).flatMap(([name, { role }]) => (isTrainedRole(role) ? [name] : []))

/** The layers that in training compute with statistics of the whole batch. */
export const batchStatisticsOf = (network) =>
  layersOf(network).filter(({ layer }) => definitionOf(layer).batchStatistics)

/** Throws, naming the layer, where an adapter lacks a layer kind, an activation or label smoothing that the pass needs. */
export function requireKinds(network, pass, kinds, activations, { labelSmoothing = false } = {}) {
  for (const { layer, isLoss } of network.layers) {
    const { name, kind, options } = layer
    const { activation = 'linear' } = options
    if (isLoss && pass === 'forward') continue
    if (!kinds.includes(kind)) throw new Error(`${name}: ${kind} layers are not handled here`)
    if (options.labelSmoothing && !labelSmoothing)
      throw new Error(`${name}: its label smoothing is not handled here`)
    if (!['linear', ...activations].includes(activation.kind ?? activation))
      throw new Error(`${name}: its ${activation.kind ?? activation} is not handled here`)
  }
}

/** What leaves a layer as it is without the option. */
const DEFAULTS = { dilation: 1, groups: 1, biases: true, ceilMode: false }

/** Throws, naming the layer, where one has an option that an adapter lacks: `options` are of those in the table above. */
export function requireNoOptions(network, options) {
  for (const { layer } of network.layers) {
    for (const option of options) {
      const value = layer.options[option] ?? DEFAULTS[option]
      if (pair(value).some((each) => each !== DEFAULTS[option]))
        throw new Error(`${layer.name}: its option '${option}' is not handled here`)
    }
  }
}

/** Of an adapter whose dropout does nothing, which is right in forward alone. Throws, naming the layer. */
export function requireNoDropout(network, pass) {
  const dropout = network.layers.find(({ layer }) => layer.kind === 'dropout')
  if (pass !== 'forward' && dropout)
    throw new Error(`${dropout.layer.name}: dropout is handled in forward alone`)
}

/**
 * What every layer makes, by name, and the images: `table[kind](layer, inputs, parameters)` is asked for each in the
 * network's order. `parameters` are by name; a layer gets its own by their short names.
 */
export function walk(network, images, table, parameters) {
  const made = { images }
  for (const resolved of layersOf(network)) {
    const { kind, name } = resolved.layer
    const own = Object.keys(resolved.parameters).map((full) => [
      full.slice(name.length + 1),
      parameters[full],
    ])
    const inputs = resolved.inputs.map((input) => made[input])
    made[name] = table[kind](resolved, inputs, Object.fromEntries(own))
  }
  return made
}

/** The losses that going backward begins with, each {name, kind, options, input, labels}; forward has none. */
export function lossesOf(network, pass) {
  if (pass === 'forward') return []
  return network.layers
    .filter(({ isLoss }) => isLoss)
    .map(({ layer: { name, kind, options }, inputs: [input, labels] }) => ({
      name,
      kind,
      options,
      input,
      labels,
    }))
}

/** Of a batch's values, (N, ...), those of some images. */
export function imagesOf(values, batch, images) {
  const length = values.length / batch
  const picked = new Float32Array(images.length * length)
  images.forEach((image, i) => {
    picked.set(values.subarray(image * length, (image + 1) * length), i * length)
  })
  return picked
}
