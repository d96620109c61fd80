import {
  type ChannelSums,
  channelSumsBuffer,
  combineStage,
  pieceStage,
  sumByRows,
  totalsOf,
} from './channel-sums.ts'
import { argument, onlyWay } from './kernel.ts'
import { eachVectorOfRowPixels, rowParts, storeGradient } from './rows.ts'

const PARTIAL = 0

export const scaleForward = onlyWay<'scale-forward'>(({ layer, reads, writes }, traits) => {
  const { input, scale, shift } = reads
  const views = { input, output: writes.output }
  const fixed = { scale: argument(scale, 0, []), ...(shift && { shift: argument(shift, 0, []) }) }
  const parts = rowParts(
    traits,
    layer,
    views,
    (b, row) =>
      eachVectorOfRowPixels(b, views, row, Object.keys(fixed), (offset) => {
        const [x, factor] = [b.load(row.input!, offset), b.load(row.scale!, offset)]
        if (!shift) {
          b.store(row.output!, offset, b.mul(x, factor))
          return
        }
        const sum = b.load(row.shift!, offset)
        b.fma(sum, x, factor)
        b.store(row.output!, offset, sum)
      }),
    fixed,
  )
  return { stages: [{ parts }] }
})

/** The sum over all pixels of the gradient times the input, and, if there is a shift, of the gradient. */
export const scaleParametersGradient = onlyWay<'scale-parameters-gradient'>(
  ({ layer, reads, writes }, traits) => {
    const { scaleGradient, shiftGradient } = writes
    const sums: ChannelSums = {
      name: `${layer} parameters gradient`,
      views: { input: reads.input, outputGradient: reads.outputGradient },
      channels: {},
      perChannel: shiftGradient ? 2 : 1,
      privateBuffer: PARTIAL,
    }
    const pieces = pieceStage(traits, sums, (b, block) =>
      sumByRows(b, block, sums, ([products, shifts], load) => {
        const given = load('outputGradient')
        b.fma(products!, given, load('input'))
        if (shifts !== undefined) b.assign(shifts, b.add(shifts, given))
      }),
    )
    const others = {
      scale: argument(scaleGradient, 0, []),
      ...(shiftGradient && { shift: argument(shiftGradient, 0, []) }),
    }
    const combined = combineStage(traits, sums, others, (b, pieces, pointers) => {
      const [scale, shift] = totalsOf(b, sums, pieces)
      b.store(pointers.scale!, 0, scale!)
      if (shift !== undefined) b.store(pointers.shift!, 0, shift)
    })
    return { privateBuffers: [channelSumsBuffer(sums)], stages: [pieces, combined] }
  },
)

export const scaleInputGradient = onlyWay<'scale-input-gradient'>(
  ({ layer, reads, writes, options }, traits) => {
    const views = { inputGradient: writes.inputGradient, outputGradient: reads.outputGradient }
    const fixed = { scale: argument(reads.scale, 0, []) }
    const parts = rowParts(
      traits,
      `${layer} gradient`,
      views,
      (b, row) =>
        eachVectorOfRowPixels(b, views, row, Object.keys(fixed), (offset) => {
          const made = b.mul(b.load(row.outputGradient!, offset), b.load(row.scale!, offset))
          storeGradient(b, row.inputGradient!, offset, made, options)
        }),
      fixed,
    )
    return { stages: [{ parts }] }
  },
)
