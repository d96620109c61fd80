import { FLOAT_BYTES, type Pointer, ProgramBuilder } from '../../codegen/program.ts'
import {
  type Argument,
  bytes,
  type Candidate,
  evenSplit,
  type Part,
  type PrivateBuffer,
  privateArgument,
  type Run,
  runsOf,
  type Stage,
  type TargetTraits,
  threadArgument,
  vectorBlocks,
} from '../kernel.ts'
import { type TileShape, writeTile } from '../tile.ts'
import { type TileLayout, tileLayout, type WeightsLayout, weightsLayout } from './layout.ts'
import type { PointCount } from './matrices.ts'
import { type TileRows, writeInputTiles, writeOutputTiles } from './tiles.ts'
import { cutRuns, type TiledAxis, type TileRun } from './tiling.ts'
import { transformScratch } from './transform.ts'

export interface WinogradCandidate extends Candidate, TileShape {
  readonly points: PointCount
  /** Rows of tiles that stay in a thread's cache from transform to transform; null: images together, through memory. */
  readonly bandRows: number | null
}

/** A convolution with stride 1 as Winograd sees it: tiles of outputs by vectors of filters. Pitches in values. */
export interface WinogradConvolution {
  readonly name: string
  readonly images: number
  readonly vertical: TiledAxis
  readonly horizontal: TiledAxis
  /** Whole vectors. */
  readonly channels: number
  /** Of filters. */
  readonly vectors: number
  readonly input: ImagePitches & { readonly at: (values: number, steps: readonly number[]) => Argument }
  /** Blank before the first value of the input, which tiles begin with; not read. */
  readonly before: { readonly rows: number; readonly columns: number }
  readonly weights: (values: number, steps: readonly number[]) => Argument
  readonly biases: ((values: number, steps: readonly number[]) => Argument) | null
  readonly output: ImagePitches & { readonly at: (values: number, steps: readonly number[]) => Argument }
  readonly relu: boolean
}

interface ImagePitches {
  readonly image: number
  readonly row: number
  readonly pixel: number
}

/** What the steps of a Winograd convolution need beyond their tensors. */
export interface WinogradStages {
  readonly stages: readonly Stage[]
  readonly privateBuffers: readonly PrivateBuffer[]
  readonly threadScratch: number
}

const pointsOf = ({ vertical, horizontal }: { vertical: TiledAxis; horizontal: TiledAxis }): number =>
  vertical.points * horizontal.points

export const convolutionWeightsLayout = (conv: WinogradConvolution, lanes: number): WeightsLayout =>
  weightsLayout(pointsOf(conv), conv.channels, conv.vectors * lanes)

/** What a thread's own cache holds of transformed values and products. */
const BAND_BYTES = 800 * 1024
/** Images at a time, where their tiles do not stay in a thread's cache: what then goes through memory. */
const GROUP_BYTES = 20 * 2 ** 20

/** Writes the products of some tiles by some blocks of filters, for one point. */
function writeProducts(
  b: ProgramBuilder,
  at: { readonly a: Pointer; readonly b: Pointer; readonly c: Pointer },
  shape: TileShape,
  sizes: {
    readonly tiles: number
    readonly blocks: number
    readonly channels: number
    readonly a: TileLayout
    readonly c: TileLayout
  },
): void {
  const width = shape.vectors * b.lanes
  const { tiles, blocks, channels, a, c } = sizes
  const [aRow, cRow] = [bytes(a.tile), bytes(c.tile)]
  const sum = [{ count: channels, a: FLOAT_BYTES, b: bytes(width) }]
  const overBlocks = [
    [at.b, bytes(channels * width)],
    [at.c, bytes(width)],
  ] as const
  b.walk(blocks, overBlocks, () => {
    for (const { size, count } of runsOf(evenSplit(tiles, shape.rows))) {
      b.loop(count, () => {
        writeTile(b, { ...shape, rows: size, sum, aRow, cRow }, at, { begin: 'zero' })
        b.advance(at.a, size * aRow)
        b.advance(at.c, size * cRow)
      })
    }
    b.advance(at.a, -tiles * aRow)
    b.advance(at.c, -tiles * cRow)
  })
}

/** The convolution's stages; `firstPrivate` is the index that its first private buffer will have. */
export function winogradStages(
  traits: TargetTraits,
  conv: WinogradConvolution,
  candidate: WinogradCandidate,
  firstPrivate: number,
): WinogradStages {
  return candidate.bandRows === null
    ? groupStages(traits, conv, candidate, firstPrivate)
    : bandStages(traits, conv, candidate, candidate.bandRows)
}

/** How many blocks of filters a band of tiles has room for at a time; 0: none. */
export function bandBlocks(
  points: number,
  tiles: number,
  channels: number,
  blockWidth: number,
  blocks: number,
): number {
  const room = BAND_BYTES / FLOAT_BYTES - tileLayout(points, tiles, channels).length
  let atOnce = blocks
  while (atOnce > 0 && tileLayout(points, tiles, atOnce * blockWidth).length > room) atOnce--
  return atOnce
}

