// How the images of a depthwise convolution are cut into tasks.
import { type EqualPieces, evenSplit, runsOf, vectorBlocks, WANTED_TASKS } from './kernel.ts'
import { MIN_TASK_VALUES, VALUES_PER_TASK } from './rows.ts'

/** With fewer rows in a band, the tasks beside it would read most of the same rows as well. */
const MIN_BAND_ROWS = 4

export interface ImagesToCut {
  readonly images: number
  readonly height: number
  /** Values that a task reads and writes for each row. */
  readonly rowValues: number
  readonly vectors: number
  /** Bands begin at multiples of this many rows. */
  readonly unit: number
  /** Whether vectors of channels may be divided among tasks. */
  readonly splitsChannels: boolean
}

/** Bands of rows, and blocks of vectors of channels. */
export interface Cuts {
  readonly bands: readonly EqualPieces[]
  readonly blocks: readonly EqualPieces[]
}

/** Cuts images into bands that stay in the cache; if there are too few bands for many threads, channels are divided too. */
export function cutImages(cut: ImagesToCut): Cuts {
  const { images, height, vectors, unit } = cut
  const values = height * cut.rowValues
  const forThreads = Math.min(Math.ceil(WANTED_TASKS / images), Math.floor(values / MIN_TASK_VALUES))
  const forCache = Math.ceil(values / VALUES_PER_TASK)
  const units = Math.ceil(height / unit)
  const leastUnits = cut.splitsChannels ? Math.ceil(MIN_BAND_ROWS / unit) : 1
  const bands = Math.max(1, Math.min(Math.max(forThreads, forCache), Math.ceil(units / leastUnits)))
  // Some channels of a band are not contiguous in memory, so channels are divided only if there are too few tasks.
  const blocks = cut.splitsChannels ? Math.max(1, Math.min(vectors, Math.ceil(forThreads / bands))) : 1
  return {
    bands: runsOf(cutInUnits(height, unit, Math.ceil(units / bands))),
    blocks: vectorBlocks(vectors, Math.ceil(vectors / blocks)),
  }
}

/** Cuts a length into pieces of at most `most` units; the last unit may be cut short. */
export function cutInUnits(length: number, unit: number, most: number): number[] {
  let rest = length
  return evenSplit(Math.ceil(length / unit), most).map((units) => {
    const size = Math.min(rest, units * unit)
    rest -= size
    return size
  })
}
