// Whether frozen layers run once for all epochs, and running them so.
import { type Split, triedSplit } from '../../data/index.ts'
import { frozenLayers } from '../../networks/freeze.ts'
import { type Network, parametersOf, shapeOf } from '../../networks/network.ts'
import { lastFixedTensor, splitNetwork } from '../../networks/split.ts'
import type { TrainingSettings } from '../../records/training-log.ts'
import { formatCount, formatMegabytes } from '../../report/format.ts'
import { leastMemory } from '../../runtime/memory.ts'
import { elementCount } from '../../tensor.ts'
import { featureBytes, type KeepOptions, type KeptFeatures, keepFeatures } from '../../train/kept-features.ts'
import type { TrainingBatches } from '../../train/room.ts'
import type { TrainOptions } from './options.ts'
import type { Beginning, Recipe } from './setup.ts'

/** Of the memory that is free. */
const MAX_MEMORY_SHARE = 0.5

export interface Keeping {
  /** The tensor from which on a training computes; null: all of the network in every epoch. */
  readonly from: string | null
  /** Why layers that are frozen run in every epoch. */
  readonly note: string | null
  /** What that takes of memory. */
  readonly kept?: TrainingBatches['kept']
}

/** All of the network in every epoch, as nobody would expect otherwise. */
export const NOT_KEPT: Keeping = { from: null, note: null }

export async function chooseKeeping(
  { network, dataset }: Pick<Beginning, 'network' | 'dataset'>,
  { keepFeatures }: Pick<TrainOptions, 'keepFeatures'>,
  { augment }: Pick<TrainingSettings, 'augment'>,
  freeze: readonly string[] | undefined,
): Promise<Keeping> {
  if (!freeze || keepFeatures === 'never') return NOT_KEPT
  const not = (why: string): Keeping => ({
    from: null,
    note: `what the frozen layers make is not kept, so they run in every epoch: ${why}`,
  })
  const from = lastFixedTensor(network, frozenLayers(network, freeze))
  const trunk = from === null ? null : splitNetwork(network, from).trunk
  if (from === null || !trunk || Object.keys(parametersOf(trunk)).length === 0)
    return not('layers before them are trained, or drop values at random')
  if (augment !== 'none') return not(`--augment ${augment} changes the pictures in every epoch`)
  const images = dataset.train.count + (triedSplit(dataset)?.count ?? 0)
  const bytes = featureBytes(network, from, images)
  const { freeBytes = Infinity } = (await leastMemory()) ?? {}
  if (bytes > freeBytes * MAX_MEMORY_SHARE)
    return not(
      `${valuesText(network, from, images)} take ${formatMegabytes(bytes)}, over half of the ${formatMegabytes(freeBytes)} that are free`,
    )
  return { from, note: null, kept: { bytes, trunk } }
}

/** `400 images x 86,528 values` */
const valuesText = (network: Network, from: string, images: number): string =>
  `${formatCount(images)} images x ${formatCount(elementCount(shapeOf(network, from)))} values`

/** Kept of the images to train on, and of those that are tried after each epoch, if there are any. */
export interface KeptOfDataset {
  readonly from: string
  readonly train: KeptFeatures
  readonly tried: KeptFeatures | null
  /** What is kept, in one line. */
  readonly line: string
}

/** Runs the frozen layers over all images; `options` are as for `keepFeatures`. */
export async function keptOfDataset(
  { network, dataset, preprocessing }: Pick<Beginning & Recipe, 'network' | 'dataset' | 'preprocessing'>,
  from: string,
  options: Omit<KeepOptions, 'from' | 'split' | 'preprocessing' | 'onBatch'>,
  onImages: (done: number, total: number) => void,
): Promise<KeptOfDataset> {
  const { onOpen, retune, ...others } = options
  const tried = triedSplit(dataset)
  const total = dataset.train.count + (tried?.count ?? 0)
  const kept = (split: Split, before: number, more: Pick<KeepOptions, 'retune' | 'onOpen'>) =>
    keepFeatures(network, {
      ...others,
      ...more,
      from,
      split,
      preprocessing,
      onBatch: (done) => onImages(before + done, total),
    })
  const train = await kept(dataset.train, 0, { onOpen, retune })
  // By then what was measured is in the cache, and what was not has been reported
  const ofTried = tried && (await kept(tried, dataset.train.count, {}))
  const bytes = train.byteLength + (ofTried?.byteLength ?? 0)
  const images =
    dataset.train.count + (tried?.count ?? 0) - train.skipped.length - (ofTried?.skipped.length ?? 0)
  return {
    from,
    train,
    tried: ofTried,
    line: `the frozen layers ran once: ${valuesText(network, from, images)}, ${formatMegabytes(bytes)} kept`,
  }
}
