import { poolGeometry } from '../../layers/index.ts'
import { convolutionHalo } from '../../plan/geometry.ts'
import { integer, integers, node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'
import { windowAttributes } from './window.ts'

export const averagePoolConverter: LayerConverter<'average-pool'> = ({
  name,
  options,
  input,
  inputShape,
  output,
}) => {
  if (options.kernel === 'global') return { nodes: [node('GlobalAveragePool', [input], output)] }
  const geometry = poolGeometry(name, options, inputShape)
  const reached = convolutionHalo(geometry)
  const counts = integer('count_include_pad', options.countPadding ? 1 : 0)
  // In ceil mode the last windows may reach beyond the padding.
  const below = Math.max(reached.bottom - geometry.bottom, 0)
  const beside = Math.max(reached.right - geometry.right, 0)
  if (!options.countPadding || (below === 0 && beside === 0)) {
    return { nodes: [node('AveragePool', [input], output, [...windowAttributes(geometry), counts])] }
  }
  // What lies beyond the padding must not be counted, but AveragePool counts either all its pads or none. So the
  // padding becomes part of the image, where it counts, and the pads are what lies beyond.
  const padded = `${name}/padded`
  // For each axis; batch and channels get none.
  const before = [0, 0, reached.top, reached.left]
  const after = [0, 0, reached.bottom - below, reached.right - beside]
  const beyond = { top: 0, left: 0, bottom: below, right: beside }
  return {
    nodes: [
      node('Pad', [input, `${padded}.pads`], padded),
      node('AveragePool', [padded], output, windowAttributes(geometry, beyond)),
    ],
    tensors: [integers(`${padded}.pads`, [...before, ...after])],
  }
}