/** A task transforms rows of tiles, and for some blocks of filters at a time multiplies and transforms back. */
function bandStages(
  traits: TargetTraits,
  conv: WinogradConvolution,
  candidate: WinogradCandidate,
  rowsEach: number,
): WinogradStages {
  const { vertical, horizontal, channels } = conv
  const points = pointsOf(conv)
  const bands = evenSplit(vertical.count, rowsEach)
  const mostTiles = bands[0]! * horizontal.count
  const values = tileLayout(points, mostTiles, channels)
  const blocks = vectorBlocks(conv.vectors, candidate.vectors)
  const widest = blocks[0]!.size * traits.lanes
  const atOnce = Math.max(1, bandBlocks(points, mostTiles, channels, widest, blocks[0]!.count))
  const products = tileLayout(points, mostTiles, atOnce * widest)
  const scratch = transformScratch(points, traits.lanes)

  const weights = convolutionWeightsLayout(conv, traits.lanes)
  const parts: Part[] = []
  let first = 0
  const runs: { first: number; size: number; rows: readonly TileRun[]; count: number }[] = []
  for (const size of bands) {
    const rows = cutRuns(vertical.runs, first, size)
    const last = runs.at(-1)
    if (last && JSON.stringify(last.rows) === JSON.stringify(rows)) last.count++
    else runs.push({ first, size, rows, count: 1 })
    first += size
  }
  for (const band of runs) {
    const names = [
      'input',
      'weights',
      ...(conv.biases ? ['biases'] : []),
      'output',
      'values',
      'products',
      'scratch',
    ]
    const b = new ProgramBuilder(`${conv.name} ${candidate.tile}`, traits.lanes, names)
    const pointer = (name: string) => b.parameter(name)
    const biases = conv.biases ? pointer('biases') : null
    const tiles: TileRows = { vertical, horizontal, rows: band.rows }
    const count = band.size * horizontal.count
    const [a, c] = [pointer('values'), pointer('products')]
    writeInputTiles(b, {
      ...tiles,
      image: pointer('input'),
      pitches: conv.input,
      values: a,
      layout: values,
      vectors: channels / traits.lanes,
      scratch: pointer('scratch'),
    })
    for (const block of blocks) {
      for (const { size, count: times } of runsOf(evenSplit(block.count, atOnce))) {
        const vectors = size * block.size
        b.loop(times, () => {
          const overPoints = [
            [a, bytes(values.point)],
            [pointer('weights'), bytes(weights.point)],
            [c, bytes(products.point)],
          ] as const
          b.walk(points, overPoints, () =>
            writeProducts(
              b,
              { a, b: pointer('weights'), c },
              { ...candidate, vectors: block.size },
              { tiles: count, blocks: size, channels, a: values, c: products },
            ),
          )
          writeOutputTiles(b, {
            ...tiles,
            products: c,
            layout: products,
            image: pointer('output'),
            pitches: conv.output,
            vectors,
            biases,
            relu: conv.relu,
            scratch: pointer('scratch'),
          })
          b.advance(pointer('weights'), vectors * b.vectorBytes * channels)
          b.advance(pointer('output'), vectors * b.vectorBytes)
          if (biases !== null) b.advance(biases, vectors * b.vectorBytes)
        })
      }
    }
    const none = [0, 0]
    const biasesAt = conv.biases?.(0, none)
    const [inputRow, outputRow] = [vertical.outputs * conv.input.row, vertical.outputs * conv.output.row]
    parts.push({
      program: b.finish(),
      grid: [conv.images, band.count],
      arguments: {
        input: conv.input.at(cornerOf(conv) + band.first * inputRow, [
          conv.input.image,
          band.size * inputRow,
        ]),
        weights: conv.weights(0, none),
        ...(biasesAt && { biases: biasesAt }),
        output: conv.output.at(band.first * outputRow, [conv.output.image, band.size * outputRow]),
        values: { ...threadArgument, byteOffset: bytes(scratch) },
        products: { ...threadArgument, byteOffset: bytes(scratch + values.length) },
        scratch: threadArgument,
      },
    })
  }
  return { stages: [{ parts }], privateBuffers: [], threadScratch: scratch + values.length + products.length }
}

const cornerOf = ({ before, input }: WinogradConvolution): number =>
  -before.rows * input.row - before.columns * input.pixel

/** At least so many tasks, where the vectors give them. */
const WANTED_TASKS = 32

