import { type Pointer, ProgramBuilder } from '../../codegen/program.ts'
import {
  type Argument,
  bytes,
  type EqualPieces,
  evenSplit,
  type OutputPlace,
  type Part,
  privateArgument,
  runsOf,
  type Stage,
  type TargetTraits,
  threadArgument,
  vectorBlocks,
} from '../kernel.ts'
import { isAskedAhead } from '../tile.ts'
import {
  convolutionWeightsLayout,
  pointsOf,
  type WinogradCandidate,
  type WinogradConvolution,
  type WinogradStages,
} from './convolution.ts'
import { tileLayout } from './layout.ts'
import { writeProducts } from './products.ts'
import { stagedSource } from './source.ts'
import { writeInputTiles, writeOutputTiles } from './tiles.ts'
import { transformScratch } from './transform.ts'

/** FLOPs of one task of products: enough that handing it out costs little beside it. */
const PRODUCT_FLOPS = 4e6
/** Size of a group of images: its transformed tiles and products should stay in the last-level cache. */
const GROUP_BYTES = 20 * 2 ** 20
/** At least this many tasks, if there are enough vectors. */
const WANTED_TASKS = 32

/** For each group of images: transforms their tiles, multiplies, with one product for each point, and transforms back. */
export function groupStages(
  traits: TargetTraits,
  conv: WinogradConvolution,
  candidate: WinogradCandidate,
  firstPrivate: number,
): WinogradStages {
  const { vertical, horizontal, input } = conv
  const { channels } = input
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
  const [valuesAt, productsAt, blocksAt] = [firstPrivate, firstPrivate + 1, firstPrivate + 2]
  const source = stagedSource(traits, input, groups[0]!, blocksAt)
  const blocks = vectorBlocks(conv.vectors, candidate.vectors)
  const weights = convolutionWeightsLayout(conv, traits.lanes)

  const stages: Stage[] = []
  let firstImage = 0
  for (const images of groups) {
    const packs = source.pack(firstImage, images)
    if (packs.length > 0) stages.push({ parts: packs })
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
      ...source.buffers,
    ],
    threadScratch: transformScratch(points, traits.lanes),
  }

  /** Tasks: one row of tiles of an image, and some of its vectors. */
  function transformParts(side: 'input' | 'output', images: number, firstImage: number): Part[] {
    const all = side === 'input' ? channels / traits.lanes : conv.vectors
    const pieces = Math.min(all, Math.ceil(WANTED_TASKS / (images * vertical.count)))
    return vertical.runs.flatMap((row) =>
      runsOf(evenSplit(all, Math.ceil(all / pieces))).map((piece): Part => {
        const hasAddend = side === 'output' && conv.addend !== null
        const optional = [
          ...(side === 'output' && conv.biases ? ['biases'] : []),
          ...(hasAddend ? ['addend'] : []),
        ]
        const names = ['image', 'tiles', 'scratch', ...optional]
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
          writeInputTiles(b, { ...common, pitches: input, values: tiles, layout: values })
        } else {
          const biases = conv.biases ? b.parameter('biases') : null
          writeOutputTiles(b, {
            ...common,
            pitches: conv.output,
            products: tiles,
            layout: products,
            biases,
            addend: conv.addend && { at: b.parameter('addend'), pitches: conv.addend },
            activation: conv.activation,
          })
        }
        const first = piece.first * traits.lanes
        const width = piece.size * traits.lanes
        const [layout, index] =
          side === 'input' ? ([values, valuesAt] as const) : ([products, productsAt] as const)
        const tensor = side === 'input' ? input : conv.output
        const rowStep = vertical.outputs * tensor.row
        const ofOutput = (to: OutputPlace): Argument => {
          const rows = vertical.outputs * to.row
          return to.at(firstImage * to.image + row.first * rows + first, [to.image, rows, width])
        }
        const rowOfTiles = horizontal.count * layout.tile
        const biases = side === 'output' ? conv.biases?.(first, [0, 0, width]) : undefined
        const at = row.first * rowStep + first
        return {
          program: b.finish(),
          grid: [images, row.count, piece.count],
          arguments: {
            image:
              side === 'input'
                ? source.at(firstImage, input.corner + at, [source.image, rowStep, width])
                : ofOutput(conv.output),
            ...(hasAddend && { addend: ofOutput(conv.addend!) }),
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

  /** Tasks: one point, and some blocks of filters. */
  function productParts(block: EqualPieces, tiles: number): Part[] {
    const width = block.size * traits.lanes
    const flops = 2 * tiles * channels * width
    return runsOf(evenSplit(block.count, Math.ceil(PRODUCT_FLOPS / flops))).map((run): Part => {
      const isAhead = isAskedAhead(traits, weights.length)
      const names = ['values', 'weights', 'products', ...(isAhead ? ['ahead'] : [])]
      const b = new ProgramBuilder(`${conv.name} ${candidate.tile}`, traits.lanes, names)
      const [from, by, to] = names.map((name) => b.parameter(name)) as [Pointer, Pointer, Pointer]
      const sizes = { tiles, blocks: run.size, channels, a: values, c: products }
      const ahead = isAhead ? b.parameter('ahead') : null
      writeProducts(b, { a: from, b: by, c: to, ahead }, { ...candidate, vectors: block.size }, sizes)
      const first = block.first * traits.lanes + run.first * width
      const step = run.size * width
      return {
        program: b.finish(),
        grid: [points, run.count],
        arguments: {
          values: privateArgument(valuesAt, 0, [values.point, 0]),
          weights: conv.weights(first * channels, [weights.point, step * channels]),
          ...(isAhead && {
            ahead: conv.weights(first * channels + step * channels, [weights.point, step * channels]),
          }),
          products: privateArgument(productsAt, first, [products.point, step]),
        },
      }
    })
  }
}
