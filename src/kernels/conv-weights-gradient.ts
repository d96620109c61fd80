import { FLOAT_BYTES, ProgramBuilder } from '../codegen/program.ts'
import type { StepOfKind } from '../plan/steps.ts'
import {
  type Argument,
  argument,
  type Candidate,
  evenSplit,
  type KernelRule,
  type Part,
  privateArgument,
  type Run,
  runsOf,
  type TargetTraits,
  vectorBlocks,
} from './kernel.ts'
import { type TileShape, tileShapes, writeTile } from './tile.ts'

type WeightsGradient = StepOfKind<'conv-weights-gradient'>

interface WeightsGradientCandidate extends Candidate, TileShape {
  /** The input packed by the tile's rows of channels, so that what a tile reads lies side by side. */
  readonly isInputPacked: boolean
  /** Rows of the output whose pixels are summed before the next rows of C are taken. */
  readonly rowsAtOnce: number
}

const PACKED_GRADIENT = 0
const PACKED_INPUT = 1

/** Enough tasks that all threads end together, since each goes over all images. */
const WANTED_TASKS = 48

/** Pixels that are summed at once: all, or so few that what they read stays in the first-level cache for the next rows of C. */
const PIXELS_AT_ONCE = 300

/** Below this many channels a tile of them is not worth packing; a whole kernel row lies side by side anyway. */
const MIN_PACKED_CHANNELS = 8

const bytes = (values: number): number => values * FLOAT_BYTES

/**
 * C[kernel column x channels, filters] += A[the same, pixels] * B[pixels, filters], one kernel row at a time. The
 * gradient is packed by blocks of filters, and the input (where it has the channels) by the tile's rows: in NHWC their
 * strides collide in the first-level cache.
 */
export const convWeightsGradient: KernelRule<'conv-weights-gradient', WeightsGradientCandidate> = {
  candidates: ({ reads }, traits) => {
    const [, height, width] = reads.gradient.shape
    const shapes = tileShapes(traits.vectorRegisters, reads.gradient.pixelPitch / traits.lanes)
    const few = Math.max(1, Math.min(height, Math.floor(PIXELS_AT_ONCE / width)))
    const isInputPacked = reads.input.shape[3] >= MIN_PACKED_CHANNELS
    const ways = [...new Set([height, few])].map((rowsAtOnce) => ({ isInputPacked, rowsAtOnce }))
    return shapes.flatMap((shape) =>
      ways.map((way): WeightsGradientCandidate => {
        const unrolled = shape.unroll > 1 ? ` by ${shape.unroll}` : ''
        const part = way.rowsAtOnce < height ? `, ${way.rowsAtOnce} rows` : ''
        return {
          algorithm: 'direct',
          tile: `${shape.rows}x${shape.vectors * traits.lanes}${unrolled}${part}`,
          ...shape,
          ...way,
        }
      }),
    )
  },

  build(step, traits, candidate) {
    const { gradient } = step.reads
    const [images, height, width] = gradient.shape
    const blocks = vectorBlocks(gradient.pixelPitch / traits.lanes, candidate.vectors)
    const input = candidate.isInputPacked
      ? packedInput(step, candidate.rows)
      : plainInput(step, candidate.rows)
    const gradientLength = images * height * width * gradient.pixelPitch
    const packs = [...blocks.map((block) => packGradient(step, traits, block)), ...input.packs(traits)]
    const products = blocks.flatMap((block) =>
      input.pieces.flatMap((piece) => productParts(step, traits, candidate, block, input, piece)),
    )
    return {
      ...candidate,
      privateBuffers: [
        { name: `${step.layer}/sums.gradient packed`, length: gradientLength, lifetime: 'step' },
        { name: `${step.layer}/input packed`, length: input.packedLength, lifetime: 'step' },
      ],
      threadScratch: 0,
      prologue: [],
      stages: [{ parts: packs }, { parts: products }],
    }
  },
}

