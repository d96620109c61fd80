import { FLOAT_BYTES, type Pointer, type ProgramBuilder } from '../../codegen/program.ts'
import { bytes, evenSplit, runsOf } from '../kernel.ts'
import { type TileShape, writeTile } from '../tile.ts'
import type { TileLayout } from './layout.ts'

/** Writes the products of some tiles and some blocks of filters, for one point. */
export function writeProducts(
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
