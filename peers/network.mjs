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

/** Throws, naming the layer, where an adapter's table of layer kinds lacks one. */
export function requireKinds(network, table) {
  for (const { layer } of layersOf(network)) {
    if (!Object.hasOwn(table, layer.kind))
      throw new Error(`${layer.name}: ${layer.kind} layers are not handled here`)
  }
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

/**
 * The losses of forward-backward, each the {name, input} of a sum(input^2)/2; forward has none. Throws, naming the
 * layer, for a network whose gradients no peer can have.
 */
export function lossesOf(network, pass) {
  if (pass === 'forward') return []
  for (const { layer, isLoss } of network.layers) {
    const { name, kind } = layer
    if (kind === 'dropout') throw new Error(`${name}: what dropout drops is by convmark's own random numbers`)
    if (isLoss && kind !== 'l2-loss') throw new Error(`${name}: peers get no labels, which a ${kind} needs`)
  }
  return network.layers.flatMap(({ layer: { name }, inputs: [input], isLoss }) =>
    isLoss ? [{ name, input }] : [],
  )
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
