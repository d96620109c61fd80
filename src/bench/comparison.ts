// What an engine wrote beside what it should have written: by images, by rows, and as digests.
import type { View } from '../plan/views.ts'
import { keyOf } from '../random.ts'
import { denseGrid, elementCount, type Grid, pixelAt } from '../tensor.ts'
import type { Share } from './shared-tensors.ts'

/** Sums over the values of a tensor that were compared: they add up over workers. */
export interface Comparison {
  readonly tensor: string
  /** Given the engine's own inputs to the step, or the network's inputs. */
  readonly kind: 'step' | 'end to end'
  readonly differenceSquares: number
  readonly truthSquares: number
  /** Of one value. */
  readonly largestDifference: number
  readonly values: number
}

/** Where the engine has a tensor. */
export interface Look {
  (view: View): Grid
  /** Missing if the steps that are looked at change nothing in place. */
  readonly before?: Before
}

/** What the tensors that a step changes in place were before it ran. */
export interface Before {
  /** Whether the step changes it in place. */
  has(view: View): boolean
  /** The rows of a parameter that are this share's; the others are not to be read. */
  rows(view: View): Grid
  /** An image of an activation, dense; the caller may change it. Only images that this share computes are kept. */
  image(view: View, image: number): Grid
}

export class Comparer {
  readonly #tensor: string
  readonly #kind: Comparison['kind']
  #differenceSquares = 0
  #truthSquares = 0
  #largestDifference = 0
  #values = 0

  constructor(view: View, kind: Comparison['kind'] = 'step') {
    this.#tensor = view.tensor
    this.#kind = kind
  }

  add(value: number, truth: number): void {
    const difference = value - truth
    this.#differenceSquares += difference * difference
    this.#truthSquares += truth * truth
    this.#largestDifference = Math.max(this.#largestDifference, Math.abs(difference)) // which keeps a NaN
    this.#values++
  }

  /** Compares an image of the engine's with a dense one. */
  image(engine: Grid, truth: Grid): void {
    const [, height, width, channels] = engine.shape
    // What is summed here is a number of its own: there are millions of values.
    let [differenceSquares, truthSquares, largest] = [0, 0, 0]
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [from, at] = [pixelAt(engine, 0, y, x), pixelAt(truth, 0, y, x)]
        for (let c = 0; c < channels; c++) {
          const right = truth.values[at + c]!
          const difference = engine.values[from + c]! - right
          differenceSquares += difference * difference
          truthSquares += right * right
          largest = Math.max(largest, Math.abs(difference)) // which keeps a NaN
        }
      }
    }
    this.#differenceSquares += differenceSquares
    this.#truthSquares += truthSquares
    this.#largestDifference = Math.max(this.#largestDifference, largest)
    this.#values += height * width * channels
  }

  /**
   * A sum of terms, some of which may cancel: `squares` is the sum of the terms' squares. Where the sum is smaller than terms
   * without order would make it, its error is compared with that: the gradient of a scale that the next batch norm divides
   * away is 0 but for rounding, on any engine.
   */
  addSum(value: number, truth: number, squares: number): void {
    this.add(value, truth)
    this.#truthSquares += Math.max(0, squares - truth * truth)
  }

  result(): Comparison {
    return {
      tensor: this.#tensor,
      kind: this.#kind,
      differenceSquares: this.#differenceSquares,
      truthSquares: this.#truthSquares,
      largestDifference: this.#largestDifference,
      values: this.#values,
    }
  }
}

export function imageOf(grid: Grid, image: number): Grid {
  const [, height, width, channels] = grid.shape
  return { ...grid, offset: grid.offset + image * grid.imagePitch, shape: [1, height, width, channels] }
}

/**
 * Memory for float64 values that is used again for every step: garbage of this size is collected late, and memory may be short.
 */
export class Scratch {
  #values = new Float64Array(0)
  #taken = 0

