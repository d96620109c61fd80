// A file's network as training and evaluation take it.
import { UsageError } from '../../errors.ts'
import { type Network, outputsOf } from '../../networks/index.ts'
import { asClassifier, isVector } from '../../train/classifier.ts'
import { batchInputs } from '../../train/inputs.ts'
import { logitsOf } from '../../train/logits.ts'
import type { NetworkSource } from '../network-source.ts'

/** A network to train, and the parameters that it begins with; null: made from the seed. */
export interface AskedNetwork extends Pick<NetworkSource, 'parameters'> {
  readonly network: Network
  readonly source: NetworkSource
}

/**
 * The network with one input of images and one of labels, ending in a classifier's loss: where its file has none, its
 * only output is taken for the logits. A named network and a trained model are so already. Throws UsageError for a
 * network that is no classifier.
 */
export function classifierOf({ network, kind, file }: NetworkSource): Network {
  if (kind === 'named' || kind === 'model') return network
  batchInputs(network, file!)
  return logitsOf(network) === null ? withLoss(file!, network, kind === 'onnx') : network
}

/** Cross-entropy takes the place of other losses. */
function withLoss(file: string, network: Network, canBeCut: boolean): Network {
  const [output, ...others] = outputsOf(network)
  if (output === undefined || others.length > 0)
    throw new UsageError(
      `${file}: it has the outputs ${[output, ...others].join(', ')}; a classifier has one, its classes' logits${canBeCut ? `: give it by --outputs ${output}` : ''}`,
    )
  if (!isVector(network, output))
    throw new UsageError(
      `${file}: its output '${output}' is no vector of classes${canBeCut ? '; --outputs may name another tensor that is' : ''}`,
    )
  return asClassifier(network)
}
