import type { Network } from '../../networks/network.ts'
import { asClassifier } from '../../train/classifier.ts'
import type { NetworkSource } from '../network-source.ts'

/** A network to train, and the parameters that it begins with; null: made from the seed. */
export interface AskedNetwork extends Pick<NetworkSource, 'parameters'> {
  readonly network: Network
  readonly source: NetworkSource
}

/** A file's network as training and evaluation take it, see `asClassifier`. A named network and a trained model are so already. */
export function classifierOf({ network, kind, file }: NetworkSource): Network {
  if (kind === 'named' || kind === 'weights' || kind === 'model') return network
  return asClassifier(network, file!, kind === 'onnx' ? '--outputs' : null)
}
