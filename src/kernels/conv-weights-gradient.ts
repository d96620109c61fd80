import { FLOAT_BYTES, ProgramBuilder } from '../codegen/program.ts'
import type { StepOfKind } from '../plan/steps.ts'
import {
  argument,
  type Candidate,
  evenSplit,
  type KernelRule,
  type Part,
  privateArgument,
  type Run,
  runsOf,
  type Stage,
  type TargetTraits,
  vectorBlocks,
} from './kernel.ts'
import { type TileShape, tileShapes, writeTile } from './tile.ts'

type WeightsGradient = StepOfKind<'conv-weights-gradient'>

interface WeightsGradientCandidate extends Candidate, TileShape {}

const PACKED = 0

/** Enough tasks that all threads end together, since each goes over all images. */
const WANTED_TASKS = 48

/**
 * C[kernel column x channels, filters] += A[the same, pixels] * B[pixels, filters], one kernel row at a time. The
 * gradient is packed by blocks of filters first: in NHWC its strides collide in the first-level cache.
 */
export const convWeightsGradient: KernelRule<'conv-weights-gradient', WeightsGradientCandidate> = {
  candidates: (step, traits) =>
    tileShapes(traits.vectorRegisters, step.reads.gradient.pixelPitch / traits.lanes).map((shape) => {
      const unrolled = shape.unroll > 1 ? ` by ${shape.unroll}` : ''
      return {
        algorithm: 'direct',
        tile: `${shape.rows}x${shape.vectors * traits.lanes}${unrolled}`,
        ...shape,
      }
    }),

  build(step, traits, candidate) {
    const { gradient } = step.reads
    const [images, height, width] = gradient.shape
    const blocks = vectorBlocks(gradient.pixelPitch / traits.lanes, candidate.vectors)
    const length = images * height * width * gradient.pixelPitch
    return {
      ...candidate,
      privateBuffers: [{ name: `${step.layer}/sums.gradient packed`, length, lifetime: 'step' }],
      threadScratch: 0,
      prologue: [],
      stages: [
        packGradient(step, traits, blocks),
        { parts: blocks.flatMap((block) => productParts(step, traits, candidate, block)) },
      ],
    }
  },
}

/** [block][image][pixel][filter of the block] */
function packGradient(step: WeightsGradient, traits: TargetTraits, blocks: readonly Run[]): Stage {
  const { gradient } = step.reads
  const [images, height, width] = gradient.shape
  const pixels = height * width
  const parts = blocks.map((block): Part => {
    const blockWidth = block.size * traits.lanes
    const b = new ProgramBuilder(`pack ${step.layer} gradient`, traits.lanes, ['gradient', 'packed'])
    const [from, to] = [b.parameter('gradient'), b.parameter('packed')]
    b.walk(
      block.count,
      [
        [from, blockWidth * FLOAT_BYTES],
        [to, images * pixels * blockWidth * FLOAT_BYTES],
      ],
      () => {
        b.walk(height, [[from, gradient.rowPitch * FLOAT_BYTES]], () => {
          b.walk(width, [[from, gradient.pixelPitch * FLOAT_BYTES]], () => {
            for (let v = 0; v < block.size; v++)
              b.store(to, v * b.vectorBytes, b.load(from, v * b.vectorBytes))
            b.advance(to, blockWidth * FLOAT_BYTES)
          })
        })
        b.advance(to, -pixels * blockWidth * FLOAT_BYTES)
      },
    )
    return {
      program: b.finish(),
      grid: [images],
      arguments: {
        gradient: argument(gradient, block.first * traits.lanes, [gradient.imagePitch]),
        packed: privateArgument(PACKED, block.first * traits.lanes * images * pixels, [pixels * blockWidth]),
      },
    }
  })
  return { parts }
}

/**
 * A task is one kernel row (where channels are padded: one tap) by some blocks of filters, over all images. The sums
 * go to memory after each image: more exact than one long sum, and an image's values stay in the cache.
 */
