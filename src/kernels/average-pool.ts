import type { Pointer, ProgramBuilder, Vector } from '../codegen/program.ts'
import { averagedWindow } from '../layers/average-pool.ts'
import type { WindowGeometry } from '../layers/index.ts'
import type { View } from '../plan/views.ts'
import { bytes, onlyWay } from './kernel.ts'
import { eachTap, isLoop, type WindowShape, windowGradientParts, windowParts } from './windows.ts'

/** 1 / the number by which these windows, all cut alike, divide their sums. */
function shareOf(
  options: { readonly geometry: WindowGeometry; readonly countPadding: boolean },
  { rows, columns }: WindowShape,
): number {
  return 1 / averagedWindow(options.geometry, options, rows.first, columns.first).divisor
}

export const averagePoolForward = onlyWay<'average-pool-forward'>(
  ({ layer, reads, writes, options }, traits) => {
    const views = { input: reads.input, output: writes.output }
    const parts = windowParts(traits, layer, options.geometry, views, (b, window, at, to, offset) => {
      const sum = b.splat(0)
      if (isLoop(window)) addRows(b, sum, views.input, window, at, offset)
      else eachTap(b, views.input, window, at, (tap) => b.assign(sum, b.add(sum, b.load(at, tap + offset))))
      b.store(to, offset, b.mul(sum, b.splat(shareOf(options, window))))
    })
    return { stages: [{ parts }] }
  },
)

/** Adds row by row, so that in a large window a small value is not added to the sum of all values before it. */
function addRows(
  b: ProgramBuilder,
  sum: Vector,
  view: View,
  { rows, columns }: WindowShape,
  at: Pointer,
  offset: number,
): void {
  b.walk(rows.taps, [[at, bytes(view.rowPitch)]], () => {
    const row = b.splat(0)
    b.walk(columns.taps, [[at, bytes(view.pixelPitch)]], () => b.assign(row, b.add(row, b.load(at, offset))))
    b.assign(sum, b.add(sum, row))
  })
}

export const averagePoolBackward = onlyWay<'average-pool-backward'>(
  ({ layer, reads, writes, options }, traits) => {
    const { inputGradient } = writes
    const parts = windowGradientParts(
      traits,
      `${layer} gradient`,
      options,
      [reads.outputGradient],
      [inputGradient],
      (b, window, [from], [to]) => {
        const given = b.mul(b.load(from!), b.splat(shareOf(options, window)))
        eachTap(b, inputGradient, window, to!, (tap) => b.store(to!, tap, b.add(b.load(to!, tap), given)))
      },
    )
    return { stages: [{ parts }] }
  },
)
