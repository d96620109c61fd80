import { FLOAT_BYTES, type Pointer, ProgramBuilder } from '../../codegen/program.ts'
import type { StepOfKind } from '../../plan/steps.ts'
import {
  argument,
  bytes,
  type Candidate,
  type EqualPieces,
  evenSplit,
  type Implementation,
  type Part,
  privateArgument,
  runsOf,
  type Stage,
  type TargetTraits,
  threadArgument,
  vectorBlocks,
} from '../kernel.ts'
import { type TileShape, writeTile } from '../tile.ts'
import { blockedTiles, oddLines } from './layout.ts'
import type { PointCount } from './matrices.ts'
import { stagedSource, tileSource } from './source.ts'
import { strideOne } from './stride-one.ts'
import { writeGradientTiles, writeInputTiles } from './tiles.ts'
import { type TileRun, tiledAxis } from './tiling.ts'
import { transformScratch, writeTransform } from './transform.ts'
import { blockedWeights } from './weights.ts'

type WeightsGradient = StepOfKind<'conv-weights-gradient'>

export interface WinogradGradientCandidate extends Candidate, TileShape {
  readonly points: PointCount
}

const SUMS = 0
const INPUT_TILES = 1
const GRADIENT_TILES = 2
const INPUT_BLOCKS = 3

/**
 * Size of a group of images: its tiles should stay in the last-level cache. If the sums are too large to stay there with
 * them, a group has GROUP_OF_SUMS times their size instead, up to MOST_GROUP_BYTES.
 */
const GROUP_BYTES = 12 * 2 ** 20
const GROUP_OF_SUMS = 2.5
const MOST_GROUP_BYTES = 40 * 2 ** 20
const TILES_PER_TASK = 24
const CHANNELS_PER_TASK = 16

/**
 * F(taps, outputs): the gradient's tile is the filter, over the same tiles of input that forward reads. For each point
 * the products of all tiles of all images are added up, and the sums are transformed back once.
 */
