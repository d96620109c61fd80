import type { Pointer, ProgramBuilder } from '../../codegen/program.ts'
import type { Activation } from '../../layers/index.ts'
import { activationOfSums } from '../activation.ts'
import { bytes } from '../kernel.ts'
import type { TilePitches } from './layout.ts'
import { columnsOf, type TiledAxis, type TileRun } from './tiling.ts'
import { writeTransform } from './transform.ts'

/** Some rows of tiles, with all their columns. */
export interface TileRows {
  readonly vertical: TiledAxis
  readonly horizontal: TiledAxis
  readonly rows: readonly TileRun[]
}

/** Pitches of a tensor in memory, in values. */
export interface Pitches {
  readonly row: number
  readonly pixel: number
}

/** A tensor's first tile. */
interface Placed {
  readonly at: Pointer
  readonly pitches: Pitches
}

/** Goes over tiles, row by row; afterwards all pointers are where they were before. */
function eachTile(
  b: ProgramBuilder,
  { vertical, horizontal, rows }: TileRows,
  images: readonly Placed[],
  tiles: Pointer,
  layout: TilePitches,
  write: (row: TileRun, column: TileRun) => void,
): void {
  const move = (rows: number, columns: number): void => {
    for (const { at, pitches } of images)
      b.advance(
        at,
        bytes(rows * vertical.outputs * pitches.row + columns * horizontal.outputs * pitches.pixel),
      )
  }
  let count = 0
  for (const row of rows) {
    b.loop(row.count, () => {
      for (const column of horizontal.runs) {
        b.loop(column.count, () => {
          write(row, column)
          move(0, 1)
          b.advance(tiles, bytes(layout.tile))
        })
      }
      move(1, -horizontal.count)
    })
    count += row.count
  }
  move(-count, 0)
  b.advance(tiles, -count * horizontal.count * bytes(layout.tile))
}

export interface InputTiles extends TileRows {
  /** Points to the first tile's first value, which may lie outside the image. */
  readonly image: Pointer
  readonly pitches: Pitches
  readonly values: Pointer
  readonly layout: TilePitches
  readonly vectors: number
  readonly scratch: Pointer
}

/** Transforms tiles of the input. What lies outside the image is not read. */
export function writeInputTiles(b: ProgramBuilder, tiles: InputTiles): void {
  const { vertical, horizontal, image, pitches, values, layout, vectors, scratch } = tiles
  const [rowStep, columnStep] = [bytes(pitches.row), bytes(pitches.pixel)]
  eachTile(b, tiles, [{ at: image, pitches }], values, layout, (row, column) => {
    const outside = row.skip * rowStep + column.skip * columnStep
    b.advance(image, outside)
    const moves = [
      [image, b.vectorBytes],
      [values, b.vectorBytes],
    ] as const
    b.walk(vectors, moves, () =>
      writeTransform(b, {
        vertical: columnsOf(vertical.forward.input, row.skip, row.taps),
        horizontal: columnsOf(horizontal.forward.input, column.skip, column.taps),
        source: { pointer: image, row: rowStep, column: columnStep },
        sink: { pointer: values, ...pointSteps(horizontal, layout) },
        scratch,
      }),
    )
    b.advance(image, -outside)
  })
}

export interface OutputTiles extends TileRows {
  readonly products: Pointer
  readonly layout: TilePitches
  /** Points to the first tile's first value. */
  readonly image: Pointer
  readonly pitches: Pitches
  readonly vectors: number
  readonly biases: Pointer | null
  /** Its first tile's first value; added to the sums. */
  readonly addend: Placed | null
  readonly activation: Activation | undefined
  readonly scratch: Pointer
}

/** Transforms products back, into those outputs that lie inside the image. */
export function writeOutputTiles(b: ProgramBuilder, tiles: OutputTiles): void {
  const { vertical, horizontal, products, layout, image, pitches, vectors, biases, addend, scratch } = tiles
  const { inRegister, inMemory } = activationOfSums(b, tiles.activation)
  const [imageRow, imageColumn] = [bytes(pitches.row), bytes(pitches.pixel)]
  const images = [{ at: image, pitches }, ...(addend ? [addend] : [])]
  const beside = addend && { pointer: addend.at, column: bytes(addend.pitches.pixel) }
  eachTile(b, tiles, images, products, layout, (row, column) => {
    const pointers = [...images.map(({ at }) => at), products, ...(biases === null ? [] : [biases])]
    const moves = pointers.map((pointer) => [pointer, b.vectorBytes] as const)
    b.walk(vectors, moves, () => {
      writeTransform(b, {
        vertical: vertical.forward.output.slice(0, row.outputs),
        horizontal: horizontal.forward.output.slice(0, column.outputs),
        source: { pointer: products, ...pointSteps(horizontal, layout) },
        sink: { pointer: image, row: imageRow, column: imageColumn },
        ...(beside && { beside }),
        scratch,
        finish: (value, rowOfTile) => {
          const sum = biases === null ? value : b.add(value, b.load(biases))
          const whole = addend ? b.add(sum, b.load(addend.at, bytes(rowOfTile * addend.pitches.row))) : sum
          return inRegister(whole)
        },
      })
      if (inMemory)
        b.walk(column.outputs, [[image, imageColumn]], () => {
          inMemory(
            image,
            Array.from({ length: row.outputs }, (_, i) => i * imageRow),
          )
        })
    })
  })
}

/** Transforms tiles of the output's gradient as a filter with this many taps. */
export function writeGradientTiles(b: ProgramBuilder, tiles: InputTiles): void {
  const { vertical, horizontal, image, pitches, values, layout, vectors, scratch } = tiles
  eachTile(b, tiles, [{ at: image, pitches }], values, layout, (row, column) => {
    const moves = [
      [image, b.vectorBytes],
      [values, b.vectorBytes],
    ] as const
    b.walk(vectors, moves, () =>
      writeTransform(b, {
        vertical: columnsOf(vertical.weightsGradient.filter, 0, row.outputs),
        horizontal: columnsOf(horizontal.weightsGradient.filter, 0, column.outputs),
        source: { pointer: image, row: bytes(pitches.row), column: bytes(pitches.pixel) },
        sink: { pointer: values, ...pointSteps(horizontal, layout) },
        scratch,
      }),
    )
  })
}

/** Points are in rows, like the tile's values. */
const pointSteps = ({ points }: TiledAxis, layout: TilePitches) => ({
  row: bytes(points * layout.point),
  column: bytes(layout.point),
})