function productParts(
  step: WeightsGradient,
  traits: TargetTraits,
  candidate: WeightsGradientCandidate,
  block: Run,
): Part[] {
  const { geometry: g } = step.options
  const { input, gradient } = step.reads
  const { weightsGradient } = step.writes
  const [images, height, width] = gradient.shape
  const channels = input.shape[3]
  const pixels = height * width
  const blockWidth = block.size * traits.lanes
  const isContiguous = input.pixelPitch === channels
  const rows = isContiguous ? g.kernelWidth * channels : channels
  const columns = isContiguous ? 1 : g.kernelWidth
  const taskRows = g.kernelHeight * columns
  const corner = -g.top * input.rowPitch - g.left * input.pixelPitch

  const wantedBlocks = Math.max(1, Math.floor((taskRows * block.count) / WANTED_TASKS))
  const wantedCuts = Math.min(
    Math.ceil(WANTED_TASKS / (taskRows * block.count)),
    Math.ceil(rows / candidate.rows),
  )
  return runsOf(evenSplit(block.count, wantedBlocks)).flatMap((blocks) =>
    runsOf(evenSplit(rows, Math.ceil(rows / wantedCuts))).map((cut): Part => {
      const packedBlock = images * pixels * blockWidth
      const b = new ProgramBuilder(`${step.layer} weights gradient ${candidate.tile}`, traits.lanes, [
        'input',
        'gradient',
        'weights',
      ])
      const at = { a: b.parameter('input'), b: b.parameter('gradient'), c: b.parameter('weights') }
      const bytes = (values: number) => values * FLOAT_BYTES
      const cRow = bytes(weightsGradient.pixelPitch)
      const zero = b.splat(0)
      b.walk(cut.size, [[at.c, cRow]], () => {
        for (let v = 0; v < blocks.size * block.size; v++) b.store(at.c, v * b.vectorBytes, zero)
      })
      const sum = [
        { count: height, a: bytes(g.strideHeight * input.rowPitch), b: bytes(width * blockWidth) },
        { count: width, a: bytes(g.strideWidth * input.pixelPitch), b: bytes(blockWidth) },
      ]
      const overImages = [
        [at.a, bytes(input.imagePitch)],
        [at.b, bytes(pixels * blockWidth)],
      ] as const
      const overBlocks = [
        [at.b, bytes(packedBlock)],
        [at.c, bytes(blockWidth)],
      ] as const
      b.walk(images, overImages, () => {
        b.walk(blocks.size, overBlocks, () => {
          for (const { size, count } of runsOf(evenSplit(cut.size, candidate.rows))) {
            b.loop(count, () => {
              const tile = { ...candidate, vectors: block.size, rows: size, sum, aRow: FLOAT_BYTES, cRow }
              writeTile(b, tile, at, { begin: 'accumulate' })
              b.advance(at.a, size * FLOAT_BYTES)
              b.advance(at.c, size * cRow)
            })
          }
          b.advance(at.a, -cut.size * FLOAT_BYTES)
          b.advance(at.c, -cut.size * cRow)
        })
      })
      const firstBlock = block.first * traits.lanes
      const perBlocks = blocks.size * blockWidth
      const tapRows = g.kernelWidth * channels * weightsGradient.pixelPitch
      return {
        program: b.finish(),
        grid: [g.kernelHeight, columns, cut.count, blocks.count],
        arguments: {
          input: argument(input, corner + cut.first, [input.rowPitch, input.pixelPitch, cut.size, 0]),
          gradient: privateArgument(PACKED, firstBlock * images * pixels + blocks.first * packedBlock, [
            0,
            0,
            0,
            blocks.size * packedBlock,
          ]),
          weights: argument(
            weightsGradient,
            firstBlock + blocks.first * blockWidth + cut.first * weightsGradient.pixelPitch,
            [
              tapRows,
              channels * weightsGradient.pixelPitch,
              cut.size * weightsGradient.pixelPitch,
              perBlocks,
            ],
          ),
        },
      }
    }),
  )
}
