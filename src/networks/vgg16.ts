import type { NetworkOptions } from './options.ts'
import { vgg } from './vgg.ts'

/**
 * VGG with 16 layers; 138,357,544 parameters.
 * images (N, 224, 224, 3), labels (N) -> classifier.6 (N, 1000), objective the mean cross-entropy.
 * Source: Simonyan & Zisserman 2014, configuration D; torchvision's vgg16.
 */
export function vgg16(options: NetworkOptions = {}) {
  const steps = [
    ...([64, 64, 'pool'] as const),
    ...([128, 128, 'pool'] as const),
    ...([256, 256, 256, 'pool'] as const),
    ...([512, 512, 512, 'pool'] as const),
    ...([512, 512, 512, 'pool'] as const),
  ]
  return vgg('vgg16', steps, options)
}
