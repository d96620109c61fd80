import { ProgramBuilder } from '../codegen/program.ts'
import type { StepOfKind } from '../plan/steps.ts'
import { activationIn } from './activation.ts'
import { linesOf } from './dense.ts'
import {
  argument,
  bytes,
  type Candidate,
  type EqualPieces,
  evenSplit,
  type KernelRule,
  type Part,
  privateArgument,
  runsOf,
  type TargetTraits,
  threadArgument,
  vectorBlocks,
} from './kernel.ts'
import { type TileShape, tileName, writeTile } from './tile.ts'

type DenseForward = StepOfKind<'dense-forward'>
type DenseCandidate = Candidate & TileShape

const PACKED = 0

/** Values of a block's weights that are used for all images in one go: as many as stay in the cache. */
const WEIGHTS_AT_ONCE = 32768

/** Blocks that are packed together, so that a row of weights is read in long pieces. */
const BLOCKS_PACKED_AT_ONCE = 8

/**
 * Rows of the tile are images. With one image each weight is used once: reading the weights in order limits the step,
 * so it needs one row and many loads in flight.
 */
const TILES = [
  [4, 2, 1],
  [2, 4, 1],
  [6, 2, 1],
  [4, 3, 1],
  [3, 4, 1],
  [3, 3, 1],
  [4, 2, 2],
  [6, 2, 2],
  [8, 1, 1],
  [4, 6, 1],
  [6, 4, 1],
  [8, 3, 1],
  [12, 2, 1],
  [2, 4, 2],
  [1, 8, 1],
  [1, 4, 2],
  [1, 4, 4],
  [1, 2, 4],
] as const

function tiles(traits: TargetTraits, images: number, mostVectors: number): TileShape[] {
  const shapes = TILES.map(([rows, vectors, unroll]) => ({ rows, vectors, unroll })).filter(
    ({ rows, vectors }) =>
      rows <= images &&
      (rows > 1 || images < 4) &&
      vectors <= mostVectors &&
      rows * vectors + vectors + 1 <= traits.vectorRegisters,
  )
  return shapes.length > 0 ? shapes : [{ rows: Math.min(images, 8), vectors: 1, unroll: 1 }]
}

/**
 * C[images, filters] = A[images, inputs] * B[inputs, filters]. The weights are packed by blocks of filters; a task is a
 * block. A block's weights are taken in chunks that stay in the cache for all images. If weights change in every run,
 * they are not packed before; instead each chunk is copied just before it is used, since its rows lie too far apart to
 * be read twice.
 */
export const denseForward: KernelRule<'dense-forward', DenseCandidate> = {
  tilesImages: true,
  candidates: ({ writes }, traits) => {
    const { shape, pixelPitch } = writes.output
    const packed = tiles(traits, shape[0], pixelPitch / traits.lanes).map((tile) => ({
      algorithm: 'direct',
      tile: tileName(tile, traits.lanes),
      ...tile,
    }))
    const copied = packed.map((candidate) => ({
      ...candidate,
      tile: `${candidate.tile}, copied`,
      family: 'copied',
      isForChangingWeights: true,
    }))
    return [...packed, ...copied]
  },

  build(step, traits, candidate) {
    const { output } = step.writes
    const blocks = vectorBlocks(output.pixelPitch / traits.lanes, candidate.vectors)
    const rows = step.reads.weights.shape[2]
    const packed = {
      privateBuffers: [
        { name: `${step.layer}/weights packed`, length: rows * output.pixelPitch, lifetime: 'parameters' },
      ],
      threadScratch: 0,
      prologue: [{ parts: blocks.flatMap((block) => packBlocks(step, traits, block)) }],
    } as const
    const copied = { privateBuffers: [], threadScratch: WEIGHTS_AT_ONCE, prologue: [] }
    return {
      ...candidate,
      ...(candidate.isForChangingWeights ? copied : packed),
      stages: [
        {
          parts: [...blocks.map((block) => productPart(step, traits, candidate, block))],
        },
      ],
    }
  },
}

