// Projects for browsers need not know the types of `await using`.
/// <reference lib="esnext.disposable" preserve="true" />
import {
  integerFromZero,
  numberFromZero,
  optional,
  orNull,
  positiveInteger,
  type Rules,
  requireOptions,
  someObject,
  trueOrFalse,
} from '../check-options.ts'
import { FormatError, UsageError } from '../errors.ts'
import { type Augmentation, checkAugmentation } from './augmentation.ts'
import { damageText } from './damage.ts'
import { type DecoderOptions, decoderRules, decodingOf, type Split } from './dataset.ts'
import { epochOrder } from './order.ts'
import { checkPreprocessing, type Preprocessing } from './preprocessing.ts'
import { openFileMaker, openInlineMaker, type SampleMaker } from './sample-makers.ts'
import {
  type DamagedSample,
  type Recipe,
  type SamplePlace,
  type SkippedImage,
  sampleLength,
} from './samples.ts'

/** How images become batches. */
export interface PipelineOptions extends DecoderOptions {
  /** Images in a batch. */
  readonly batch: number
  /** What `choosePreprocessing` gives, or your own. */
  readonly preprocessing: Preprocessing
  /** Null, the default, takes the image's centre, upright. */
  readonly augmentation?: Augmentation | null
  /** 7 by default. */
  readonly seed?: number
  /** A different order in every epoch, the default; otherwise as stored, for evaluation. */
  readonly shuffle?: boolean
  /**
   * Every batch is full: the images left over at an epoch's end are left out, and a damaged image is replaced by the
   * next good one in the epoch's order. Otherwise damaged images are left out, and batches may be shorter. By default
   * the same as `shuffle`.
   */
  readonly dropLast?: boolean
  /** Images are (N, 10, size, size, channels), as from `tenCrops`. */
  readonly tenCrop?: boolean
  /** Threads for images in files; by default one for each core, up to 4. Images in memory need none. */
  readonly workers?: number
  /** Batches that are prepared while the consumer works. 2 by default. */
  readonly prefetch?: number
  /** The share of damaged images above which reading rejects; up to it they are skipped. 0.01 by default. */
  readonly maxDamagedShare?: number
  /**
   * How many epochs will be read, from 1 on: while one of them ends, the first batches of the next are prepared. 1 by
   * default.
   */
  readonly epochs?: number
}

const rules: Rules<PipelineOptions> = {
  batch: positiveInteger,
  preprocessing: someObject, // checked by checkPreprocessing
  augmentation: optional(orNull(someObject)), // checked by checkAugmentation
  seed: optional(integerFromZero),
  shuffle: optional(trueOrFalse),
  dropLast: optional(trueOrFalse),
  tenCrop: optional(trueOrFalse),
  workers: optional(positiveInteger),
  prefetch: optional(positiveInteger),
  epochs: optional(positiveInteger),
  maxDamagedShare: optional(numberFromZero),
  ...decoderRules,
}

/** A batch of images as a session takes them. */
export interface Batch {
  /** (N, size, size, channels); with ten crops (N, 10, size, size, channels). */
  readonly images: Float32Array
  /** (N): indexes of classes, in the type that sessions take. */
  readonly labels: Float32Array
  /** (N): the images' indexes in the split. */
  readonly indexes: readonly number[]
  /** How long the consumer waited for this batch. */
  readonly waitedMs: number
}

