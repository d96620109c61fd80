import { averagedWindow } from '../layers/average-pool.ts'
import type { WindowGeometry } from '../layers/index.ts'
import { onlyWay } from './kernel.ts'
import { eachTap, type WindowShape, windowGradientParts, windowParts } from './windows.ts'

/** One over what windows that are cut alike divide their sums by. */
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
      eachTap(b, views.input, window, at, (tap) => b.assign(sum, b.add(sum, b.load(at, tap + offset))))
      b.store(to, offset, b.mul(sum, b.splat(shareOf(options, window))))
    })
    return { stages: [{ parts }] }
  },
)

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
