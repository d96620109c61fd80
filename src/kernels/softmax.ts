import type { Pointer, ProgramBuilder, Vector } from '../codegen/program.ts'
import { bytes, onlyWay, threadArgument } from './kernel.ts'
import { exp } from './math.ts'
import { eachVector, eachVectorOfChannels, rowParts, storeGradient } from './rows.ts'

/** The largest lane, in every lane; if one of them is NaN, NaN. */
function largestLane(b: ProgramBuilder, scratch: Pointer, vector: Vector): Vector {
  b.store(scratch, 0, vector)
  const largest = b.splat(-Infinity)
  for (let lane = 0; lane < b.lanes; lane++)
    b.assign(largest, b.max(largest, b.broadcast(scratch, bytes(lane))))
  return largest
}

/** e^(x - largest) over their sum; the powers are stored in the output's place until the sum is known. */
export const softmaxForward = onlyWay<'softmax-forward'>(({ layer, reads, writes }, traits) => {
  const views = { input: reads.input, output: writes.output }
  const write = (b: ProgramBuilder, row: Readonly<Record<string, Pointer>>): void => {
    const [from, to, scratch] = [row.input!, row.output!, row.scratch!]
    const moves = [
      [from, bytes(views.input.pixelPitch)],
      [to, bytes(views.output.pixelPitch)],
    ] as const
    b.walk(views.output.shape[2], moves, () => {
      const lanes = b.splat(-Infinity)
      eachVectorOfChannels(b, views.input, [from], (offset, isChannel) => {
        const value = b.load(from, offset)
        const own = isChannel === null ? value : b.select(isChannel(), value, b.splat(-Infinity))
        b.assign(lanes, b.max(lanes, own))
      })
      const largest = largestLane(b, scratch, lanes)
      const sum = b.splat(0)
      eachVectorOfChannels(b, views.output, [from, to], (offset, isChannel) => {
        const distance = b.sub(b.load(from, offset), largest)
        const power = exp(b, distance)
        const own = isChannel === null ? power : b.binary('and', power, isChannel())
        b.store(to, offset, own)
        b.assign(sum, b.add(sum, own))
      })
      const share = b.div(b.splat(1), b.unary('horizontalSum', sum))
      eachVectorOfChannels(b, views.output, [to], (offset, isChannel) => {
        const value = b.mul(b.load(to, offset), share)
        b.store(to, offset, isChannel === null ? value : b.binary('and', value, isChannel()))
      })
    })
  }
  const parts = rowParts(traits, layer, views, write, { scratch: threadArgument })
  return { threadScratch: traits.lanes, stages: [{ parts }] }
})

/** p (g - sum of p g) */
export const softmaxBackward = onlyWay<'softmax-backward'>(({ layer, reads, writes, options }, traits) => {
  const { output, outputGradient } = reads
  const { inputGradient } = writes
  const views = { output, outputGradient, inputGradient }
  const parts = rowParts(traits, `${layer} gradient`, views, (b, row) => {
    const [at, from, to] = [row.output!, row.outputGradient!, row.inputGradient!]
    const moves = [
      [at, bytes(output.pixelPitch)],
      [from, bytes(outputGradient.pixelPitch)],
      [to, bytes(inputGradient.pixelPitch)],
    ] as const
    const vectors = output.pixelPitch / b.lanes
    b.walk(output.shape[2], moves, () => {
      const products = b.splat(0)
      eachVector(b, vectors, [at, from], (offset) =>
        b.fma(products, b.load(at, offset), b.load(from, offset)),
      )
      const sum = b.unary('horizontalSum', products)
      eachVector(b, vectors, [at, from, to], (offset) => {
        const gradient = b.mul(b.load(at, offset), b.sub(b.load(from, offset), sum))
        storeGradient(b, to, offset, gradient, options)
      })
    })
  })
  return { stages: [{ parts }] }
})