/** The weights as [block][input][filter of the block], in the order in which the tile reads them. */
function packBlocks(step: DenseForward, traits: TargetTraits, block: EqualPieces): Part[] {
  const { weights } = step.reads
  const rows = weights.shape[2]
  const width = block.size * traits.lanes
  return runsOf(evenSplit(block.count, BLOCKS_PACKED_AT_ONCE)).map((run): Part => {
    const b = new ProgramBuilder(`pack ${step.layer}`, traits.lanes, ['weights', 'packed'])
    const [from, to] = [b.parameter('weights'), b.parameter('packed')]
    b.loop(rows, () => {
      for (let i = 0; i < run.size; i++) {
        for (let v = 0; v < block.size; v++) {
          const value = b.load(from, bytes(i * width) + v * b.vectorBytes)
          b.store(to, bytes(i * rows * width) + v * b.vectorBytes, value)
        }
      }
      b.advance(from, bytes(weights.pixelPitch))
      b.advance(to, bytes(width))
    })
    const first = block.first * traits.lanes + run.first * width
    return {
      program: b.finish(),
      grid: [run.count],
      arguments: {
        weights: argument(weights, first, [run.size * width]),
        packed: privateArgument(PACKED, first * rows, [run.size * width * rows]),
      },
    }
  })
}

function productPart(
  step: DenseForward,
  traits: TargetTraits,
  candidate: DenseCandidate,
  block: EqualPieces,
): Part {
  const { input, weights, biases } = step.reads
  const { output } = step.writes
  const images = output.shape[0]
  const rows = weights.shape[2]
  const width = block.size * traits.lanes
  const lines = linesOf(input)
  const isCopied = candidate.isForChangingWeights ?? false
  const parameters = [
    'input',
    'weights',
    ...(biases ? ['biases'] : []),
    'output',
    ...(isCopied ? ['scratch'] : []),
  ]
  const b = new ProgramBuilder(`${step.layer} ${candidate.tile}`, traits.lanes, parameters)
  const plain = b.parameter('weights')
  const at = {
    a: b.parameter('input'),
    b: isCopied ? b.parameter('scratch') : plain,
    c: b.parameter('output'),
  }
  const vectors = Array.from({ length: block.size }, (_, v) => v * b.vectorBytes)
  const overImages = [[at.c, bytes(output.imagePitch)]] as const

  const begin = vectors.map((offset) => (biases ? b.load(b.parameter('biases'), offset) : b.splat(0)))
  b.walk(images, overImages, () => {
    for (const [v, offset] of vectors.entries()) b.store(at.c, offset, begin[v]!)
  })

  /** Adds the products of `inputs` values of every image and their weights. */
  const addChunk = (inputs: number): void => {
    const sum = [{ count: inputs, a: bytes(1), b: bytes(width) }]
    for (const tile of runsOf(evenSplit(images, candidate.rows))) {
      b.loop(tile.count, () => {
        const strides = { aRow: bytes(input.imagePitch), cRow: bytes(output.imagePitch) }
        const shape = { rows: tile.size, vectors: block.size, unroll: candidate.unroll }
        writeTile(b, { ...shape, ...strides, sum }, at, { begin: 'accumulate' })
        b.advance(at.a, tile.size * strides.aRow)
        b.advance(at.c, tile.size * strides.cRow)
      })
    }
    b.advance(at.a, -images * bytes(input.imagePitch))
    b.advance(at.c, -images * bytes(output.imagePitch))
  }
  /** Copies the next rows of the weights, without gaps. */
  const copyChunk = (inputs: number): void => {
    const moves = [
      [plain, bytes(weights.pixelPitch)],
      [at.b, bytes(width)],
    ] as const
    b.walk(inputs, moves, () => {
      for (const offset of vectors) b.store(at.b, offset, b.load(plain, offset))
    })
  }
  const chunks = runsOf(evenSplit(lines.length, Math.max(1, Math.floor(WEIGHTS_AT_ONCE / width))))
  const line = (): void => {
    for (const { size, count } of chunks) {
      b.loop(count, () => {
        if (isCopied) copyChunk(size)
        addChunk(size)
        b.advance(at.a, bytes(size))
        b.advance(plain, size * bytes(isCopied ? weights.pixelPitch : width))
      })
    }
    b.advance(at.a, -bytes(lines.length))
  }
  b.walk(lines.rows, [[at.a, bytes(lines.rowPitch)]], () => {
    b.walk(lines.columns, [[at.a, bytes(lines.columnPitch)]], line)
  })

  const { activation } = step.options
  if (activation !== undefined) {
    const activate = activationIn(b, activation)
    b.walk(images, overImages, () => {
      for (const offset of vectors) b.store(at.c, offset, activate(b.load(at.c, offset), null))
    })
  }
  const first = block.first * traits.lanes
  return {
    program: b.finish(),
    grid: [block.count],
    arguments: {
      input: argument(input, 0, [0]),
      weights: isCopied
        ? argument(weights, first, [width])
        : privateArgument(PACKED, first * rows, [width * rows]),
      ...(isCopied && { scratch: threadArgument }),
      ...(biases && { biases: argument(biases, first, [width]) }),
      output: argument(output, first, [width]),
    },
  }
}