/** Reads the epochs of a split in batches, which are prepared while the consumer works. */
export interface Pipeline {
  /** How many batches an epoch has if no image is damaged. */
  readonly batchesPerEpoch: number
  /** The decoder and why it was chosen; null if nothing is decoded. */
  readonly decoder: string | null
  /** The images that were found damaged so far, in the split's order. */
  readonly skipped: readonly SkippedImage[]
  /**
   * The batches of an epoch from `fromBatch` on: the same as if the epoch were read from its beginning, with any number
   * of threads. A batch's arrays belong to the consumer until it asks for the next one. Rejects with FormatError,
   * naming the files, once too many of the images are damaged (`maxDamagedShare`).
   */
  epoch(epoch: number, fromBatch?: number): AsyncGenerator<Batch, void>
  /** Ends the workers; an epoch that is still being read rejects. */
  dispose(): Promise<void>
  /** The same as `dispose`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

const DEFAULT_SEED = 7
const DEFAULT_PREFETCH = 2
const DEFAULT_DAMAGED_SHARE = 0.01

/**
 * Opens a pipeline over a split, and starts its threads if the images are in files. Throws UsageError for invalid
 * options, UnavailableError if the decoder that was asked for can't be used.
 */
export async function openPipeline(split: Split, options: PipelineOptions): Promise<Pipeline> {
  requireOptions('openPipeline', options, rules)
  const { preprocessing, augmentation = null, seed = DEFAULT_SEED, tenCrop: isTenCrop = false } = options
  const { batch, shuffle = true, dropLast = shuffle, workers } = options
  checkPreprocessing(preprocessing)
  if (augmentation) checkAugmentation(augmentation, preprocessing)
  if (augmentation && isTenCrop)
    throw new UsageError('pipeline: ten crops are always the same; use no augmentation')
  if (dropLast) fullBatches(split.count, batch) // throws before a worker starts
  const recipe: Recipe = { preprocessing, augmentation, seed, isTenCrop }
  const maker = split.files
    ? await openFileMaker(split.files, recipe, { ...decodingOf(split, options), workers })
    : openInlineMaker(split, recipe)
  return pipelineOf(split, maker, sampleLength(recipe), options)
}

/** What the order and the size of batches depend on. */
export type BatchOptions = Pick<
  PipelineOptions,
  'batch' | 'seed' | 'shuffle' | 'dropLast' | 'prefetch' | 'epochs' | 'maxDamagedShare'
>

/** A pipeline over samples of `length` values that `maker` makes in place of pictures; in all else as `openPipeline`. */
export function pipelineOf(
  split: Split,
  maker: SampleMaker,
  length: number,
  options: BatchOptions,
): Pipeline {
  const { batch, seed = DEFAULT_SEED, prefetch = DEFAULT_PREFETCH, epochs = 1 } = options
  const { shuffle: isShuffled = true, dropLast: areFull = isShuffled } = options
  const { maxDamagedShare = DEFAULT_DAMAGED_SHARE } = options
  const batchesPerEpoch = areFull ? fullBatches(split.count, batch) : Math.ceil(split.count / batch)
  const order = { batchesPerEpoch, isShuffled, areFull, maxDamagedShare }
  const layout = { batch, length, seed, prefetch, epochs, ...order }
  return new SplitPipeline(split, maker, layout)
}

/** How many full batches an epoch has. Throws UsageError if it has none. */
export function fullBatches(images: number, batch: number): number {
  if (images >= batch) return Math.floor(images / batch)
  throw new UsageError(`pipeline: ${images} images are fewer than a batch of ${batch}; use a smaller batch`)
}

interface Layout {
  readonly batch: number
  /** Values of a sample. */
  readonly length: number
  readonly seed: number
  readonly prefetch: number
  readonly epochs: number
  readonly batchesPerEpoch: number
  readonly isShuffled: boolean
  readonly areFull: boolean
  readonly maxDamagedShare: number
}

type MadeBatch = Omit<Batch, 'waitedMs'>

/** An epoch's batches that are being made, in order. */
interface Making {
  readonly epoch: number
  readonly order: Uint32Array
  readonly pending: { readonly memory: Float32Array; readonly made: Promise<MadeBatch> }[]
}

class SplitPipeline implements Pipeline {
  readonly batchesPerEpoch: number
  readonly decoder: string | null
  readonly #split: Split
  readonly #maker: SampleMaker
  readonly #layout: Layout
  readonly #skipped = new Map<number, SkippedImage>()
  /** Memory of batches that nobody uses now. */
  readonly #spare: Float32Array[] = []
  /** The first batches of an epoch that nobody has asked for yet. */
  #ahead: Making | null = null

  constructor(split: Split, maker: SampleMaker, layout: Layout) {
    this.#split = split
    this.#maker = maker
    this.#layout = layout
    this.batchesPerEpoch = layout.batchesPerEpoch
    this.decoder = maker.decoder
  }

  get skipped(): readonly SkippedImage[] {
    return [...this.#skipped.values()].sort((a, b) => a.index - b.index)
  }

  async *epoch(epoch: number, fromBatch = 0): AsyncGenerator<Batch, void> {
    const { batchesPerEpoch, prefetch, epochs } = this.#layout
    const making = (fromBatch === 0 && this.#takeAhead(epoch)) || this.#beginning(epoch)
    const { pending } = making
    let next = fromBatch + pending.length
    const begin = (): void => {
      if (next < batchesPerEpoch) this.#begin(making, next++)
      else if (epoch < epochs) this.#beginAhead(epoch + 1)
    }
    try {
      while (pending.length < prefetch && next < batchesPerEpoch) begin()
      while (pending.length > 0) {
        const askedMs = performance.now()
        const batch = await pending[0]!.made
        const waitedMs = performance.now() - askedMs
        begin() // while the consumer works on this one
        if (batch.indexes.length > 0) yield { ...batch, waitedMs }
        this.#spare.push(pending.shift()!.memory)
      }
    } finally {
      // If a consumer stops half-way, some batches are still being written
      await Promise.allSettled(pending.map(({ made }) => made))
      this.#spare.push(...pending.map(({ memory }) => memory))
    }
  }

  #beginning(epoch: number): Making {
    return { epoch, order: this.#orderOf(epoch), pending: [] }
  }

  #begin({ epoch, order, pending }: Making, number: number): void {
    const memory = this.#spare.pop() ?? this.#allocate()
    const made = this.#make(epoch, order, number, memory)
    made.catch(() => {}) // reported when the batch is awaited
    pending.push({ memory, made })
  }

  #beginAhead(epoch: number): void {
    const { prefetch, batchesPerEpoch } = this.#layout
    this.#ahead ??= this.#beginning(epoch)
    const { pending } = this.#ahead
    const isWanted = this.#ahead.epoch === epoch && pending.length < Math.min(prefetch, batchesPerEpoch)
    if (isWanted) this.#begin(this.#ahead, pending.length)
  }

