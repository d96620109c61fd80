// What an engine wrote beside what it should have written: by images, by rows, and as digests.
import type { View } from '../plan/views.ts'
import { denseGrid, eachPixel, elementCount, type Grid, pixelAt } from '../tensor.ts'
import type { Share } from './parts.ts'

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

/**
 * Where the engine has a tensor; `before` is what stood there before the step ran, of what it changes in place: of an update
 * this share's rows, otherwise all.
 */
export interface Look {
  (view: View): Grid
  readonly before?: (view: View) => Grid
  /** Whether the step that is looked at changes it in place. */
  readonly changes?: (view: View) => boolean
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

function copyImage(from: Grid, to: Grid): void {
  eachPixel(to, (n, y, x) => {
    const [at, where] = [pixelAt(from, n, y, x), pixelAt(to, n, y, x)]
    for (let c = 0; c < to.shape[3]; c++) to.values[where + c] = from.values[at + c]!
  })
}

/** The images of this share. */
function* imagesOf(grid: Grid, share: Share): Generator<number> {
  for (let image = share.index; image < grid.shape[0]; image += share.count) yield image
}

/** So many values of a step that is computed image by image; of more, some images are enough: one code makes them all. */
const ENOUGH_VALUES = 2e6
const MIN_IMAGES = 4

/** The images that are computed: all of them if they are few or small, and always the first and the last. */
export function imagesToCompute(images: number, valuesOfImage: number): ReadonlySet<number> {
  const count = Math.min(images, Math.max(MIN_IMAGES, Math.ceil(ENOUGH_VALUES / valuesOfImage)))
  const at = (i: number) => (count === 1 ? 0 : Math.round((i * (images - 1)) / (count - 1)))
  return new Set(Array.from({ length: count }, (_, i) => at(i)))
}

/**
 * Computes image by image, for steps that are cheap: all values, of large tensors those of some images. Of the others each value
 * must be a number, and none that the step left unwritten.
 */
export function wholeImages(
  view: View,
  look: Look,
  share: Share,
  compute: (image: (other: View) => Grid, truth: Grid) => void,
): Comparison[] {
  const written = look(view)
  const [images, height, width, channels] = written.shape
  const comparer = new Comparer(view)
  // One for all images: what is garbage after each of them may be collected late, and memory may be short.
  const values = new Float64Array(height * width * channels)
  const truth = denseGrid(values, 1, [height, width, channels])
  const before = look.changes?.(view) ? look.before!(view) : null
  const computed = [...imagesToCompute(images, values.length)]
  for (const n of computed.filter((_, i) => i % share.count === share.index)) {
    values.fill(0)
    if (before) copyImage(imageOf(before, n), truth)
    compute((other) => imageOf(look(other), n), truth)
    comparer.image(imageOf(written, n), truth)
  }
  for (const n of imagesOf(written, share)) {
    if (!computed.includes(n) && hasNotNumber(imageOf(written, n))) comparer.add(Number.NaN, 0)
  }
  return [comparer.result()]
}

function hasNotNumber(image: Grid): boolean {
  let sum = 0
  eachPixel(image, (n, y, x) => {
    const from = pixelAt(image, n, y, x)
    // 0 times a number is 0, times an infinity or NaN it is NaN.
    for (let c = 0; c < image.shape[3]; c++) sum += 0 * image.values[from + c]!
  })
  return Number.isNaN(sum)
}

/** All values too, at once: for steps that know an image's place in the batch. One share does it. */
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
    if (look.changes?.(view)) {
      const before = look.before!(view)
      for (let n = 0; n < images; n++) copyImage(imageOf(before, n), imageOf(truth, n))
    }
    compute(truth)
    for (let n = 0; n < images; n++) comparer.image(imageOf(written, n), imageOf(truth, n))
  }
  return [comparer.result()]
}

/** The rows of a parameter's shape that are this share's. */
export function rowsOfShare(view: View, { index, count }: Share): readonly [first: number, end: number] {
  const rows = view.shape[2]
  return [Math.floor((rows * index) / count), Math.floor((rows * (index + 1)) / count)]
}

/** Dense rows of this share, as they were before the step. */
export function rowsBefore(view: View, look: Look, share: Share): Grid {
  if (!look.before) throw new Error(`'${view.tensor}' is changed in place, and nobody kept what it was`)
  return denseRows(look.before(view), rowsOfShare(view, share))
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
export function denseParameter(grid: Grid): Float64Array {
  const [, , rows, columns] = grid.shape
  const dense = new Float64Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    const from = pixelAt(grid, 0, 0, row)
    for (let column = 0; column < columns; column++)
      dense[row * columns + column] = grid.values[from + column]!
  }
  return dense
}

/** Compares an activation's first image with the reference's. */
export function compareImage(view: View, look: Look, truth: Float64Array): Comparison {
  const comparer = new Comparer(view, 'end to end')
  const [, ...image] = view.shape
  comparer.image(imageOf(look(view), 0), denseGrid(truth, 1, image))
  return comparer.result()
}

/** A digest of a tensor's bits, of this share's images: they add up over shares. Halo and padded channels left out. */
export function digest(view: View, look: Look, share: Share): number {
  const grid = look(view)
  const bits = new Uint32Array(grid.values.buffer)
  const [, height, width, channels] = grid.shape
  let sum = 0
  for (const n of imagesOf(grid, share)) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = pixelAt(grid, n, y, x)
        const whole = from + channels - (channels % 4)
        // Four sums that do not wait for each other
        let [a, b, c, d] = [sum, 1, 2, 3]
        let at = from
        for (; at < whole; at += 4) {
          a = (Math.imul(a, 31) + bits[at]!) | 0
          b = (Math.imul(b, 31) + bits[at + 1]!) | 0
          c = (Math.imul(c, 31) + bits[at + 2]!) | 0
          d = (Math.imul(d, 31) + bits[at + 3]!) | 0
        }
        for (; at < from + channels; at++) a = (Math.imul(a, 31) + bits[at]!) | 0
        sum = (a + Math.imul(b, 7) + Math.imul(c, 11) + Math.imul(d, 13)) | 0
      }
    }
  }
  return sum
}
