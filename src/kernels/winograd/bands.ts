import { FLOAT_BYTES, ProgramBuilder } from '../../codegen/program.ts'
import {
  type Argument,
  argument,
  bytes,
  evenSplit,
  type OutputPlace,
  type Part,
  runsOf,
  type TargetTraits,
  threadArgument,
  vectorBlocks,
} from '../kernel.ts'
import { isAskedAhead } from '../tile.ts'
import type { BlockRows } from './blocks.ts'
import {
  convolutionWeightsLayout,
  pointsOf,
  type WinogradCandidate,
  type WinogradConvolution,
  type WinogradStages,
} from './convolution.ts'
import { tileLayout } from './layout.ts'
import { writeProducts } from './products.ts'
import type { TileSource } from './source.ts'
import { type TileRows, writeInputTiles, writeOutputTiles } from './tiles.ts'
import { cutRuns, type TiledAxis, type TileRun } from './tiling.ts'
import { transformScratch } from './transform.ts'

/** Bytes of transformed values and products that fit a thread's own cache. */
const BAND_BYTES = 800 * 1024

/** How many blocks of filters fit beside a band of tiles; 0 if none. */
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

/** Some rows of tiles, and how many such bands there are. */
interface Band {
  readonly first: number
  readonly size: number
  readonly rows: readonly TileRun[]
  readonly blockRows: { readonly first: number; readonly pieces: readonly BlockRows[] }
  count: number
}

/** The rows of blocks that some rows of tiles read, counted from the first. */
function blockRowsOf(input: TileSource, axis: TiledAxis, first: number, size: number): Band['blockRows'] {
  const begin = first * axis.outputs - input.axes.vertical.before
  const from = Math.max(0, begin)
  const to = begin + (size - 1) * axis.outputs + axis.points
  const pieces = (input.blocks?.rows ?? []).flatMap((rows): BlockRows[] => {
    const [start, end] = [Math.max(rows.first, from), Math.min(rows.first + rows.count, to)]
    return start < end ? [{ first: start - from, count: end - start, present: rows.present }] : []
  })
  return { first: from, pieces }
}

/** A task transforms rows of tiles; then, for some blocks of filters at a time, it multiplies and transforms back. */
export function bandStages(
  traits: TargetTraits,
  conv: WinogradConvolution,
  candidate: WinogradCandidate,
  rowsEach: number,
): WinogradStages {
  const { vertical, horizontal, input } = conv
  const { channels } = input
  const points = pointsOf(conv)
  const bands = evenSplit(vertical.count, rowsEach)
  const mostTiles = bands[0]! * horizontal.count
  const values = tileLayout(points, mostTiles, channels)
  const blocks = vectorBlocks(conv.vectors, candidate.vectors)
  const widest = blocks[0]!.size * traits.lanes
  const atOnce = Math.max(1, bandBlocks(points, mostTiles, channels, widest, blocks[0]!.count))
  const products = tileLayout(points, mostTiles, atOnce * widest)
  const scratch = transformScratch(points, traits.lanes)
  const { blocks: inputBlocks } = input
  const inBlockRows = (first: number, size: number) => blockRowsOf(input, vertical, first, size)
  const mostBlockRows = Math.max(...bands.map((size) => vertical.outputs * (size - 1) + vertical.points))
  const blocksAt = scratch + values.length + products.length
  const blocksLength = inputBlocks ? mostBlockRows * inputBlocks.row : 0

  const weights = convolutionWeightsLayout(conv, traits.lanes)
  const isAhead = isAskedAhead(traits, weights.length)
  const parts: Part[] = []
  let first = 0
  const runs: Band[] = []
  for (const size of bands) {
    const rows = cutRuns(vertical.runs, first, size)
    const blockRows = inBlockRows(first, size)
    const last = runs.at(-1)
    const isAlike =
      last && JSON.stringify([last.rows, last.blockRows.pieces]) === JSON.stringify([rows, blockRows.pieces])
    if (isAlike) last.count++
    else runs.push({ first, size, rows, blockRows, count: 1 })
    first += size
  }
  for (const band of runs) {
    const names = [
      'input',
      'weights',
      ...(conv.biases ? ['biases'] : []),
      ...(conv.addend ? ['addend'] : []),
      'output',
      'values',
      'products',
      'scratch',
      ...(inputBlocks ? ['blocks'] : []),
      ...(isAhead ? ['ahead'] : []),
    ]
    const b = new ProgramBuilder(`${conv.name} ${candidate.tile}`, traits.lanes, names)
    const pointer = (name: string) => b.parameter(name)
    const biases = conv.biases ? pointer('biases') : null
    const addend = conv.addend && { at: pointer('addend'), pitches: conv.addend }
    const tiles: TileRows = { vertical, horizontal, rows: band.rows }
    const count = band.size * horizontal.count
    const [a, c] = [pointer('values'), pointer('products')]
    const ahead = isAhead ? pointer('ahead') : null
    let image = pointer('input')
    if (inputBlocks) {
      const to = b.point(pointer('blocks'))
      for (const rows of band.blockRows.pieces) inputBlocks.write(b, pointer('input'), to, rows)
      image = b.point(
        pointer('blocks'),
        bytes(input.corner + (band.first * vertical.outputs - band.blockRows.first) * input.row),
      )
    }
    writeInputTiles(b, {
      ...tiles,
      image,
      pitches: input,
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
            ...(ahead === null ? [] : [[ahead, bytes(weights.point)] as const]),
          ] as const
          b.walk(points, overPoints, () =>
            writeProducts(
              b,
              { a, b: pointer('weights'), c, ahead },
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
            addend,
            activation: conv.activation,
            scratch: pointer('scratch'),
          })
          b.advance(pointer('weights'), vectors * b.vectorBytes * channels)
          if (ahead !== null) b.advance(ahead, vectors * b.vectorBytes * channels)
          b.advance(pointer('output'), vectors * b.vectorBytes)
          if (biases !== null) b.advance(biases, vectors * b.vectorBytes)
          if (addend) b.advance(addend.at, vectors * b.vectorBytes)
        })
      }
    }
    const none = [0, 0]
    const biasesAt = conv.biases?.(0, none)
    const ofOutput = (to: OutputPlace): Argument => {
      const rows = vertical.outputs * to.row
      return to.at(band.first * rows, [to.image, band.size * rows])
    }
    const { view } = input
    const inputAt = inputBlocks
      ? argument(view, band.blockRows.first * inputBlocks.inputRow, [
          view.imagePitch,
          band.size * vertical.outputs * inputBlocks.inputRow,
        ])
      : argument(view, input.corner + band.first * vertical.outputs * input.row, [
          view.imagePitch,
          band.size * vertical.outputs * input.row,
        ])
    parts.push({
      program: b.finish(),
      grid: [conv.images, band.count],
      arguments: {
        input: inputAt,
        weights: conv.weights(0, none),
        ...(biasesAt && { biases: biasesAt }),
        ...(conv.addend && { addend: ofOutput(conv.addend) }),
        output: ofOutput(conv.output),
        values: { ...threadArgument, byteOffset: bytes(scratch) },
        products: { ...threadArgument, byteOffset: bytes(scratch + values.length) },
        scratch: threadArgument,
        // The next point's
        ...(isAhead && { ahead: conv.weights(weights.point, none) }),
        ...(inputBlocks && { blocks: { ...threadArgument, byteOffset: bytes(blocksAt) } }),
      },
    })
  }
  return { stages: [{ parts }], privateBuffers: [], threadScratch: blocksAt + blocksLength }
}
