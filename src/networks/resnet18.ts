import type { NetworkOptions } from './options.ts'
import { basicBlock } from './residual-blocks.ts'
import { resnet } from './resnet.ts'

/**
 * ResNet with 18 layers: 11,689,512 parameters and 9,600 running statistics.
 * images (N, 224, 224, 3), labels (N) -> fc (N, 1000), objective the mean cross-entropy.
 * Source: He et al. 2015, 'Deep Residual Learning', table 1; torchvision's resnet18.
 */
export function resnet18(options: NetworkOptions = {}) {
  return resnet('resnet18', basicBlock, [2, 2, 2, 2], options)
}