export function winogradWeightsGradient(
  step: WeightsGradient,
  traits: TargetTraits,
  candidate: WinogradGradientCandidate,
): Implementation {
  const { lanes } = traits
  const { geometry } = step.options
  const { input, gradient } = step.reads
  const { weightsGradient } = step.writes
  const axes = strideOne(geometry)
  const vertical = tiledAxis(candidate.points, axes.vertical)
  const horizontal = tiledAxis(candidate.points, axes.horizontal)
  const points = candidate.points ** 2
  const source = tileSource(input, axes, traits)
  const { channels } = source
  const filters = gradient.pixelPitch
  const images = gradient.shape[0]

  const tilesOfImage = vertical.count * horizontal.count
  const sums = { channel: filters, point: oddLines(channels * filters) }
  const sumsLength = points * sums.point
  const bytesOfImage = bytes(points * tilesOfImage * (channels + filters))
  const room = Math.min(MOST_GROUP_BYTES, Math.max(GROUP_BYTES, GROUP_OF_SUMS * bytes(sumsLength)))
  const groups = evenSplit(images, Math.max(1, Math.floor(room / bytesOfImage)))
  const mostTiles = groups[0]! * tilesOfImage
  const channelBlocks = vectorBlocks(channels / lanes, 1)
  const filterBlocks = vectorBlocks(filters / lanes, candidate.vectors)
  const inputTiles = blockedTiles(points, mostTiles, channels)
  const gradientTiles = blockedTiles(points, mostTiles, filters)

  const staged = stagedSource(traits, source, groups[0]!, INPUT_BLOCKS)
  const stages: Stage[] = []
  let firstImage = 0
  for (const group of groups) {
    const tiles = group * tilesOfImage
    const packs = staged.pack(firstImage, group)
    if (packs.length > 0) stages.push({ parts: packs })
    stages.push(
      {
        parts: vertical.runs.flatMap((row) => [
          ...channelBlocks.flatMap((block) => tileParts('input', row, block, group)),
          ...filterBlocks.flatMap((block) => tileParts('gradient', row, block, group)),
        ]),
      },
      { parts: filterBlocks.map((block) => productPart(block, tiles, firstImage === 0)) },
    )
    firstImage += group
  }
  stages.push({ parts: sumParts() })
  return {
    ...candidate,
    privateBuffers: [
      { name: `${step.layer}/weights.gradient transformed`, length: sumsLength, lifetime: 'step' },
      { name: `${step.layer}/input tiles`, length: inputTiles.length, lifetime: 'step' },
      { name: `${step.layer}/gradient tiles`, length: gradientTiles.length, lifetime: 'step' },
      ...staged.buffers,
    ],
    threadScratch: transformScratch(points, lanes),
    prologue: [],
    stages,
  }

  /** Tasks: one row of tiles of an image, and some blocks of its vectors. */
  function tileParts(side: 'input' | 'gradient', row: TileRun, block: EqualPieces, group: number): Part[] {
    const width = block.size * lanes
    const layout = side === 'input' ? inputTiles : gradientTiles
    const pitches = side === 'input' ? source : { row: gradient.rowPitch, pixel: gradient.pixelPitch }
    const blocksEach = Math.ceil(TILES_PER_TASK / horizontal.count)
    return runsOf(evenSplit(block.count, blocksEach)).map((piece): Part => {
      const names = ['image', 'tiles', 'scratch']
      const b = new ProgramBuilder(`${step.layer} ${side} tiles`, lanes, names)
      const [image, tiles, scratch] = names.map((name) => b.parameter(name)) as [Pointer, Pointer, Pointer]
      const blockOfTiles = layout.tiles * width
      const overBlocks = [
        [image, bytes(width)],
        [tiles, bytes(blockOfTiles)],
      ] as const
      const write = side === 'input' ? writeInputTiles : writeGradientTiles
      b.walk(piece.size, overBlocks, () =>
        write(b, {
          vertical,
          horizontal,
          rows: [{ ...row, count: 1 }],
          image,
          pitches,
          values: tiles,
          layout: { tile: width, point: layout.point },
          vectors: block.size,
          scratch,
        }),
      )
      const first = block.first * lanes + piece.first * width
      const rowStep = vertical.outputs * pitches.row
      const tilesOfRow = horizontal.count * width
      const at = row.first * rowStep + first
      const steps = [rowStep, piece.size * width]
      return {
        program: b.finish(),
        grid: [group, row.count, piece.count],
        arguments: {
          image:
            side === 'input'
              ? staged.at(firstImage, source.corner + at, [staged.image, ...steps])
              : argument(gradient, firstImage * gradient.imagePitch + at, [gradient.imagePitch, ...steps]),
          tiles: privateArgument(
            side === 'input' ? INPUT_TILES : GRADIENT_TILES,
            first * layout.tiles + row.first * tilesOfRow,
            [tilesOfImage * width, tilesOfRow, piece.size * blockOfTiles],
          ),
          scratch: threadArgument,
        },
      }
    })
  }

  /** Tasks: one point, one block of filters, and all channels. */
  function productPart(block: EqualPieces, tiles: number, isFirst: boolean): Part {
    const width = block.size * lanes
    const names = ['input', 'gradient', 'sums']
    const b = new ProgramBuilder(`${step.layer} weights gradient ${candidate.tile}`, lanes, names)
    const [from, by, to] = names.map((name) => b.parameter(name)) as [Pointer, Pointer, Pointer]
    const tile: TileShape = { ...candidate, vectors: block.size }
    const cRow = bytes(sums.channel)
    const sum = [{ count: tiles, a: bytes(lanes), b: bytes(width) }]
    const overBlocks = [
      [from, bytes(inputTiles.tiles * lanes)],
      [to, lanes * cRow],
    ] as const
    b.walk(channels / lanes, overBlocks, () => {
      for (const { size, count } of runsOf(evenSplit(lanes, candidate.rows))) {
        b.loop(count, () => {
          writeTile(
            b,
            { ...tile, rows: size, sum, aRow: FLOAT_BYTES, cRow },
            { a: from, b: by, c: to },
            { begin: isFirst ? 'zero' : 'accumulate' },
          )
          b.advance(from, bytes(size))
          b.advance(to, size * cRow)
        })
      }
      b.advance(from, -bytes(lanes))
      b.advance(to, -lanes * cRow)
    })
    const first = block.first * lanes
    return {
      program: b.finish(),
      grid: [points, block.count],
      arguments: {
        input: privateArgument(INPUT_TILES, 0, [inputTiles.point, 0]),
        gradient: privateArgument(GRADIENT_TILES, first * gradientTiles.tiles, [
          gradientTiles.point,
          width * gradientTiles.tiles,
        ]),
        sums: privateArgument(SUMS, first, [sums.point, width]),
      },
    }
  }

  /** Transforms the sums of products back; of the blocks' kernel, only the taps that the original kernel has. */
  function sumParts(): Part[] {
    const weights = blockedWeights(step.layer, geometry, source, weightsGradient)
    return weights.phases.flatMap((phase) => {
      if (phase.vertical.taps === 0 || phase.horizontal.taps === 0) return []
      return runsOf(evenSplit(phase.channels, CHANNELS_PER_TASK)).map((run): Part => {
        const names = ['sums', 'weights', 'scratch']
        const b = new ProgramBuilder(`${step.layer} weights gradient back`, lanes, names)
        const [from, to, scratch] = names.map((name) => b.parameter(name)) as [Pointer, Pointer, Pointer]
        const overChannels = [
          [from, bytes(sums.channel)],
          [to, bytes(weights.channel)],
        ] as const
        const overVectors = [
          [from, b.vectorBytes],
          [to, b.vectorBytes],
        ] as const
        const rowsOf = (matrix: readonly (readonly number[])[], skip: number, taps: number) =>
          matrix.slice(skip, skip + taps)
        b.walk(run.size, overChannels, () => {
          b.walk(filters / lanes, overVectors, () =>
            writeTransform(b, {
              vertical: rowsOf(vertical.weightsGradient.output, phase.vertical.skip, phase.vertical.taps),
              horizontal: rowsOf(
                horizontal.weightsGradient.output,
                phase.horizontal.skip,
                phase.horizontal.taps,
              ),
              source: { pointer: from, row: bytes(candidate.points * sums.point), column: bytes(sums.point) },
              sink: { pointer: to, row: bytes(weights.tapRow), column: bytes(weights.tapColumn) },
              scratch,
            }),
          )
        })
        return {
          program: b.finish(),
          grid: [run.count],
          arguments: {
            sums: privateArgument(SUMS, (phase.firstChannel + run.first) * sums.channel, [
              run.size * sums.channel,
            ]),
            weights: weights.argument(phase.at + run.first * weights.channel, [run.size * weights.channel]),
            scratch: threadArgument,
          },
        }
      })
    })
  }
}
