// Means and maxima over rows and columns, which are poolings with one window along these axes.
import { averagePool, maxPool } from '../../../../layers/index.ts'
import { described, settle } from '../layout.ts'
import { axisOf, type OperatorImporter } from '../node-context.ts'
import { Refusal } from '../sizes.ts'
import { extentOf } from '../views.ts'

const importReduction =
  (make: typeof maxPool | typeof averagePool): OperatorImporter =>
  (node) => {
    const value = settle(node, node.value())
    const { shape, axes } = value
    const rank = axes.length
    const given = node.integersOf('axes', 1)?.map((axis) => axisOf(axis, rank))
    if (!given && node.attributes.integer('noop_with_empty_axes', 0) === 1) return value
    const reduced = new Set(given ?? axes.map((_, i) => i))
    const parts = [...reduced].flatMap((i) => axes[i]!)
    const over = (['h', 'w'] as const).filter((axis) => parts.some((part) => part.axis === axis))
    const extents = over.map((axis) => extentOf(shape, axis))
    const isWholeAxes =
      parts.every(({ axis }) => axis === 'h' || axis === 'w') &&
      parts.reduce((count, { size }) => count * size, 1) === extents.reduce((count, each) => count * each, 1)
    if (!isWholeAxes)
      throw new Refusal(
        `it is over the axes ${[...reduced]} of its input ${described(value)}, which are not rows and columns`,
      )
    const keeps = node.attributes.integer('keepdims', 1) === 1
    const remaining = axes.flatMap((axis, i) => (reduced.has(i) ? (keeps ? [[]] : []) : [axis]))
    if (over.length === 0) return { ...value, axes: remaining }
    const kernel = [over.includes('h') ? shape[0]! : 1, over.includes('w') ? shape[1]! : 1] as const
    const isGlobal = over.length === 2 || kernel[0] * kernel[1] === shape[0]! * shape[1]!
    const made = node.layer([value], (name, inputs) =>
      make(name, { kernel: isGlobal ? 'global' : kernel, ...inputs }),
    )
    return { ...value, ...made, axes: remaining }
  }

export const reductionImporters: Readonly<Record<string, OperatorImporter>> = {
  ReduceMean: importReduction(averagePool),
  ReduceMax: importReduction(maxPool),
}
