import { FLOAT_BYTES, type Pointer, type ProgramBuilder } from '../../codegen/program.ts'
import { bytes, evenSplit, runsOf } from '../kernel.ts'
import { roundsOf, type TileShape, writeTile } from '../tile.ts'
import type { TileLayout } from './layout.ts'

/**
 * Writes the products of some tiles and some blocks of filters, for one point. With `ahead`, it asks for as many weights
 * from there on.
 */
export function writeProducts(
  b: ProgramBuilder,
  at: { readonly a: Pointer; readonly b: Pointer; readonly c: Pointer; readonly ahead?: Pointer | null },
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
  const pieces = evenSplit(tiles, shape.rows)
  const rounds = blocks * pieces.length * roundsOf(channels, shape.unroll)
  const ahead =
    at.ahead && rounds > 0
      ? { at: at.ahead, bytesPerRound: Math.ceil(bytes(blocks * channels * width) / rounds) }
      : undefined
  b.walk(blocks, overBlocks, () => {
    for (const { size, count } of runsOf(pieces)) {
      b.loop(count, () => {
        writeTile(b, { ...shape, rows: size, sum, aRow, cRow }, at, { begin: 'zero' }, ahead)
        b.advance(at.a, size * aRow)
        b.advance(at.c, size * cRow)
      })
    }
    b.advance(at.a, -tiles * aRow)
    b.advance(at.c, -tiles * cRow)
  })
  if (ahead) b.advance(ahead.at, -rounds * ahead.bytesPerRound)
}
