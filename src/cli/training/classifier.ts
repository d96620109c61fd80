// A file's network as training and evaluation take it.
import { UsageError } from '../../errors.ts'
import { definitionOf, type Layer, softmaxLoss } from '../../layers/index.ts'
import { type Network, networkData, networkOf, outputsOf, shapeOf } from '../../networks/index.ts'
import { elementCount } from '../../tensor.ts'
import { logitsOf } from '../../train/logits.ts'
import type { NetworkSource } from '../network-source.ts'

const IMAGES = 'images'
const LABELS = 'labels'

/**
 * The network with the inputs `images` and `labels`, ending in a classifier's loss: where its file has none, its only output is
 * taken for the logits. A named network and a trained model are so already. Throws UsageError for a network that is no classifier.
 */
export function classifierOf({ network, kind, file }: NetworkSource): Network {
  if (kind === 'named' || kind === 'model') return network
  const images = Object.keys(network.inputs).filter((name) => network.inputs[name]!.length === 3)
  if (images.length !== 1)
    throw new UsageError(
      `${file}: it has ${images.length} inputs, ${images.join(', ')}; a classifier has one, its images`,
    )
  const data = networkData(network)
  const isTraining = logitsOf(network) !== null
  const layers = isTraining ? data.layers : withLoss(file!, network, data.layers, kind === 'onnx')
  const loss = layers.find((layer) => definitionOf(layer).readsLabels)!
  const newNames = new Map([
    [images[0]!, IMAGES],
    [loss.inputs![1]!, LABELS],
  ])
  const renamed = (name: string): string => newNames.get(name) ?? name
  const inputs = Object.entries({ ...(!isTraining && { [LABELS]: [] }), ...data.inputs })
  return networkOf({
    ...data,
    inputs: Object.fromEntries(inputs.map(([name, shape]) => [renamed(name), shape])),
    layers: layers.map((layer) => ({ ...layer, inputs: layer.inputs!.map(renamed) })),
  })
}

/** Cross-entropy takes the place of other losses. */
function withLoss(
  file: string,
  network: Network,
  layers: readonly Layer[],
  canBeCut: boolean,
): readonly Layer[] {
  const [output, ...others] = outputsOf(network)
  const isVector = (name: string) => elementCount(shapeOf(network, name)) === shapeOf(network, name).at(-1)
  if (output === undefined || others.length > 0)
    throw new UsageError(
      `${file}: it has the outputs ${[output, ...others].join(', ')}; a classifier has one, its classes' logits${canBeCut ? `: give it by --outputs ${output}` : ''}`,
    )
  if (!isVector(output))
    throw new UsageError(
      `${file}: its output '${output}' is no vector of classes${canBeCut ? '; --outputs may name another tensor that is' : ''}`,
    )
  const kept = layers.filter((layer) => !definitionOf(layer).isLoss)
  let name = 'loss'
  while (kept.some((layer) => layer.name === name)) name += '_'
  return [...kept, softmaxLoss(name, { inputs: [output, LABELS] })]
}
