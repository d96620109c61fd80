import { integer, node, text } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

export const depthToSpaceConverter: LayerConverter<'depth-to-space'> = ({
  options: { blockSize, mode },
  input,
  output,
}) => ({
  nodes: [node('DepthToSpace', [input], output, [integer('blocksize', blockSize), text('mode', mode)])],
})
