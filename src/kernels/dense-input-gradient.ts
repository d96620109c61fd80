import { ProgramBuilder, type Vector } from '../codegen/program.ts'
import type { StepOfKind } from '../plan/steps.ts'
import { gridOfRows, linesOf, type RowTasks, rowTasks, valuesOfRows, weightsOfRows } from './dense.ts'
import {
  argument,
  bytes,
  type Candidate,
  evenSplit,
  type KernelRule,
  type Part,
  runsOf,
  type TargetTraits,
  threadArgument,
} from './kernel.ts'

type InputGradient = StepOfKind<'dense-input-gradient'>

interface DotCandidate extends Candidate {
  /** How many rows of weights, and how many images, have their products summed together. */
  readonly rows: number
  readonly images: number
}

/** Rows of weights by images. */
const TILES = [
  [4, 2],
  [3, 3],
  [6, 2],
  [2, 4],
  [4, 3],
  [4, 4],
  [6, 4],
  [4, 6],
  [8, 1],
  [4, 1],
] as const

/** How much of a row of weights is summed before the next images: some rows of that length stay in the first-level cache. */
const FILTERS_AT_ONCE = 1024

/**
 * dX[image, input] = sum over the filters of dY[image, filter] * W[input, filter]. In memory both are in the order of
 * the filters, so the sums are vectors whose lanes are added up at the end, and no transposed copy of the weights
 * is needed. A task reads its rows of weights once, for all images; meanwhile the sums are in the thread's scratch.
 */
export const denseInputGradient: KernelRule<'dense-input-gradient', DotCandidate> = {
  tilesImages: true,
  candidates: ({ writes }, traits) => {
    const [most] = writes.inputGradient.shape
    const fitting = TILES.filter(
      ([rows, images]) =>
        images <= most && (images > 1 || most === 1) && rows * images + images + 1 <= traits.vectorRegisters,
    )
    return fitting.map(([rows, images]) => ({ algorithm: 'dot', tile: `${rows}x${images}`, rows, images }))
  },

  build(step, traits, candidate) {
    const { gradient, weights } = step.reads
    const { inputGradient } = step.writes
    const images = gradient.shape[0]
    const lines = linesOf(inputGradient)
    const products = rowTasks(lines, candidate.rows, 2 * images * weights.pixelPitch).map(
      (rows): Part => ({
        program: dotProgram(step, traits, candidate, rows),
        grid: gridOfRows(lines, rows),
        arguments: {
          weights: weightsOfRows(weights, lines, rows),
          gradient: argument(gradient, 0, []),
          output: valuesOfRows(inputGradient, lines, rows),
          sums: threadArgument,
        },
      }),
    )
    return {
      ...candidate,
      privateBuffers: [],
      threadScratch: images * candidate.rows * traits.lanes,
      prologue: [],
      stages: [{ parts: [...products, ...paddingParts(step, traits)] }],
    }
  },
}

function dotProgram(
  step: InputGradient,
  traits: TargetTraits,
  candidate: DotCandidate,
  { size, groups }: RowTasks,
) {
  const { gradient, weights } = step.reads
  const { inputGradient } = step.writes
  const images = gradient.shape[0]
  const row = bytes(weights.pixelPitch)
  const parameters = ['weights', 'gradient', 'output', 'sums']
  const b = new ProgramBuilder(`${step.layer} input gradient ${candidate.tile}`, traits.lanes, parameters)
  const [w, from, to] = [b.parameter('weights'), b.parameter('gradient'), b.parameter('output')]
  const sums = b.parameter('sums') // [image][row of the group], a vector each
  const sumsOfImage = size * b.vectorBytes

  const clear = (): void => {
    const zero = b.splat(0)
    b.walk(images, [[sums, sumsOfImage]], () => {
      for (let r = 0; r < size; r++) b.store(sums, r * b.vectorBytes, zero)
    })
  }

  /** Adds the products of `vectors` vectors of filters, for some images. */
  const add = (vectors: number, imageCount: number): void => {
    const all: Vector[] = []
    for (let i = 0; i < imageCount * size; i++) all.push(b.load(sums, i * b.vectorBytes))
    const alongFilters = [
      [w, b.vectorBytes],
      [from, b.vectorBytes],
    ] as const
    b.walk(vectors, alongFilters, () => {
      const gradients = Array.from({ length: imageCount }, (_, n) =>
        b.load(from, n * bytes(gradient.imagePitch)),
      )
      for (let r = 0; r < size; r++) {
        const weight = b.load(w, r * row)
        for (let n = 0; n < imageCount; n++) b.fma(all[n * size + r]!, weight, gradients[n]!)
      }
    })
    all.forEach((sum, i) => {
      b.store(sums, i * b.vectorBytes, sum)
    })
  }

  const finish = (): void => {
    const overImages = [
      [sums, sumsOfImage],
      [to, bytes(inputGradient.imagePitch)],
    ] as const
    b.walk(images, overImages, () => {
      for (let r = 0; r < size; r++) {
        b.storeLane(to, bytes(r), b.unary('horizontalSum', b.load(sums, r * b.vectorBytes)))
      }
    })
  }

  const chunks = runsOf(
    evenSplit(weights.pixelPitch / traits.lanes, Math.max(1, FILTERS_AT_ONCE / traits.lanes)),
  )
  const tiles = runsOf(evenSplit(images, candidate.images))
  const moves = [
    [w, size * row],
    [to, bytes(size)],
  ] as const
  b.walk(groups, moves, () => {
    clear()
    for (const chunk of chunks) {
      b.loop(chunk.count, () => {
        for (const tile of tiles) {
          b.loop(tile.count, () => {
            add(chunk.size, tile.size)
            b.advance(from, tile.size * bytes(gradient.imagePitch))
            b.advance(sums, tile.size * sumsOfImage)
          })
        }
        b.advance(from, chunk.size * b.vectorBytes - images * bytes(gradient.imagePitch))
        b.advance(sums, -images * sumsOfImage)
        b.advance(w, chunk.size * b.vectorBytes)
      })
    }
    b.advance(from, -row)
    b.advance(w, -row)
    finish()
  })
  return b.finish()
}

/** Writes zeros into the padded channels of each pixel. */
function paddingParts(step: InputGradient, traits: TargetTraits): Part[] {
  const { inputGradient } = step.writes
  const [images, height, width, channels] = inputGradient.shape
  const padded = inputGradient.pixelPitch - channels
  if (padded === 0) return []
  const b = new ProgramBuilder(`padding of ${inputGradient.tensor}`, traits.lanes, ['pixel'])
  const zero = b.splat(0)
  for (let c = 0; c < padded; c++) b.storeLane(b.parameter('pixel'), bytes(c), zero)
  const steps = [inputGradient.imagePitch, inputGradient.rowPitch, inputGradient.pixelPitch]
  return [
    {
      program: b.finish(),
      grid: [images, height, width],
      arguments: { pixel: argument(inputGradient, channels, steps) },
    },
  ]
}
