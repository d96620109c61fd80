// A network of convmark's as other libraries want it.
import { layers, networks } from './convmark.mjs'

export const { outputsOf, parametersOf, shapeOf } = networks

export const pair = (extent) => (typeof extent === 'number' ? [extent, extent] : extent)

/** All layers but the losses. */
export const layersOf = (network) => network.layers.filter(({ isLoss }) => !isLoss)

/** What a convolution or a pooling puts around its input: {top, bottom, left, right}. */
export function padsOf({ layer: { name, options }, inputShapes: [[height, width]] }) {
  const { top, bottom, left, right } = layers.windowGeometry(name, options, height, width)
  return { top, bottom, left, right }
}

/** Throws, naming the layer, where an adapter lacks a layer kind or an activation that the pass needs. */
export function requireKinds(network, pass, kinds, activations) {
  for (const { layer, isLoss } of network.layers) {
    const { name, kind, options } = layer
    const { activation = 'linear' } = options
    if (isLoss && pass === 'forward') continue
    if (!kinds.includes(kind)) throw new Error(`${name}: ${kind} layers are not handled here`)
    if (!['linear', ...activations].includes(activation))
      throw new Error(`${name}: its ${activation} is not handled here`)
  }
}

/** Of an adapter whose dropout does nothing, which is right in forward alone. Throws, naming the layer. */
export function requireNoDropout(network, pass) {
  const dropout = network.layers.find(({ layer }) => layer.kind === 'dropout')
  if (pass !== 'forward' && dropout)
    throw new Error(`${dropout.layer.name}: dropout is handled in forward alone`)
}

/**
 * What every layer makes, by name, and the images: `table[kind](layer, input, ...parameters)` is asked for each in the
 * network's order. `parameters` are by name.
 */
export function walk(network, images, table, parameters) {
  const made = { images }
  for (const resolved of layersOf(network)) {
    const own = Object.keys(resolved.parameters).map((name) => parameters[name])
    made[resolved.layer.name] = table[resolved.layer.kind](resolved, made[resolved.inputs[0]], ...own)
  }
  return made
}

/** The losses that going backward begins with, each {name, kind, input, labels}; forward has none. */
export function lossesOf(network, pass) {
  if (pass === 'forward') return []
  return network.layers
    .filter(({ isLoss }) => isLoss)
    .map(({ layer: { name, kind }, inputs: [input, labels] }) => ({ name, kind, input, labels }))
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
