// Each parameter of a network, and the tensor in a file that has its values.
import { type Network, networkNamed, parametersOf, type ResolvedLayer } from '../../networks/index.ts'
import { NETWORK_NAMES } from '../../networks/names.ts'
import { asImageShape, type Shape } from '../../tensor.ts'
import { filtersFirst, filtersLast } from './filter-order.ts'
import { type TorchNaming, torchNaming, type WeightNames } from './names.ts'

export interface Counterpart {
  /** Of the parameter. */
  readonly name: string
  /** Of the tensor in the file. */
  readonly stored: string
  /** Any of these may be its shape, since the values are in the same order; it is written in the first. */
  readonly shapes: readonly Shape[]
  /** The parameter's values from the tensor's. `vectorNamed`: another parameter's, of one axis, in the file. */
  readonly read: (values: Float32Array, vectorNamed: VectorNamed) => Float32Array
  /** The tensor's values from the parameter's. `vectorNamed`: another parameter's. */
  readonly write: (values: Float32Array, vectorNamed: VectorNamed) => Float32Array
}

type VectorNamed = (name: string) => Float32Array

/** PyTorch's names of a module's tensors. */
const TENSORS: Readonly<Record<string, string>> = {
  weights: 'weight',
  biases: 'bias',
  scale: 'weight',
  shift: 'bias',
  mean: 'running_mean',
  variance: 'running_var',
}

/** Null if no file has this network's weights in these names: it is no named one, or has other layers. */
export function counterparts(network: Network, names: WeightNames): readonly Counterpart[] | null {
  if (names === 'convmark') return Object.entries(parametersOf(network)).map(ofOwn)
  const naming = torchNaming(network.name, names)
  if (naming === null || !isNamed(network)) return null
  return network.layers.flatMap((layer) => ofLayer(layer, naming))
}

const asTheyAre = (values: Float32Array): Float32Array => values

const ofOwn = ([name, { shape }]: [string, { readonly shape: Shape }]): Counterpart => ({
  name,
  stored: name,
  shapes: [shape],
  read: asTheyAre,
  write: asTheyAre,
})

/** Whether it has the layers of the named network of its name: an ONNX file may have that name too. */
function isNamed(network: Network): boolean {
  if (!NETWORK_NAMES.some((name) => name === network.name)) return false
  const known = publishedNames.get(network.name) ?? Object.keys(parametersOf(networkNamed(network.name)))
  publishedNames.set(network.name, known)
  const own = Object.keys(parametersOf(network))
  return own.length === known.length && own.every((name, i) => name === known[i])
}

/** The parameters of named networks, of those that were asked for. */
const publishedNames = new Map<string, readonly string[]>()

function ofLayer(resolved: ResolvedLayer, naming: TorchNaming): readonly Counterpart[] {
  const { layer, parameters } = resolved
  return Object.entries(parameters).map(([name, { shape }]) => {
    const part = name.slice(layer.name.length + 1)
    const stored = naming.rename(`${layer.name}.${TENSORS[part]}`)
    const shapes = shape.length === 1 ? vectorShapes(shape) : weightShapes(resolved, shape)
    return {
      name,
      stored,
      shapes: naming.reshaped?.test(stored) ? shapes.toReversed() : shapes,
      ...(shape.length > 1 ? ofWeights(resolved, shape) : ofVector(resolved, part, naming)),
    }
  })
}

const vectorShapes = ([channels]: Shape): readonly [Shape, Shape] => [[channels!], [channels!, 1, 1]]

/** Weights as of a convolution, (KH, KW, C, F): those of a dense layer are of one as large as the image that it reads. */
function extentsOf({ inputShapes }: ResolvedLayer, shape: Shape): readonly [number, number, number, number] {
  const [height, width, channels] = shape.length === 4 ? shape : asImageShape(inputShapes[0]!)
  return [height!, width!, channels!, shape.at(-1)!]
}

/** Those of a convolution, (F, C, KH, KW), and of a dense layer, (F, C * KH * KW), the layer's own first. */
function weightShapes(layer: ResolvedLayer, shape: Shape): readonly Shape[] {
  const [height, width, channels, filters] = extentsOf(layer, shape)
  const asConv = [filters, channels, height, width]
  const asDense = [filters, channels * height * width]
  return shape.length === 4 ? [asConv, asDense] : [asDense, asConv]
}

function ofWeights(layer: ResolvedLayer, shape: Shape): Pick<Counterpart, 'read' | 'write'> {
  const extents = extentsOf(layer, shape)
  return {
    read: (values) => filtersLast(values, extents),
    write: (values) => filtersFirst(values, extents),
  }
}

/**
 * Another epsilon divides by another deviation, and a scale makes up for it: so the results are the same, also in training as long
 * as the batches have the stored statistics.
 */
function ofVector(
  { layer }: ResolvedLayer,
  part: string,
  { epsilon: other }: TorchNaming,
): Pick<Counterpart, 'read' | 'write'> {
  const { epsilon } = layer.options as { readonly epsilon?: number }
  if (part !== 'scale' || other === undefined || epsilon === undefined)
    return { read: asTheyAre, write: asTheyAre }
  const scaled = (
    values: Float32Array,
    vectorNamed: VectorNamed,
    before: number,
    after: number,
  ): Float32Array => {
    const variance = vectorNamed(`${layer.name}/variance`)
    return values.map((scale, i) => scale * Math.sqrt((variance[i]! + after) / (variance[i]! + before)))
  }
  return {
    read: (values, vectorNamed) => scaled(values, vectorNamed, other, epsilon),
    write: (values, vectorNamed) => scaled(values, vectorNamed, epsilon, other),
  }
}
