import { padSides } from '../../layers/pad.ts'
import { floats, integers, node, text } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

export const padConverter: LayerConverter<'pad'> = ({ name, options, input, output }) => {
  const { top, bottom, left, right } = padSides(options)
  const { mode, value = 0 } = options
  // What is added before each axis (N, C, H, W), then what is added after each.
  const pads = integers(`${name}/pads`, [0, 0, top, left, 0, 0, bottom, right])
  const constant = mode === 'constant' ? [floats(`${name}/value`, [], Float32Array.of(value))] : []
  const tensors = [pads, ...constant]
  return {
    nodes: [node('Pad', [input, ...tensors.map((tensor) => tensor.name!)], output, [text('mode', mode)])],
    tensors,
  }
}
