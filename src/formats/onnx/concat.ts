import { CHANNEL_AXIS, integer, integers, node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

const AXES = { channels: CHANNEL_AXIS, rows: 2, columns: 3, pixels: 3 } as const

export const concatConverter: LayerConverter<'concat'> = ({ name, options, inputs, output }) => {
  const { axis = 'channels' } = options
  const joined = (values: readonly string[]) => node('Concat', values, output, [integer('axis', AXES[axis])])
  if (axis !== 'pixels') return { nodes: [joined(inputs)] }
  // (N, C, H, W) -> (N, C, 1, H W); 0 keeps an extent.
  const shape = `${name}/row.shape`
  const rows = inputs.map((input, i) => node('Reshape', [input, shape], `${name}/row${i}`))
  return {
    nodes: [...rows, joined(inputs.map((_, i) => `${name}/row${i}`))],
    tensors: [integers(shape, [0, 0, 1, -1])],
  }
}
