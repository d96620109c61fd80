/** Apart from the networks themselves, so that the command line's help names them without loading any. */
export const NETWORK_NAMES = [
  'alexnet',
  'alexnet-full',
  'alexnet-cifar10',
  'alexnet-torchvision',
  'lenet',
  'resnet18',
  'resnet50',
  'resnet20-cifar',
  'vgg-a',
  'vgg16',
  'googlenet',
  'densenet121',
] as const

/** Those that have classes, so that they can be trained. */
export const TRAINABLE_NETWORK_NAMES: readonly (typeof NETWORK_NAMES)[number][] = [
  'lenet',
  'alexnet-cifar10',
  'alexnet-torchvision',
  'alexnet-full',
  'resnet20-cifar',
  'resnet18',
  'resnet50',
  'vgg-a',
  'vgg16',
  'googlenet',
  'densenet121',
]
