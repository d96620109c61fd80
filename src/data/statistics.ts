// Statistics of a data set's images: one pass over the pixels of some of them.
import {
  abortSignal,
  optional,
  orNull,
  positiveInteger,
  type Rules,
  requireOptions,
  someFunction,
} from '../check-options.ts'
import { DamagedImageError, FormatError, InterruptedError } from '../errors.ts'
import { type ChannelStatistics, type ColourComponents, principalComponents, statisticsOf } from './colour.ts'
import { damageText } from './damage.ts'
import {
  type Channels,
  type DecoderOptions,
  decoderRules,
  decodingOf,
  type Split,
  withChannels,
} from './dataset.ts'
import { FileCrew, IMAGES_PER_JOB } from './file-crew.ts'
import { addMoments, addPixels, type Moments, noMoments } from './moments.ts'
import { resizedSquare } from './resample.ts'
import type { SkippedImage } from './samples.ts'
/** Which pixels are counted, and how images are read. */
export interface StatisticsOptions extends DecoderOptions {
  /** How many images are sampled, evenly spread over the set. 1,000 by default. */
  readonly sample?: number
  /**
   * The pixels are those of each image's central square, resized to this side, as a network sees it whose preprocessing
   * resizes; far larger JPEGs are decoded at a reduced size. Null, the default: whole images as they are.
   */
  readonly side?: number | null
  /** Threads for images in files; by default one for each core, up to 4. */
  readonly workers?: number
  /** Called with the number of images read so far, and of all that are to be read. */
  readonly onProgress?: (imagesDone: number, total: number) => void
  /** Rejects with InterruptedError. */
  readonly signal?: AbortSignal
}

/** Options that do not change which pixels are read, only how. */
export const passRules: Rules<Omit<StatisticsOptions, 'sample' | 'side'>> = {
  workers: optional(positiveInteger),
  onProgress: optional(someFunction),
  signal: optional(abortSignal),
  ...decoderRules,
}

const rules: Rules<StatisticsOptions> = {
  sample: optional(positiveInteger),
  side: optional(orNull(positiveInteger)),
  ...passRules,
}

const SAMPLE_IMAGES = 1000

/**
 * Mean and sd of each channel over the pixels of a split. Damaged images are left out; throws FormatError, which says
 * why, if all are damaged.
 */
export async function channelStatistics(
  split: Split,
  channels: Channels,
  options: StatisticsOptions = {},
): Promise<ChannelStatistics> {
  requireOptions('channelStatistics', options, rules)
  const { mean, covariance } = statisticsOf(await momentsOf(split, channels, options))
  return { mean, sd: covariance.map((row, c) => Math.sqrt(row[c]!)) }
}

/**
 * Principal components of the colours of a split, computed as `channelStatistics` does. Source: Krizhevsky et al. 2012,
 * section 4.1.
 */
export async function colourComponents(
  split: Split,
  options: StatisticsOptions = {},
): Promise<ColourComponents> {
  requireOptions('colourComponents', options, rules)
  return principalComponents(statisticsOf(await momentsOf(split, 3, options)).covariance)
}

/** The last sums of each set: channel statistics and components of the same pixels need only one pass. */
const lastMoments = new WeakMap<Split, { readonly key: string; readonly moments: Moments }>()

async function momentsOf(split: Split, channels: Channels, options: StatisticsOptions): Promise<Moments> {
  const { sample = SAMPLE_IMAGES, side = null } = options
  const { decoder, maxPixels } = decodingOf(split, options)
  const key = `${channels} ${sample} ${side} ${decoder} ${maxPixels}`
  const last = lastMoments.get(split)
  if (last?.key === key) return last.moments
  if (options.signal?.aborted) throw interrupted()
  const count = Math.min(sample, split.count)
  const indexes = Array.from({ length: count }, (_, i) => Math.floor((i * split.count) / count))
  const moments = noMoments(channels)
  const damaged = split.files
    ? await addFiles(moments, split, split.files, indexes, options)
    : await addImages(moments, split, indexes, options)
  if (moments.count === 0)
    throw new FormatError(`none of ${count} images could be read; ${damageText(damaged, count)}`)
  lastMoments.set(split, { key, moments })
  return moments
}

/** On the caller's thread, with a pause from time to time. */
async function addImages(
  moments: Moments,
  split: Split,
  indexes: readonly number[],
  { side = null, onProgress, signal }: StatisticsOptions,
): Promise<readonly SkippedImage[]> {
  const damaged: SkippedImage[] = []
  for (const [done, index] of indexes.entries()) {
    if (done % IMAGES_PER_BREAK === 0) {
      await new Promise((resolve) => setTimeout(resolve, 0))
      if (signal?.aborted) throw interrupted()
      onProgress?.(done, indexes.length)
    }
    try {
      const image = await split.image(index)
      const square = side === null ? image : resizedSquare(image, side)
      addPixels(moments, withChannels(square, moments.sums.length as Channels))
    } catch (error) {
      // The training on this set counts and names it
      if (!(error instanceof DamagedImageError)) throw error
      damaged.push({ index, file: error.file, reason: error.reason })
    }
  }
  onProgress?.(indexes.length, indexes.length)
  return damaged
}

const IMAGES_PER_BREAK = 16

const interrupted = (): Error =>
  new InterruptedError('interrupted while the images’ colours were being measured')

/** In worker threads. */
async function addFiles(
  moments: Moments,
  split: Split,
  files: readonly string[],
  indexes: readonly number[],
  options: StatisticsOptions,
): Promise<readonly SkippedImage[]> {
  const { side = null, onProgress, signal } = options
  const crew = await FileCrew.open(options.workers, decodingOf(split, options))
  const end = () => void crew.dispose(interrupted())
  signal?.addEventListener('abort', end)
  if (signal?.aborted) end()
  try {
    let done = 0
    onProgress?.(done, indexes.length)
    const jobs: Promise<readonly SkippedImage[]>[] = []
    for (let first = 0; first < indexes.length; first += IMAGES_PER_JOB) {
      const images = indexes
        .slice(first, first + IMAGES_PER_JOB)
        .map((index) => ({ index, file: files[index]! }))
      const request = { kind: 'moments', images, channels: moments.sums.length as Channels, side } as const
      const job = crew.do<'moments'>(request).then((answer) => {
        addMoments(moments, answer.moments)
        done += images.length
        onProgress?.(done, indexes.length)
        return answer.damaged
      })
      jobs.push(job)
    }
    return (await Promise.all(jobs)).flat()
  } finally {
    signal?.removeEventListener('abort', end)
    await crew.dispose(interrupted())
  }
}