/** Group by group of images: their tiles transformed, for each point one product of them all, and transformed back. */
function groupStages(
  traits: TargetTraits,
  conv: WinogradConvolution,
  candidate: WinogradCandidate,
  firstPrivate: number,
): WinogradStages {
  const { vertical, horizontal, channels } = conv
  const points = pointsOf(conv)
  const filters = conv.vectors * traits.lanes
  const tilesOfImage = vertical.count * horizontal.count
  const bytesOf = (images: number) =>
    bytes(
      tileLayout(points, images * tilesOfImage, channels).length +
        tileLayout(points, images * tilesOfImage, filters).length,
    )
  const most = Math.max(1, Math.min(conv.images, Math.floor(GROUP_BYTES / bytesOf(1))))
  const groups = evenSplit(conv.images, most)
  const values = tileLayout(points, groups[0]! * tilesOfImage, channels)
  const products = tileLayout(points, groups[0]! * tilesOfImage, filters)
  const [valuesAt, productsAt] = [firstPrivate, firstPrivate + 1]
  const blocks = vectorBlocks(conv.vectors, candidate.vectors)
  const weights = convolutionWeightsLayout(conv, traits.lanes)

  const stages: Stage[] = []
  let firstImage = 0
  for (const images of groups) {
    stages.push(
      { parts: transformParts('input', images, firstImage) },
      { parts: blocks.flatMap((block) => productParts(block, images * tilesOfImage)) },
      { parts: transformParts('output', images, firstImage) },
    )
    firstImage += images
  }
  return {
    stages,
    privateBuffers: [
      { name: `${conv.name} values`, length: values.length, lifetime: 'step' },
      { name: `${conv.name} products`, length: products.length, lifetime: 'step' },
    ],
    threadScratch: transformScratch(points, traits.lanes),
  }

  /** Tasks: a row of tiles of an image, some of its vectors. */
  function transformParts(side: 'input' | 'output', images: number, firstImage: number): Part[] {
    const all = side === 'input' ? channels / traits.lanes : conv.vectors
    const pieces = Math.min(all, Math.ceil(WANTED_TASKS / (images * vertical.count)))
    return vertical.runs.flatMap((row) =>
      runsOf(evenSplit(all, Math.ceil(all / pieces))).map((piece): Part => {
        const names = ['image', 'tiles', 'scratch', ...(side === 'output' && conv.biases ? ['biases'] : [])]
        const b = new ProgramBuilder(`${conv.name} ${side} tiles`, traits.lanes, names)
        const common = {
          vertical,
          horizontal,
          rows: [{ ...row, count: 1 }],
          image: b.parameter('image'),
          vectors: piece.size,
          scratch: b.parameter('scratch'),
        }
        const tiles = b.parameter('tiles')
        if (side === 'input') {
          writeInputTiles(b, { ...common, pitches: conv.input, values: tiles, layout: values })
        } else {
          const biases = conv.biases ? b.parameter('biases') : null
          writeOutputTiles(b, {
            ...common,
            pitches: conv.output,
            products: tiles,
            layout: products,
            biases,
            relu: conv.relu,
          })
        }
        const first = piece.first * traits.lanes
        const width = piece.size * traits.lanes
        const [tensor, corner, layout, index] =
          side === 'input'
            ? ([conv.input, cornerOf(conv), values, valuesAt] as const)
            : ([conv.output, 0, products, productsAt] as const)
        const rowStep = vertical.outputs * tensor.row
        const rowOfTiles = horizontal.count * layout.tile
        const biases = side === 'output' ? conv.biases?.(first, [0, 0, width]) : undefined
        return {
          program: b.finish(),
          grid: [images, row.count, piece.count],
          arguments: {
            image: tensor.at(corner + firstImage * tensor.image + row.first * rowStep + first, [
              tensor.image,
              rowStep,
              width,
            ]),
            tiles: privateArgument(index, row.first * rowOfTiles + first, [
              tilesOfImage * layout.tile,
              rowOfTiles,
              width,
            ]),
            scratch: threadArgument,
            ...(biases && { biases }),
          },
        }
      }),
    )
  }

  /** Tasks: a point, a block of filters. */
  function productParts(block: Run, tiles: number): Part {
    const names = ['values', 'weights', 'products']
    const b = new ProgramBuilder(`${conv.name} ${candidate.tile}`, traits.lanes, names)
    const [from, by, to] = names.map((name) => b.parameter(name)) as [Pointer, Pointer, Pointer]
    const sizes = { tiles, blocks: 1, channels, a: values, c: products }
    writeProducts(b, { a: from, b: by, c: to }, { ...candidate, vectors: block.size }, sizes)
    const first = block.first * traits.lanes
    const width = block.size * traits.lanes
    return {
      program: b.finish(),
      grid: [points, block.count],
      arguments: {
        values: privateArgument(valuesAt, 0, [values.point, 0]),
        weights: conv.weights(first * channels, [weights.point, width * channels]),
        products: privateArgument(productsAt, first, [products.point, width]),
      },
    }
  }
}
