import { type Grid, pixelAt } from '../tensor.ts'

/** Calls `visit` with the position of each value in every one of the grids (1, 1, rows, columns), which have the same shape. */
export function eachValue(grids: readonly Grid[], visit: (at: readonly number[]) => void): void {
  const [, , rows, columns] = grids[0]!.shape
  const at = new Array<number>(grids.length)
  for (let row = 0; row < rows; row++) {
    const from = grids.map((grid) => pixelAt(grid, 0, 0, row))
    for (let column = 0; column < columns; column++) {
      for (let i = 0; i < grids.length; i++) at[i] = from[i]! + column
      visit(at)
    }
  }
}
