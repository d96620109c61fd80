import type { LayerKind } from '../../layers/index.ts'
import type { ResolvedLayer } from '../../networks/index.ts'
import { activationConverter } from './activation.ts'
import { addConverter } from './add.ts'
import { averagePoolConverter } from './average-pool.ts'
import { batchNormConverter } from './batch-norm.ts'
import { concatConverter } from './concat.ts'
import { convConverter } from './conv.ts'
import { denseConverter } from './dense.ts'
import { dropoutConverter } from './dropout.ts'
import type { LayerConverter, OnnxNodes } from './layer-converter.ts'
import { lrnConverter } from './lrn.ts'
import { maxPoolConverter } from './max-pool.ts'
import { sliceConverter } from './slice.ts'
import { softmaxConverter } from './softmax.ts'

/** The table kind -> converter. A kind without one does not compile. Losses are left out: a model ends with what they read. */
const layerConverters: { readonly [Kind in LayerKind]: LayerConverter<Kind> | 'left out' } = {
  conv: convConverter,
  dense: denseConverter,
  relu: activationConverter('relu'),
  sigmoid: activationConverter('sigmoid'),
  tanh: activationConverter('tanh'),
  lrn: lrnConverter,
  dropout: dropoutConverter,
  'max-pool': maxPoolConverter,
  'average-pool': averagePoolConverter,
  'batch-norm': batchNormConverter,
  add: addConverter,
  concat: concatConverter,
  slice: sliceConverter,
  softmax: softmaxConverter,
  'l2-loss': 'left out',
  'softmax-loss': 'left out',
}

/** The nodes of a layer whose kind is only known at run time. `valueNamed`: what a tensor is called in the graph. */
export function convertLayer(
  { layer, inputs, inputShapes, parameters: specs }: ResolvedLayer,
  valueNamed: (tensor: string) => string,
  parameters: Readonly<Record<string, Float32Array>>,
): OnnxNodes {
  const convert = layerConverters[layer.kind] as LayerConverter<LayerKind> | 'left out'
  if (convert === 'left out') return { nodes: [] }
  const { name, options } = layer
  const own = Object.keys(specs).map((full) => [full.slice(name.length + 1), parameters[full]!])
  const values = inputs.map(valueNamed)
  return convert({
    name,
    options,
    input: values[0]!,
    inputs: values,
    inputShape: inputShapes[0]!,
    output: valueNamed(name),
    parameters: Object.fromEntries(own),
  })
}
