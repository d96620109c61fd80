import { ProgramBuilder, type Vector } from '../codegen/program.ts'
import { argument, bytes, evenSplit, onlyWay, type Part, runsOf } from './kernel.ts'
import { VALUES_PER_TASK } from './rows.ts'

/** Weights * factor and (biases - mean) * factor + shift, where factor = scale / sqrt(variance + epsilon): see `FoldStep`. */
export const foldScale = onlyWay<'fold-scale'>(({ layer, reads, writes, options }, traits) => {
  const { weights, biases, scale, shift, mean, variance } = reads
  const { foldedWeights, foldedBiases } = writes
  const { lanes } = traits
  const vectors = weights.pixelPitch / lanes
  const [, , rows] = weights.shape

  const factorOf = (b: ProgramBuilder): Vector => {
    const factor = b.load(b.parameter('scale'))
    if (!variance) return factor
    return b.div(factor, b.sqrt(b.add(b.load(b.parameter('variance')), b.splat(options.epsilon))))
  }
  const ofChannels = { scale, ...(variance && { variance }) }
  const argumentsOf = (views: Readonly<Record<string, typeof scale>>, steps: readonly number[]) =>
    Object.fromEntries(Object.entries(views).map(([name, view]) => [name, argument(view, 0, steps)]))

  const weightParts = runsOf(evenSplit(rows, Math.max(1, Math.floor(VALUES_PER_TASK / lanes)))).map(
    (piece): Part => {
      const names = [...Object.keys(ofChannels), 'weights', 'folded']
      const b = new ProgramBuilder(`${layer} folded`, lanes, names)
      const [from, to] = [b.parameter('weights'), b.parameter('folded')]
      const factor = factorOf(b)
      const moves = [
        [from, bytes(weights.pixelPitch)],
        [to, bytes(foldedWeights.pixelPitch)],
      ] as const
      b.walk(piece.size, moves, () => b.store(to, 0, b.mul(b.load(from), factor)))
      const along = (view: typeof weights) =>
        argument(view, piece.first * view.pixelPitch, [piece.size * view.pixelPitch, lanes])
      return {
        program: b.finish(),
        grid: [piece.count, vectors],
        arguments: {
          ...argumentsOf(ofChannels, [0, lanes]),
          weights: along(weights),
          folded: along(foldedWeights),
        },
      }
    },
  )

  const ofBiases = {
    ...ofChannels,
    ...(biases && { biases }),
    ...(mean && { mean }),
    ...(shift && { shift }),
  }
  const b = new ProgramBuilder(`${layer} biases folded`, lanes, [...Object.keys(ofBiases), 'folded'])
  const factor = factorOf(b)
  let bias = biases ? b.load(b.parameter('biases')) : b.splat(0)
  if (mean) bias = b.sub(bias, b.load(b.parameter('mean')))
  const product = b.mul(bias, factor)
  b.store(b.parameter('folded'), 0, shift ? b.add(product, b.load(b.parameter('shift'))) : product)
  const biasPart: Part = {
    program: b.finish(),
    grid: [vectors],
    arguments: { ...argumentsOf(ofBiases, [lanes]), folded: argument(foldedBiases, 0, [lanes]) },
  }
  return { prologue: [{ parts: [...weightParts, biasPart] }], stages: [] }
})
