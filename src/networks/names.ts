/** Apart from the networks themselves, so that the command line's help names them without loading any. */
export const NETWORK_NAMES = [
  'alexnet',
  'alexnet-full',
  'alexnet-cifar10',
  'alexnet-torchvision',
  'lenet',
] as const
