import { UsageError, unknownName } from '../errors.ts'
import { alexnet } from './alexnet.ts'
import { alexnetCifar10 } from './alexnet-cifar10.ts'
import { alexnetFull } from './alexnet-full.ts'
import { alexnetTorchvision } from './alexnet-torchvision.ts'
import { convnextTiny } from './convnext-tiny.ts'
import { densenet121 } from './densenet121.ts'
import { efficientnetB0 } from './efficientnet-b0.ts'
import { googlenet } from './googlenet.ts'
import { lenet } from './lenet.ts'
import { mobilenetV2 } from './mobilenet-v2.ts'
import { mobilenetV3Large } from './mobilenet-v3-large.ts'
import type { NETWORK_NAMES } from './names.ts'
import type { Network } from './network.ts'
import type { NetworkOptions } from './options.ts'
import { overfeat } from './overfeat.ts'
import { resnet18 } from './resnet18.ts'
import { resnet20Cifar } from './resnet20-cifar.ts'
import { resnet50 } from './resnet50.ts'
import { shufflenetV2 } from './shufflenet-v2.ts'
import { squeezenet } from './squeezenet.ts'
import { vggA } from './vgg-a.ts'
import { vgg16 } from './vgg16.ts'

export { alexnet } from './alexnet.ts'
export { alexnetCifar10 } from './alexnet-cifar10.ts'
export { alexnetFull } from './alexnet-full.ts'
export { alexnetTorchvision } from './alexnet-torchvision.ts'
export { convnextTiny } from './convnext-tiny.ts'
export { type LayerCounts, layerCounts, type NetworkSize, networkCounts, networkSize } from './counts.ts'
export { densenet121 } from './densenet121.ts'
export { efficientnetB0 } from './efficientnet-b0.ts'
export { googlenet } from './googlenet.ts'
export {
  type InitializeOptions,
  initialize,
  initializeForTraining,
  initializeImages,
  weightDecays,
} from './initialize.ts'
export { lenet } from './lenet.ts'
export { mobilenetV2 } from './mobilenet-v2.ts'
export { mobilenetV3Large } from './mobilenet-v3-large.ts'
export {
  defineNetwork,
  labelClasses,
  type Network,
  type NetworkDefinition,
  outputsOf,
  parametersOf,
  type ResolvedLayer,
  requireNetwork,
  requireParameters,
  shapeOf,
  type TensorNames,
} from './network.ts'
export { type NetworkData, networkData, networkOf } from './network-data.ts'
export { type NetworkOptions, REMOVABLE_PARTS, type RemovablePart } from './options.ts'
export { overfeat } from './overfeat.ts'
export { resnet18 } from './resnet18.ts'
export { resnet20Cifar } from './resnet20-cifar.ts'
export { resnet50 } from './resnet50.ts'
export { shufflenetV2 } from './shufflenet-v2.ts'
export { lastFixedTensor, type SplitNetwork, splitNetwork } from './split.ts'
export { squeezenet } from './squeezenet.ts'
export { vggA } from './vgg-a.ts'
export { vgg16 } from './vgg16.ts'

/** Makes a network with the options of the command line. */
export type NetworkFactory = (options: NetworkOptions) => Network

const table: Readonly<Record<(typeof NETWORK_NAMES)[number], NetworkFactory>> = {
  alexnet,
  'alexnet-full': alexnetFull,
  'alexnet-cifar10': alexnetCifar10,
  'alexnet-torchvision': alexnetTorchvision,
  lenet,
  resnet18,
  resnet50,
  'resnet20-cifar': resnet20Cifar,
  'vgg-a': vggA,
  vgg16,
  googlenet,
  densenet121,
  overfeat,
  squeezenet,
  'mobilenet-v2': mobilenetV2,
  'mobilenet-v3-large': mobilenetV3Large,
  'efficientnet-b0': efficientnetB0,
  'shufflenet-v2': shufflenetV2,
  'convnext-tiny': convnextTiny,
}

/** The table of networks by name: each entry makes one, with the options given. */
export const networks: Readonly<Record<string, NetworkFactory>> = table

/** The network of this name. Throws UsageError, with the nearest name, if there is none. */
export function networkNamed(name: string, options: NetworkOptions = {}): Network {
  const factory = Object.hasOwn(networks, name) ? networks[name] : undefined
  if (!factory) throw new UsageError(unknownName('network', name, Object.keys(networks)))
  return factory(options)
}
