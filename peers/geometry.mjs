// A layer's numbers as other libraries want them.

export const pair = (extent) => (typeof extent === 'number' ? [extent, extent] : extent)

/** Zeros [top, left, bottom, right]; the smaller half of SAME's is before. */
export function padsOf({ kernel, stride = 1, padding = 'valid' }, { inputShapes: [input], outputShape }) {
  if (padding === 'valid') return [0, 0, 0, 0]
  if (padding !== 'same') throw new Error(`padding ${JSON.stringify(padding)} is not handled here`)
  const strides = pair(stride)
  const totals = pair(kernel).map((k, i) => Math.max((outputShape[i] - 1) * strides[i] + k - input[i], 0))
  return [...totals.map((total) => Math.floor(total / 2)), ...totals.map((total) => Math.ceil(total / 2))]
}

/** What a layer makes of an image: (H, W, C). */
export const shapeOf = (network, name) => network.layers.find(({ layer }) => layer.name === name).outputShape
