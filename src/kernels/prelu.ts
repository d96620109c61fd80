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

export const preluForward = onlyWay<'prelu-forward'>(({ layer, reads, writes }, traits) => {
  const views = { input: reads.input, output: writes.output }
  const fixed = { slope: argument(reads.slope, 0, []) }
  const parts = rowParts(
    traits,
    layer,
    views,
    (b, row) => {
      const zero = b.splat(0)
      eachVectorOfRowPixels(b, views, row, Object.keys(fixed), (offset) => {
        const x = b.load(row.input!, offset)
        const below = b.mul(x, b.load(row.slope!, offset))
        b.store(row.output!, offset, b.select(b.binary('lessThan', zero, x), x, below))
      })
    },
    fixed,
  )
  return { stages: [{ parts }] }
})

/** The sum, over all pixels, of input times gradient where the input is not over 0. */
export const preluSlopeGradient = onlyWay<'prelu-slope-gradient'>(({ layer, reads, writes }, traits) => {
  const sums: ChannelSums = {
    name: `${layer} slope gradient`,
    views: { input: reads.input, outputGradient: reads.outputGradient },
    channels: {},
    perChannel: 1,
    privateBuffer: PARTIAL,
  }
  const pieces = pieceStage(traits, sums, (b, block) => {
    const zero = b.splat(0)
    return sumByRows(b, block, sums, ([products], load) => {
      const x = load('input')
      const product = b.mul(x, load('outputGradient'))
      const below = b.select(b.binary('lessThan', zero, x), zero, product)
      b.assign(products!, b.add(products!, below))
    })
  })
  const others = { gradient: argument(writes.slopeGradient, 0, []) }
  const combined = combineStage(traits, sums, others, (b, pieces, { gradient }) => {
    const [total] = totalsOf(b, sums, pieces)
    b.store(gradient!, 0, total!)
  })
  return { privateBuffers: [channelSumsBuffer(sums)], stages: [pieces, combined] }
})

export const preluInputGradient = onlyWay<'prelu-input-gradient'>(
  ({ layer, reads, writes, options }, traits) => {
    const { input, outputGradient } = reads
    const views = { inputGradient: writes.inputGradient, input, outputGradient }
    const fixed = { slope: argument(reads.slope, 0, []) }
    const parts = rowParts(
      traits,
      `${layer} gradient`,
      views,
      (b, row) => {
        const zero = b.splat(0)
        eachVectorOfRowPixels(b, views, row, Object.keys(fixed), (offset) => {
          const given = b.load(row.outputGradient!, offset)
          const isOver = b.binary('lessThan', zero, b.load(row.input!, offset))
          const made = b.select(isOver, given, b.mul(given, b.load(row.slope!, offset)))
          storeGradient(b, row.inputGradient!, offset, made, options)
        })
      },
      fixed,
    )
    return { stages: [{ parts }] }
  },
)