  /** Not zeroed. Valid until `clear`. */
  take(length: number): Float64Array {
    this.#taken += length
    if (this.#taken > this.#values.length) return new Float64Array(length)
    return this.#values.subarray(this.#taken - length, this.#taken)
  }

  /** From now on there is room for what was taken since the last call. */
  clear(): void {
    if (this.#taken > this.#values.length) this.#values = new Float64Array(this.#taken)
    this.#taken = 0
  }
}

/**
 * An image in float64 and dense. The plain loops are several times as fast where all that they read and write is of one type, and
 * they read some values more than once.
 */
export function denseImage(grid: Grid, image: number, scratch: Scratch): Grid {
  const [, height, width, channels] = grid.shape
  const dense = denseGrid(scratch.take(height * width * channels), 1, [height, width, channels])
  const rowLength = width * channels
  for (let y = 0; y < height; y++) {
    const from = pixelAt(grid, image, y, 0)
    if (grid.pixelPitch === channels) {
      dense.values.set(grid.values.subarray(from, from + rowLength), y * rowLength)
      continue
    }
    for (let x = 0; x < width; x++) {
      const [at, to] = [from + x * grid.pixelPitch, y * rowLength + x * channels]
      for (let c = 0; c < channels; c++) dense.values[to + c] = grid.values[at + c]!
    }
  }
  return dense
}

/** The images of this share. */
function* imagesOf(grid: Grid, share: Share): Generator<number> {
  for (let image = share.index; image < grid.shape[0]; image += share.count) yield image
}

/** So many values of a step that is computed image by image; of more, some images are enough: one code makes them all. */
const ENOUGH_VALUES = 5e5
const MIN_IMAGES = 4

/**
 * The images that are computed: all of them if they are few or small, and always the first and the last. Which of the others are
 * goes by the tensor's name, so that a network's steps together have all.
 */
export function imagesToCompute({ tensor, shape }: View): readonly number[] {
  const [images, ...image] = shape
  const count = Math.min(images, Math.max(MIN_IMAGES, Math.ceil(ENOUGH_VALUES / elementCount(image))))
  const inner = images - 2
  const gap = count > 2 ? Math.floor(inner / (count - 2)) : 0
  const start = keyOf(0, tensor).low >>> 0
  const between = Array.from({ length: Math.max(0, count - 2) }, (_, i) => 1 + ((start + i * gap) % inner))
  return [0, ...between, images - 1].slice(0, count).sort((a, b) => a - b)
}

/** Those of a view's images that this share computes. */
export const imagesOfShare = (view: View, { index, count }: Share): readonly number[] =>
  imagesToCompute(view).filter((_, i) => i % count === index)

/** Memory of the image that is computed. */
const scratch = new Scratch()

/**
 * Computes image by image, for steps that are cheap: all values, of large tensors those of some images. `image` gives what the
 * step has of another tensor, dense.
 */
export function wholeImages(
  view: View,
  look: Look,
  share: Share,
  compute: (image: (other: View) => Grid, truth: Grid) => void,
): Comparison[] {
  const written = look(view)
  const comparer = new Comparer(view)
  for (const n of imagesOfShare(view, share)) {
    scratch.clear()
    const truth = look.before?.has(view) ? look.before.image(view, n) : zeroImage(written)
    compute((other) => denseImage(look(other), n, scratch), truth)
    comparer.image(imageOf(written, n), truth)
  }
  return [comparer.result()]
}

function zeroImage({ shape: [, ...image] }: Grid): Grid {
  const values = scratch.take(elementCount(image))
  values.fill(0)
  return denseGrid(values, 1, image)
}

/** Computes all images at once, for steps that know an image's place in the batch, and compares as `wholeImages` does. */
export function wholeBatch(
  view: View,
  look: Look,
  share: Share,
  compute: (truth: Grid) => void,
): Comparison[] {
  const written = look(view)
  const [images, ...image] = written.shape
  const comparer = new Comparer(view)
  if (share.index === 0) {
    const truth = denseGrid(new Float64Array(elementCount(written.shape)), images, image)
    const computed = imagesToCompute(view)
    if (look.before?.has(view)) {
      for (const n of computed) truth.values.set(look.before.image(view, n).values, n * elementCount(image))
    }
    compute(truth)
    for (const n of computed) comparer.image(imageOf(written, n), imageOf(truth, n))
  }
  return [comparer.result()]
}

/** Channels that follow each other. */
export interface Channels {
  readonly first: number
  readonly count: number
}

/** Those of this share, of what is summed over the whole batch channel by channel. */
export function channelsOfShare({ shape }: View, { index, count }: Share): Channels {
  const at = (share: number) => Math.floor((shape[3] * share) / count)
  return { first: at(index), count: at(index + 1) - at(index) }
}

export function cutGrid(grid: Grid, { first, count }: Channels): Grid {
  const [images, height, width] = grid.shape
  return { ...grid, offset: grid.offset + first, shape: [images, height, width, count] }
}

/** The rows of a parameter's shape that are this share's. */
export function rowsOfShare(view: View, { index, count }: Share): readonly [first: number, end: number] {
  const rows = view.shape[2]
  return [Math.floor((rows * index) / count), Math.floor((rows * (index + 1)) / count)]
}

/** What a tensor that is changed in place was; throws where nobody kept it. */
export function beforeOf(view: View, { before }: Look): Before {
  if (before?.has(view)) return before
  throw new Error(`'${view.tensor}' is changed in place, and nobody kept what it was`)
}

/** Dense rows of this share, as they were before the step. */
export function rowsBefore(view: View, look: Look, share: Share): Grid {
  return denseRows(beforeOf(view, look).rows(view), rowsOfShare(view, share))
}

export function denseRows(grid: Grid, [first, end]: readonly [number, number]): Grid {
  const columns = grid.shape[3]
  const values = new Float64Array((end - first) * columns)
  for (let row = first; row < end; row++) {
    const from = pixelAt(grid, 0, 0, row)
    for (let c = 0; c < columns; c++) values[(row - first) * columns + c] = grid.values[from + c]!
  }
  return denseGrid(values, 1, [1, end - first, columns])
}

export function compareRows(view: View, look: Look, share: Share, truth: Grid): Comparison {
  const comparer = new Comparer(view)
  comparer.image(denseRows(look(view), rowsOfShare(view, share)), truth)
  return comparer.result()
}

/** A number that belongs to no layer. */
export const numberAt = (view: View, look: Look, index = 0): number => {
  const grid = look(view)
  return grid.values[grid.offset + index]!
}

/** A parameter's rows without what the engine puts between them. */
export function denseParameter(grid: Grid, scratch?: Scratch): Float64Array {
  const [, , rows, columns] = grid.shape
  const dense = scratch?.take(rows * columns) ?? new Float64Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    const from = pixelAt(grid, 0, 0, row)
    for (let column = 0; column < columns; column++)
      dense[row * columns + column] = grid.values[from + column]!
  }
  return dense
}

/** Memory of the weights that a step reads. */
const weightsScratch = new Scratch()

/** Those of one step, dense; valid until the next call. */
export function denseWeights(grid: Grid): Float64Array {
  weightsScratch.clear()
  return denseParameter(grid, weightsScratch)
}

/** Compares an activation's first image with the reference's. */
export function compareImage(view: View, look: Look, truth: Float64Array): Comparison {
  const comparer = new Comparer(view, 'end to end')
  const [, ...image] = view.shape
  comparer.image(imageOf(look(view), 0), denseGrid(truth, 1, image))
  return comparer.result()
}

/** What a tensor's values are as bits: of this share's images, halo and padded channels left out. */
export interface Bits {
  /** Digests add up over shares. */
  readonly digest: number
  /** Whether none is infinite or NaN, as what no step wrote is. */
  readonly areFinite: boolean
}

export function bitsOf(view: View, look: Look, share: Share): Bits {
  const grid = look(view)
  const bits = new Uint32Array(grid.values.buffer)
  const [, height, width, channels] = grid.shape
  let digest = 0
  // Its sign is set by an exponent that is all ones.
  let exponents = 0
  for (const n of imagesOf(grid, share)) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = pixelAt(grid, n, y, x)
        const whole = from + channels - (channels % 4)
        // Four sums that do not wait for each other
        let [a, b, c, d] = [digest, 1, 2, 3]
        let at = from
        for (; at < whole; at += 4) {
          const first = bits[at]!
          const second = bits[at + 1]!
          const third = bits[at + 2]!
          const fourth = bits[at + 3]!
          a = (Math.imul(a, 31) + first) | 0
          b = (Math.imul(b, 31) + second) | 0
          c = (Math.imul(c, 31) + third) | 0
          d = (Math.imul(d, 31) + fourth) | 0
          exponents |= overflowOf(first) | overflowOf(second) | overflowOf(third) | overflowOf(fourth)
        }
        for (; at < from + channels; at++) {
          a = (Math.imul(a, 31) + bits[at]!) | 0
          exponents |= overflowOf(bits[at]!)
        }
        digest = (a + Math.imul(b, 7) + Math.imul(c, 11) + Math.imul(d, 13)) | 0
      }
    }
  }
  return { digest, areFinite: exponents >= 0 }
}

/** Negative if the exponent of a float32 is all ones, which is infinity or NaN. */
const overflowOf = (bits: number): number => ((bits & 0x7fffffff) + 0x00800000) | 0
