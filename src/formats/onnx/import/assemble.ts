// Stage 5: the layers that were made become a network: outputs get the file's names, and losses are added, which files
// don't have.
import { type Layer, l2Loss, softmaxLoss } from '../../../layers/index.ts'
import { defineNetwork, type Network } from '../../../networks/index.ts'
import { elementCount, type Shape } from '../../../tensor.ts'
import type { Builder, BuiltLayer } from './builder.ts'
import { merged } from './merge.ts'

/** What a file's output is in the network. */
export interface OutputTensor {
  readonly name: string
  readonly tensor: string
}

export interface Assembled {
  readonly network: Network
  readonly parameters: Record<string, Float32Array>
  /** For a tensor of the builder, what it is called, or if it was merged what it became. */
  nameOf(tensor: string): { readonly tensor: string; readonly isMerged: boolean }
  /** The builder's layers that became part of another one, such as a convolution's activation. */
  readonly takenIn: ReadonlySet<string>
  readonly losses: readonly string[]
}

/** `outputs` are the file's, in its order. Throws what `defineNetwork` throws. */
export function assemble(name: string, builder: Builder, outputs: readonly OutputTensor[]): Assembled {
  const { layers, gone, takenIn } = merged(builder.layers, new Set(outputs.map(({ tensor }) => tensor)))
  const renamed = outputNames(builder, layers, outputs)
  const current = (tensor: string) => renamed.get(tensor) ?? tensor
  const parameters: Record<string, Float32Array> = {}
  const named = layers.map(({ layer, parameters: own }): Layer => {
    const newName = current(layer.name)
    for (const [part, values] of Object.entries(own)) parameters[`${newName}/${part}`] = values
    return { ...layer, name: newName, inputs: layer.inputs.map(current) }
  })
  const tensors = [...new Set(outputs.map(({ tensor }) => tensor))]
  const losses = tensors.map((tensor) => lossOf(current(tensor), named, builder.shapeOf(tensor), builder))
  const network = defineNetwork(name, {
    inputs: builder.inputs,
    layers: [...named, ...losses],
  })
  return {
    network,
    parameters,
    nameOf: (tensor) => ({ tensor: current(gone.get(tensor) ?? tensor), isMerged: gone.has(tensor) }),
    takenIn,
    losses: losses.map((loss) => `${loss.kind} of ${loss.inputs![0]}`),
  }
}

/** New names of layers, so that an output that is another description of a layer's tensor has the file's name too. */
function outputNames(
  builder: Builder,
  layers: readonly BuiltLayer[],
  outputs: readonly OutputTensor[],
): ReadonlyMap<string, string> {
  const renamed = new Map<string, string>()
  const isOutput = new Set(outputs.map(({ name }) => name))
  const made = new Map(layers.map(({ layer, parameters }) => [layer.name as string, parameters]))
  for (const { name, tensor } of outputs) {
    const parameters = made.get(tensor)
    if (!parameters || tensor === name || isOutput.has(tensor) || renamed.has(tensor)) continue
    renamed.set(tensor, builder.claim(name, builder.shapeOf(tensor), Object.keys(parameters)))
  }
  return renamed
}

/** Before a softmax over classes that ends the file, the classifier's loss; of any other output half the sum of its squares. */
function lossOf(tensor: string, layers: readonly Layer[], shape: Shape, builder: Builder): Layer {
  const layer = layers.find((each) => each.name === tensor)
  const logits = layer?.inputs?.[0]
  const isClassifier = layer?.kind === 'softmax' && logits !== undefined && isVector(shape)
  if (!isClassifier) return l2Loss(builder.claim(`${tensor}/loss`, [], []), { inputs: [tensor] })
  return softmaxLoss(builder.claim('loss', [], []), { inputs: [logits, builder.labels()] })
}

const isVector = (shape: Shape): boolean => elementCount(shape) === shape.at(-1)