/** [block][image][pixel][filter of the block] */
function packGradient(step: WeightsGradient, traits: TargetTraits, block: Run): Part {
  const { gradient } = step.reads
  const [images, height, width] = gradient.shape
  const pixels = height * width
  const blockWidth = block.size * traits.lanes
  const b = new ProgramBuilder(`pack ${step.layer} gradient`, traits.lanes, ['gradient', 'packed'])
  const [from, to] = [b.parameter('gradient'), b.parameter('packed')]
  b.walk(
    block.count,
    [
      [from, bytes(blockWidth)],
      [to, bytes(images * pixels * blockWidth)],
    ],
    () => {
      b.walk(height, [[from, bytes(gradient.rowPitch)]], () => {
        b.walk(width, [[from, bytes(gradient.pixelPitch)]], () => {
          for (let v = 0; v < block.size; v++) b.store(to, v * b.vectorBytes, b.load(from, v * b.vectorBytes))
          b.advance(to, bytes(blockWidth))
        })
      })
      b.advance(to, -bytes(pixels * blockWidth))
    },
  )
  return {
    program: b.finish(),
    grid: [images],
    arguments: {
      gradient: argument(gradient, block.first * traits.lanes, [gradient.imagePitch]),
      packed: privateArgument(PACKED_GRADIENT, block.first * traits.lanes * images * pixels, [
        pixels * blockWidth,
      ]),
    },
  }
}

/** The tile's A: rows of kernel column x channels, in pieces of the tile's rows, by pixels. Distances in values. */
interface InputOperand {
  /** Pieces of equal size, as runs. */
  readonly pieces: readonly Run[]
  /** Kernel columns that are tasks of their own; 1 where a piece goes through a whole kernel row. */
  readonly columns: number
  readonly packedLength: number
  packs(traits: TargetTraits): Part[]
  /** The first piece of a run, moved by `steps`. */
  at(piece: Run, index: number, steps: readonly number[]): Argument
  distances(piece: Run): {
    readonly image: number
    readonly row: number
    readonly pixel: number
    readonly tapRow: number
    readonly tapColumn: number
    readonly piece: number
  }
}

/** As it is in memory. Where pixels lie close, a kernel row's columns are rows of A just like channels. */
function plainInput(step: WeightsGradient, rows: number): InputOperand {
  const { geometry: g } = step.options
  const { input } = step.reads
  const channels = input.shape[3]
  const isContiguous = input.pixelPitch === channels
  const corner = -g.top * input.rowPitch - g.left * input.pixelPitch
  return {
    pieces: runsOf(evenSplit(isContiguous ? g.kernelWidth * channels : channels, rows)),
    columns: isContiguous ? 1 : g.kernelWidth,
    packedLength: 0,
    packs: () => [],
    at: (piece, index, steps) => argument(input, corner + piece.first + index * piece.size, steps),
    distances: (piece) => ({
      image: input.imagePitch,
      row: g.strideHeight * input.rowPitch,
      pixel: g.strideWidth * input.pixelPitch,
      tapRow: input.rowPitch,
      tapColumn: input.pixelPitch,
      piece: piece.size,
    }),
  }
}

/** [image][piece][row][column][channel of the piece], padding included. */
function packedInput(step: WeightsGradient, rows: number): InputOperand {
  const { geometry: g } = step.options
  const { input } = step.reads
  const [images, , , channels] = input.shape
  const height = (g.outputHeight - 1) * g.strideHeight + g.kernelHeight
  const width = (g.outputWidth - 1) * g.strideWidth + g.kernelWidth
  const corner = -g.top * input.rowPitch - g.left * input.pixelPitch
  const imageLength = height * width * channels
  const pieces = runsOf(evenSplit(channels, rows))
  return {
    pieces,
    columns: g.kernelWidth,
    packedLength: images * imageLength,
    at: (piece, index, steps) =>
      privateArgument(PACKED_INPUT, (piece.first + index * piece.size) * height * width, steps),
    distances: ({ size }) => ({
      image: imageLength,
      row: g.strideHeight * width * size,
      pixel: g.strideWidth * size,
      tapRow: width * size,
      tapColumn: size,
      piece: height * width * size,
    }),
    packs: (traits) =>
      pieces.map((piece): Part => {
        const b = new ProgramBuilder(`pack ${step.layer} input`, traits.lanes, ['input', 'packed'])
        const [from, to] = [b.parameter('input'), b.parameter('packed')]
        b.loop(piece.count, () => {
          b.walk(height, [[from, bytes(input.rowPitch)]], () => {
            b.walk(width, [[from, bytes(input.pixelPitch)]], () => {
              let c = 0
              for (; c + traits.lanes <= piece.size; c += traits.lanes)
                b.store(to, bytes(c), b.load(from, bytes(c)))
              for (; c < piece.size; c++) b.storeLane(to, bytes(c), b.loadLane(from, bytes(c)))
              b.advance(to, bytes(piece.size))
            })
          })
          b.advance(from, bytes(piece.size))
        })
        return {
          program: b.finish(),
          grid: [images],
          arguments: {
            input: argument(input, corner + piece.first, [input.imagePitch]),
            packed: privateArgument(PACKED_INPUT, piece.first * height * width, [imageLength]),
          },
        }
      }),
  }
}

