import type { NetworkOptions } from './options.ts'
import { vgg } from './vgg.ts'

/**
 * VGG with 11 layers, which convnet-benchmarks times; 132,863,336 parameters. images (N, 224, 224, 3), labels (N) ->
 * classifier.6 (N, 1000), objective the mean cross-entropy. Source: Simonyan & Zisserman 2014, configuration A;
 * torchvision's vgg11.
 */
export function vggA(options: NetworkOptions = {}) {
  const steps = [64, 'pool', 128, 'pool', 256, 256, 'pool', 512, 512, 'pool', 512, 512, 'pool'] as const
  return vgg('vgg-a', steps, options)
}
