import { readFileSync } from 'node:fs'
import {
  defineNetwork,
  initializeForTraining,
  initializeImages,
  labelClasses,
  type Network,
  type NetworkOptions,
  networkNamed,
  weightDecays,
} from '../../src/networks/index.ts'
import type { Optimizer } from '../../src/optimizers/index.ts'
import { normal } from '../../src/random.ts'
import { elementCount } from '../../src/tensor.ts'

/** Their updates are torch.optim's, which takes rate and decay for the optimizer's own: see scripts/train-goldens.py. */
type GoldenOptimizer = Optimizer & { readonly rate: number; readonly decay: number }

/** Relative differences from the golden. */
interface Spread {
  readonly firstLoss: number
  readonly lastLoss: number
  readonly worstLoss: number
  readonly worstNorm: number
}

/** test/goldens/train-*.json, as scripts/train-goldens.py writes it. */
interface TrainGoldenFile {
  readonly network: string
  readonly options: NetworkOptions
  readonly batch: number
  readonly seed: number
  readonly data: {
    readonly patternSeed: number
    readonly patternSd: number
    readonly firstSeed: number
    readonly noiseSd: number
  }
  readonly optimizer: GoldenOptimizer
  /** Of each step's batch, before the step's update. */
  readonly losses: readonly number[]
  /** 2-norms of the parameters after the last update. */
  readonly norms: Readonly<Record<string, number>>
  /** PyTorch's own float32 run. */
  readonly float32: Spread
  /** Float64 runs whose parameters begin off by as much as an engine's error may do. */
  readonly perturbed: Spread
}

export const TRAIN_GOLDENS = [
  'lenet',
  'lenet-adam',
  'alexnet-cifar10',
  'alexnet-torchvision',
  'resnet20-cifar',
  'mobilenet-v2',
] as const
export type TrainGoldenName = (typeof TRAIN_GOLDENS)[number]

export interface TrainGolden
  extends Omit<TrainGoldenFile, 'network' | 'options' | 'data' | 'seed' | 'optimizer'> {
  readonly network: Network
  readonly optimizer: Optimizer
  readonly rate: number
  readonly decay: number
  /** Each parameter's, by its name. */
  readonly decays: Readonly<Record<string, number>>
  /** What the run begins with, made anew each time. */
  initialParameters(): Record<string, Float32Array>
  /** A step's images (N, H, W, C) and labels (N). */
  batchOf(step: number): Record<'images' | 'labels', Float32Array>
}

/** PyTorch's optimizers decay scales and shifts too. */
const withDecayedNorms = ({ name, inputs, layers }: Network, decay: number): Network =>
  defineNetwork(name, {
    inputs,
    layers: layers.map(({ layer }) =>
      layer.kind === 'batch-norm' ? { ...layer, options: { ...layer.options, decay } } : layer,
    ),
  })

/** A run with the very parameters and batches that PyTorch had. */
export function trainGolden(name: TrainGoldenName): TrainGolden {
  const path = new URL(`../goldens/train-${name}.json`, import.meta.url)
  const file: TrainGoldenFile = JSON.parse(readFileSync(path, 'utf8'))
  const { rate, decay, ...optimizer } = file.optimizer
  const network = withDecayedNorms(networkNamed(file.network, file.options), decay)
  const { patternSeed, patternSd, firstSeed, noiseSd } = file.data
  const length = elementCount(network.inputs.images!)
  const patterns = new Float32Array(labelClasses(network).labels! * length)
  normal(patterns, { seed: patternSeed, tensor: 'patterns', sd: patternSd })
  return {
    ...file,
    network,
    optimizer,
    rate,
    decay,
    decays: weightDecays(network, decay),
    initialParameters: () => initializeForTraining(network, { seed: file.seed }),
    batchOf(step) {
      const made = initializeImages(network, file.batch, { seed: firstSeed + step, sd: noiseSd })
      const [images, labels] = [made.images!, made.labels!]
      labels.forEach((label, n) => {
        for (let i = 0; i < length; i++) images[n * length + i]! += patterns[label * length + i]!
      })
      return { images, labels }
    },
  }
}