/**
 * A task is one kernel row (where the input is packed, one tap) by some pieces of channels and blocks of filters, over
 * all images. The sums go to memory after each image: more exact than one long sum, and the image stays in the cache.
 */
function productParts(
  step: WeightsGradient,
  traits: TargetTraits,
  candidate: WeightsGradientCandidate,
  block: Run,
  input: InputOperand,
  piece: Run,
): Part[] {
  const { geometry: g } = step.options
  const { gradient } = step.reads
  const { weightsGradient } = step.writes
  const [images, height, width] = gradient.shape
  const pixels = height * width
  const channels = step.reads.input.shape[3]
  const blockWidth = block.size * traits.lanes
  const packedBlock = images * pixels * blockWidth
  const distance = input.distances(piece)
  const cRow = weightsGradient.pixelPitch

  const taps = g.kernelHeight * input.columns
  const pieceShare =
    (piece.count * piece.size) / input.pieces.reduce((sum, run) => sum + run.count * run.size, 0)
  const wanted = Math.ceil(WANTED_TASKS * pieceShare)
  const blocksEach = Math.max(1, Math.floor((taps * block.count) / wanted))
  const cuts = Math.min(piece.count, Math.ceil(wanted / (taps * block.count)))

  return runsOf(evenSplit(block.count, blocksEach)).flatMap((blocks) =>
    runsOf(evenSplit(piece.count, Math.ceil(piece.count / cuts))).map((pieces): Part => {
      const name = `${step.layer} weights gradient ${candidate.tile}`
      const b = new ProgramBuilder(name, traits.lanes, ['input', 'gradient', 'weights'])
      const at = { a: b.parameter('input'), b: b.parameter('gradient'), c: b.parameter('weights') }
      const zero = b.splat(0)
      b.walk(pieces.size * piece.size, [[at.c, bytes(cRow)]], () => {
        for (let v = 0; v < blocks.size * block.size; v++) b.store(at.c, v * b.vectorBytes, zero)
      })
      const inputRow = bytes(distance.row)
      const gradientRow = bytes(width * blockWidth)
      const overImages = [
        [at.a, bytes(distance.image)],
        [at.b, bytes(pixels * blockWidth)],
      ] as const
      const overBlocks = [
        [at.b, bytes(packedBlock)],
        [at.c, bytes(blockWidth)],
      ] as const
      const overPieces = [
        [at.a, bytes(distance.piece)],
        [at.c, bytes(piece.size * cRow)],
      ] as const
      /** All rows of C, from the pixels of some rows of the image. */
      const addPixels = (pixelRows: number): void => {
        const sum = [
          { count: pixelRows, a: inputRow, b: gradientRow },
          { count: width, a: bytes(distance.pixel), b: bytes(blockWidth) },
        ]
        const tile = {
          rows: piece.size,
          vectors: block.size,
          unroll: candidate.unroll,
          sum,
          aRow: FLOAT_BYTES,
          cRow: bytes(cRow),
        }
        b.walk(blocks.size, overBlocks, () => {
          b.walk(pieces.size, overPieces, () => writeTile(b, tile, at, { begin: 'accumulate' }))
        })
      }
      b.walk(images, overImages, () => {
        for (const { size, count } of runsOf(evenSplit(height, candidate.rowsAtOnce))) {
          b.loop(count, () => {
            addPixels(size)
            b.advance(at.a, size * inputRow)
            b.advance(at.b, size * gradientRow)
          })
        }
        b.advance(at.a, -height * inputRow)
        b.advance(at.b, -height * gradientRow)
      })
      const firstFilter = block.first * traits.lanes + blocks.first * blockWidth
      const firstRow = piece.first + pieces.first * piece.size
      return {
        program: b.finish(),
        grid: [g.kernelHeight, input.columns, pieces.count, blocks.count],
        arguments: {
          input: input.at(piece, pieces.first, [
            distance.tapRow,
            distance.tapColumn,
            pieces.size * distance.piece,
            0,
          ]),
          gradient: privateArgument(
            PACKED_GRADIENT,
            block.first * traits.lanes * images * pixels + blocks.first * packedBlock,
            [0, 0, 0, blocks.size * packedBlock],
          ),
          weights: argument(weightsGradient, firstFilter + firstRow * cRow, [
            g.kernelWidth * channels * cRow,
            channels * cRow,
            pieces.size * piece.size * cRow,
            blocks.size * blockWidth,
          ]),
        },
      }
    }),
  )
}
