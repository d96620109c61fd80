// Who makes a batch's samples: the caller's thread for images in memory, worker threads for images in files.
import { ConvmarkError, DamagedImageError } from '../errors.ts'
import type { DecoderOptions, Split } from './dataset.ts'
import { FileCrew, IMAGES_PER_JOB } from './file-crew.ts'
import { type DamagedSample, type Recipe, type SamplePlace, sampleLength, writeSample } from './samples.ts'

export interface SampleMaker {
  /** Who decodes, and why, as a crew has it; null where nothing is to be decoded. */
  readonly decoder: string | null
  /** Memory for a batch of so many values. */
  allocate(length: number): Float32Array
  /** Writes samples to their places in `images`, which came from `allocate`; resolves with those that are damaged. */
  make(epoch: number, places: readonly SamplePlace[], images: Float32Array): Promise<readonly DamagedSample[]>
  dispose(): Promise<void>
}

/** On the caller's own thread, after what it had to do at once. */
export function openInlineMaker(split: Split, recipe: Recipe): SampleMaker {
  const length = sampleLength(recipe)
  return {
    decoder: null,
    allocate: (length) => new Float32Array(length),
    async make(epoch, places, images) {
      await new Promise((resolve) => setTimeout(resolve, 0))
      const damaged: DamagedSample[] = []
      for (const place of places) {
        const { index, position } = place
        const name = split.files?.[index] ?? `image ${index}`
        const target = images.subarray(position * length, (position + 1) * length)
        try {
          writeSample(await split.image(index), recipe, epoch, { index, name }, target)
        } catch (error) {
          if (!(error instanceof DamagedImageError)) throw error
          damaged.push({ ...place, file: error.file, reason: error.reason })
        }
      }
      return damaged
    },
    dispose: async () => {},
  }
}

/** In worker threads: they are given names of files, and shared memory for what becomes of them. */
export async function openFileMaker(
  files: readonly string[],
  recipe: Recipe,
  { workers, ...decoder }: DecoderOptions & { readonly workers?: number | undefined },
): Promise<SampleMaker> {
  const crew = await FileCrew.open(workers, decoder)
  return {
    decoder: crew.decoder,
    allocate: (length) => new Float32Array(new SharedArrayBuffer(Float32Array.BYTES_PER_ELEMENT * length)),
    async make(epoch, places, images) {
      const named = places.map((place) => ({ ...place, file: files[place.index]! }))
      const buffer = images.buffer as SharedArrayBuffer
      const jobs: Promise<readonly DamagedSample[]>[] = []
      for (let first = 0; first < named.length; first += IMAGES_PER_JOB) {
        const places = named.slice(first, first + IMAGES_PER_JOB)
        jobs.push(crew.do<'samples'>({ kind: 'samples', recipe, epoch, places, images: buffer }))
      }
      // All of them, since one that still runs would write into a batch that is somebody else's by then
      const settled = await Promise.allSettled(jobs)
      const failed = settled.find((result) => result.status === 'rejected')
      if (failed) throw failed.reason
      return settled.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
    },
    dispose: () => crew.dispose(new ConvmarkError('the pipeline was disposed of while it made a batch')),
  }
}
