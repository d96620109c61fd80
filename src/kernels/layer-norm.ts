import type { Pointer, ProgramBuilder, Vector } from '../codegen/program.ts'
import type { View } from '../plan/views.ts'
import { type ChannelSums, channelSumsBuffer, combineStage, pixelStage } from './channel-sums.ts'
import { argument, bytes, onlyWay } from './kernel.ts'
import { finiteVariance } from './moments.ts'
import { eachVector, eachVectorOfChannels, rowParts, storeGradient } from './rows.ts'

const PARTIAL = 0

/** A pixel's mean and 1 / sqrt(variance + epsilon), each in every lane. */
interface Moments {
  readonly mean: Vector
  readonly factor: Vector
}

/**
 * Computes the moments in two passes over the pixel's channels, which are in the cache. As in `momentsOfPiece`, the mean is
 * corrected by the mean distance from it, so that the mean of equal values is that value.
 */
function momentsOf(b: ProgramBuilder, view: View, from: Pointer, epsilon: number): Moments {
  const share = b.splat(1 / view.shape[3])
  const sums = b.splat(0)
  eachVector(b, view.pixelPitch / b.lanes, [from], (offset) =>
    b.assign(sums, b.add(sums, b.load(from, offset))),
  )
  const about = b.mul(b.unary('horizontalSum', sums), share)
  const [squares, distances] = [b.splat(0), b.splat(0)]
  eachVectorOfChannels(b, view, [from], (offset, isChannel) => {
    const all = b.sub(b.load(from, offset), about)
    const distance = isChannel ? b.binary('and', all, isChannel()) : all
    b.fma(squares, distance, distance)
    b.assign(distances, b.add(distances, distance))
  })
  const rest = b.mul(b.unary('horizontalSum', distances), share)
  const variance = b.sub(b.mul(b.unary('horizontalSum', squares), share), b.mul(rest, rest))
  const finite = finiteVariance(b, b.max(variance, b.splat(0)))
  return {
    mean: b.add(about, rest),
    factor: b.div(b.splat(1), b.sqrt(b.add(finite, b.splat(epsilon)))),
  }
}

const pixelsOf = (views: Readonly<Record<string, View>>, row: Readonly<Record<string, Pointer>>) =>
  Object.entries(views).map(([name, view]) => [row[name]!, bytes(view.pixelPitch)] as const)

export const layerNormForward = onlyWay<'layer-norm-forward'>(({ layer, reads, writes, options }, traits) => {
  const { input, scale, shift } = reads
  const views = { input, output: writes.output }
  const write = (b: ProgramBuilder, row: Readonly<Record<string, Pointer>>): void => {
    const { input: from, output: to, scale: scales, shift: shifts } = row as Record<string, Pointer>
    b.walk(input.shape[2], pixelsOf(views, row), () => {
      const { mean, factor } = momentsOf(b, input, from!, options.epsilon)
      eachVectorOfChannels(b, input, [from!, to!, scales!, shifts!], (offset, isChannel) => {
        const sum = b.load(shifts!, offset)
        const normalized = b.mul(b.sub(b.load(from!, offset), mean), factor)
        b.fma(sum, normalized, b.load(scales!, offset))
        b.store(to!, offset, isChannel ? b.binary('and', sum, isChannel()) : sum)
      })
    })
  }
  const fixed = { scale: argument(scale, 0, []), shift: argument(shift, 0, []) }
  return { stages: [{ parts: rowParts(traits, layer, views, write, fixed) }] }
})

/**
 * The gradient of shift is the sum of the output's gradient over all pixels; that of scale, of the gradient times the
 * normalized input.
 */
export const layerNormParametersGradient = onlyWay<'layer-norm-parameters-gradient'>(
  ({ layer, reads, writes, options }, traits) => {
    const { input, outputGradient } = reads
    const sums: ChannelSums = {
      name: `${layer} parameters gradient`,
      views: { input, outputGradient },
      channels: {},
      perChannel: 2,
      privateBuffer: PARTIAL,
    }
    const pieces = pixelStage(traits, sums, (b, pixel, partial) => {
      const [from, given] = [pixel.input!, pixel.outputGradient!]
      const { mean, factor } = momentsOf(b, input, from, options.epsilon)
      const second = bytes(input.pixelPitch)
      eachVector(b, input.pixelPitch / b.lanes, [from, given, partial], (offset) => {
        const gradient = b.load(given, offset)
        b.store(partial, offset, b.add(b.load(partial, offset), gradient))
        const sum = b.load(partial, second + offset)
        b.fma(sum, gradient, b.mul(b.sub(b.load(from, offset), mean), factor))
        b.store(partial, second + offset, sum)
      })
    })
    const others = {
      shift: argument(writes.shiftGradient, 0, []),
      scale: argument(writes.scaleGradient, 0, []),
    }
    const combined = combineStage(traits, sums, others, (b, { eachPiece }, pointers) => {
      const [shift, scale] = [b.splat(0), b.splat(0)]
      eachPiece((load) => {
        b.assign(shift, b.add(shift, load(0)))
        b.assign(scale, b.add(scale, load(1)))
      })
      b.store(pointers.shift!, 0, shift)
      b.store(pointers.scale!, 0, scale)
    })
    return { privateBuffers: [channelSumsBuffer(sums)], stages: [pieces, combined] }
  },
)

/**
 * factor * (h - mean of h - normalized * mean of (h * normalized)), where h is scale * the output's gradient, and means
 * are over the pixel.
 */
export const layerNormInputGradient = onlyWay<'layer-norm-input-gradient'>(
  ({ layer, reads, writes, options }, traits) => {
    const { input, outputGradient, scale } = reads
    const views = { input, outputGradient, inputGradient: writes.inputGradient }
    const write = (b: ProgramBuilder, row: Readonly<Record<string, Pointer>>): void => {
      const [from, given, to, scales] = [row.input!, row.outputGradient!, row.inputGradient!, row.scale!]
      b.walk(input.shape[2], pixelsOf(views, row), () => {
        const { mean, factor } = momentsOf(b, input, from, options.epsilon)
        const [gradients, products] = [b.splat(0), b.splat(0)]
        const at = (offset: number) => ({
          gradient: b.mul(b.load(given, offset), b.load(scales, offset)),
          normalized: b.mul(b.sub(b.load(from, offset), mean), factor),
        })
        // Padded channels add nothing to the sums, since their gradients are 0.
        eachVector(b, input.pixelPitch / b.lanes, [from, given, scales], (offset) => {
          const { gradient, normalized } = at(offset)
          b.assign(gradients, b.add(gradients, gradient))
          b.fma(products, gradient, normalized)
        })
        const share = b.splat(1 / input.shape[3])
        const gradientMean = b.mul(b.unary('horizontalSum', gradients), share)
        const productMean = b.mul(b.unary('horizontalSum', products), share)
        eachVectorOfChannels(b, input, [from, given, scales, to], (offset, isChannel) => {
          const { gradient, normalized } = at(offset)
          const centred = b.sub(b.sub(gradient, gradientMean), b.mul(normalized, productMean))
          const made = b.mul(centred, factor)
          storeGradient(b, to, offset, isChannel ? b.binary('and', made, isChannel()) : made, options)
        })
      })
    }
    const parts = rowParts(traits, `${layer} gradient`, views, write, { scale: argument(scale, 0, []) })
    return { stages: [{ parts }] }
  },
)
