import type { NetworkOptions } from './options.ts'
import { bottleneck } from './residual-blocks.ts'
import { resnet } from './resnet.ts'

/**
 * ResNet with 50 layers, v1.5 (the stride in the 3 x 3 convolutions): 25,557,032 parameters and 53,120 running statistics.
 * images (N, 224, 224, 3), labels (N) -> fc (N, 1000), objective the mean cross-entropy.
 * Source: He et al. 2015, 'Deep Residual Learning', table 1; torchvision's resnet50.
 */
export function resnet50(options: NetworkOptions = {}) {
  return resnet('resnet50', bottleneck, [3, 4, 6, 3], options)
}
