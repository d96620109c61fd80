// What makes a batch's samples: the caller's thread for images in memory, worker threads for images in files.
import { ConvmarkError, DamagedImageError } from '../errors.ts'
import type { DecoderOptions, Split } from './dataset.ts'
import { FileCrew, IMAGES_PER_JOB } from './file-crew.ts'
import { type DamagedSample, type Recipe, type SamplePlace, sampleLength, writeSample } from './samples.ts'

export interface SampleMaker {
  /** The decoder and why it was chosen, as in a crew; null if nothing is decoded. */
  readonly decoder: string | null
  /** Memory for a batch with this many values. */
  allocate(length: number): Float32Array
  /** Writes samples to their places in `images`, which must come from `allocate`; resolves with those that are damaged. */
  make(epoch: number, places: readonly SamplePlace[], images: Float32Array): Promise<readonly DamagedSample[]>
  dispose(): Promise<void>
}

/** Works on the caller's own thread, but after the caller's current code. */
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
        const destination = images.subarray(position * length, (position + 1) * length)
        try {
          writeSample(await split.image(index), recipe, epoch, { index, name }, destination)
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

/** Works in worker threads, which receive names of files and shared memory for the results. */
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
      // Waits for all of them: one that still runs would write into memory that belongs to another batch by then
      const settled = await Promise.allSettled(jobs)
      const failed = settled.find((result) => result.status === 'rejected')
      if (failed) throw failed.reason
      return settled.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
    },
    dispose: () => crew.dispose(new ConvmarkError('the pipeline was disposed while it was making a batch')),
  }
}
