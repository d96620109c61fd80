import { resizeDefinition } from '../../layers/resize.ts'
import { pair } from '../../layers/window.ts'
import { floats, integer, integers, node, text } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

export const resizeConverter: LayerConverter<'resize'> = ({ name, options, input, inputShape, output }) => {
  const { scale, mode, coordinates, rounding = 'round_prefer_floor' } = options
  const attributes = [
    text('mode', mode),
    text('coordinate_transformation_mode', coordinates),
    ...(mode === 'nearest' ? [text('nearest_mode', rounding)] : []),
  ]
  // The second input, a region of interest, is left out: only another mode of coordinates reads it.
  if (scale !== undefined) {
    const scales = floats(`${name}/scales`, [4], Float32Array.of(1, 1, ...pair(scale)))
    return { nodes: [node('Resize', [input, '', scales.name!], output, attributes)], tensors: [scales] }
  }
  // A scale might give another size after rounding, so Resize gets the sizes; batch and channels are taken from the input.
  const [height, width] = resizeDefinition.outputShape(name, options, [inputShape])
  const image = integers(`${name}/size`, [height!, width!])
  const [kept, sizes] = [`${name}/kept`, `${name}/sizes`]
  return {
    nodes: [
      node('Shape', [input], kept, [integer('start', 0), integer('end', 2)]),
      node('Concat', [kept, image.name!], sizes, [integer('axis', 0)]),
      node('Resize', [input, '', '', sizes], output, attributes),
    ],
    tensors: [image],
  }
}
