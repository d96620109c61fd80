import { poolGeometry } from '../../layers/index.ts'
import { node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'
import { windowAttributes } from './window.ts'

export const maxPoolConverter: LayerConverter<'max-pool'> = ({
  name,
  options,
  input,
  inputShape,
  output,
}) => {
  if (options.kernel === 'global') return { nodes: [node('GlobalMaxPool', [input], output)] }
  const geometry = poolGeometry(name, options, inputShape)
  return { nodes: [node('MaxPool', [input], output, windowAttributes(geometry))] }
}
