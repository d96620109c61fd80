import { ProgramBuilder } from '../codegen/program.ts'
import type { StepOfKind } from '../plan/steps.ts'
import { copyValues } from './copy.ts'
import { gridOfRows, linesOf, type RowTasks, rowTasks, valuesOfRows, weightsOfRows } from './dense.ts'
import {
  argument,
  bytes,
  type Candidate,
  type EqualPieces,
  type KernelRule,
  type Part,
  privateArgument,
  type TargetTraits,
  threadArgument,
  vectorBlocks,
} from './kernel.ts'
import { type TileShape, tileName, tileShapes, writeTile } from './tile.ts'

type WeightsGradient = StepOfKind<'dense-weights-gradient'>
type WeightsGradientCandidate = Candidate & TileShape

const PACKED_GRADIENT = 0

/**
 * C[inputs, filters] = A[inputs, images] * B[images, filters]. Each row of C is written once, from one end to the
 * other, and this limits the step. The gradient is packed by blocks of filters, and a task packs its inputs, since the
 * images' strides collide in the first-level cache.
 */
export const denseWeightsGradient: KernelRule<'dense-weights-gradient', WeightsGradientCandidate> = {
  tilesImages: true,
  candidates: ({ writes }, traits) =>
    tileShapes(traits.vectorRegisters, writes.weightsGradient.pixelPitch / traits.lanes).map((shape) => ({
      algorithm: 'direct',
      tile: tileName(shape, traits.lanes),
      ...shape,
    })),

  build(step, traits, candidate) {
    const { input, gradient } = step.reads
    const { weightsGradient } = step.writes
    const images = gradient.shape[0]
    const blocks = vectorBlocks(weightsGradient.pixelPitch / traits.lanes, candidate.vectors)
    const lines = linesOf(input)
    const tasks = rowTasks(lines, candidate.rows, 2 * images * weightsGradient.pixelPitch)
    return {
      ...candidate,
      privateBuffers: [
        {
          name: `${step.layer}/sums.gradient packed`,
          length: images * weightsGradient.pixelPitch,
          lifetime: 'step',
        },
      ],
      threadScratch: images * candidate.rows,
      prologue: [],
      stages: [
        { parts: blocks.map((block) => packGradient(step, traits, block)) },
        {
          parts: tasks.map(
            (rows): Part => ({
              program: productProgram(step, traits, candidate, blocks, rows),
              grid: gridOfRows(lines, rows),
              arguments: {
                input: valuesOfRows(input, lines, rows),
                packedInput: threadArgument,
                gradient: privateArgument(PACKED_GRADIENT, 0, []),
                weights: weightsOfRows(weightsGradient, lines, rows),
              },
            }),
          ),
        },
      ],
    }
  },
}

/** The gradient as [block][image][filter of the block]. */
function packGradient(step: WeightsGradient, traits: TargetTraits, block: EqualPieces): Part {
  const { gradient } = step.reads
  const images = gradient.shape[0]
  const width = block.size * traits.lanes
  const b = new ProgramBuilder(`pack ${step.layer} gradient`, traits.lanes, ['gradient', 'packed'])
  const [from, to] = [b.parameter('gradient'), b.parameter('packed')]
  b.loop(block.count, () => {
    for (let v = 0; v < block.size; v++) b.store(to, v * b.vectorBytes, b.load(from, v * b.vectorBytes))
    b.advance(from, bytes(width))
    b.advance(to, bytes(images * width))
  })
  const first = block.first * traits.lanes
  return {
    program: b.finish(),
    grid: [images],
    arguments: {
      gradient: argument(gradient, first, [gradient.imagePitch]),
      packed: privateArgument(PACKED_GRADIENT, first * images, [width]),
    },
  }
}

function productProgram(
  step: WeightsGradient,
  traits: TargetTraits,
  { tile, unroll }: WeightsGradientCandidate,
  blocks: readonly EqualPieces[],
  { size, groups }: RowTasks,
) {
  const { input, gradient } = step.reads
  const images = gradient.shape[0]
  const cRow = bytes(step.writes.weightsGradient.pixelPitch)
  const parameters = ['input', 'packedInput', 'gradient', 'weights']
  const b = new ProgramBuilder(`${step.layer} weights gradient ${tile}`, traits.lanes, parameters)
  const from = b.parameter('input')
  const at = { a: b.parameter('packedInput'), b: b.parameter('gradient'), c: b.parameter('weights') }

  const packInputs = (): void => {
    const overImages = [
      [from, bytes(input.imagePitch)],
      [at.a, bytes(size)],
    ] as const
    b.walk(images, overImages, () => copyValues(b, from, at.a, size, 'exactly'))
  }
  const moves = [
    [from, bytes(size)],
    [at.c, size * cRow],
  ] as const
  b.walk(groups, moves, () => {
    packInputs()
    for (const block of blocks) {
      const width = bytes(block.size * traits.lanes)
      const sum = [{ count: images, a: bytes(size), b: width }]
      b.loop(block.count, () => {
        const shape = { rows: size, vectors: block.size, unroll }
        writeTile(b, { ...shape, sum, aRow: bytes(1), cRow }, at, { begin: 'zero' })
        b.advance(at.b, images * width)
        b.advance(at.c, width)
      })
    }
    b.advance(at.b, -images * cRow)
    b.advance(at.c, -cRow)
  })
  return b.finish()
}