  #takeAhead(epoch: number): Making | null {
    if (this.#ahead?.epoch !== epoch) return null
    const ahead = this.#ahead
    this.#ahead = null
    return ahead
  }

  async dispose(): Promise<void> {
    await this.#maker.dispose()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  #allocate(): Float32Array {
    return this.#maker.allocate(this.#layout.batch * this.#layout.length)
  }

  #orderOf(epoch: number): Uint32Array {
    const { count } = this.#split
    const { isShuffled, seed } = this.#layout
    if (isShuffled) return epochOrder(count, seed, epoch)
    return Uint32Array.from({ length: count }, (_, index) => index)
  }

  async #make(epoch: number, order: Uint32Array, number: number, memory: Float32Array): Promise<MadeBatch> {
    const first = number * this.#layout.batch
    const indexes = [...order.subarray(first, first + this.#layout.batch)]
    const places = indexes.map((index, position) => ({ position, index }))
    const damaged = await this.#attempt(epoch, places, memory)
    if (!this.#layout.areFull)
      return this.#batchOf(memory, compacted(memory, indexes, damaged, this.#layout.length))
    await Promise.all(
      damaged.map(async ({ position }) => {
        indexes[position] = await this.#replace(epoch, order, first + position, position, memory)
      }),
    )
    return this.#batchOf(memory, indexes)
  }

  #batchOf(memory: Float32Array, indexes: readonly number[]): MadeBatch {
    const images = memory.subarray(0, indexes.length * this.#layout.length)
    return { images, labels: Float32Array.from(indexes, (index) => this.#split.label(index)), indexes }
  }

  /**
   * Puts the next good image after `rank` in the epoch's order into a batch and returns its index. Most images are
   * good, or `#skip` throws.
   */
  async #replace(
    epoch: number,
    order: Uint32Array,
    rank: number,
    position: number,
    memory: Float32Array,
  ): Promise<number> {
    for (let step = 1; ; step++) {
      const index = order[(rank + step) % order.length]!
      const damaged = await this.#attempt(epoch, [{ position, index }], memory)
      if (damaged.length === 0) return index
    }
  }

  /** Makes samples; returns those that can't be made, now or before. Throws once there are too many of them. */
  async #attempt(
    epoch: number,
    places: readonly SamplePlace[],
    memory: Float32Array,
  ): Promise<readonly SamplePlace[]> {
    const known = places.filter(({ index }) => this.#skipped.has(index))
    const unknown = places.filter(({ index }) => !this.#skipped.has(index))
    const damaged = unknown.length > 0 ? await this.#maker.make(epoch, unknown, memory) : []
    this.#skip(damaged)
    return [...known, ...damaged]
  }

  #skip(damaged: readonly DamagedSample[]): void {
    for (const { index, file, reason } of damaged) this.#skipped.set(index, { index, file, reason })
    const { count } = this.#split
    if (damaged.length === 0 || this.#skipped.size <= count * this.#layout.maxDamagedShare) return
    throw new FormatError(
      `${this.#skipped.size} of ${count} images are damaged, over ${formatShare(this.#layout.maxDamagedShare)}; repair or remove them; ` +
        damageText(this.skipped, count),
    )
  }
}

const formatShare = (share: number): string => `${Number((100 * share).toPrecision(3))}%`

/** Moves the samples together over the damaged ones; returns the remaining indexes. */
function compacted(
  memory: Float32Array,
  indexes: readonly number[],
  damaged: readonly SamplePlace[],
  length: number,
): readonly number[] {
  const bad = new Set(damaged.map(({ position }) => position))
  const kept = indexes.map((_, position) => position).filter((position) => !bad.has(position))
  kept.forEach((from, to) => {
    if (from !== to) memory.copyWithin(to * length, from * length, (from + 1) * length)
  })
  return kept.map((position) => indexes[position]!)
}
