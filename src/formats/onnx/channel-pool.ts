import type { ChannelPoolOptions } from '../../layers/index.ts'
import { CHANNEL_AXIS, integer, integerList, integers, node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

const OPERATORS: Readonly<Record<ChannelPoolOptions['mode'], string>> = {
  mean: 'ReduceMean',
  max: 'ReduceMax',
  sum: 'ReduceSum',
  l2: 'ReduceL2',
}

export const channelPoolConverter: LayerConverter<'channel-pool'> = ({
  name,
  options: { mode },
  input,
  output,
}) => {
  const operator = OPERATORS[mode]
  const keeps = integer('keepdims', 1)
  // Of these, only ReduceSum has its axes as an input before opset 18.
  if (operator !== 'ReduceSum')
    return { nodes: [node(operator, [input], output, [integerList('axes', [CHANNEL_AXIS]), keeps])] }
  const axes = `${name}/axes`
  return {
    nodes: [node(operator, [input, axes], output, [keeps])],
    tensors: [integers(axes, [CHANNEL_AXIS])],
  }
}
