import { type Pointer, ProgramBuilder, type Vector } from '../codegen/program.ts'
import type { ScalePer } from '../layers/scale.ts'
import type { View } from '../plan/views.ts'
import {
  type ChannelSums,
  channelSumsBuffer,
  combineStage,
  pieceStage,
  sumByRows,
  totalsOf,
} from './channel-sums.ts'
import {
  argument,
  bytes,
  evenSplit,
  onlyWay,
  type Part,
  runsOf,
  type Stage,
  type TargetTraits,
} from './kernel.ts'
import {
  eachVectorOfChannels,
  eachVectorOfRowPixels,
  rowParts,
  storeGradient,
  VALUES_PER_TASK,
} from './rows.ts'

const PARTIAL = 0

type Views = Readonly<Record<string, View>>

/** Parameters of each pixel or of each value of an image, as an image that is the same for the whole batch. */
function asImage(parameter: View, like: View): View {
  const [images, height, width] = like.shape
  const { pixelPitch } = parameter
  const shape = [images, height, width, parameter.shape[3]] as const
  return { ...parameter, shape, imagePitch: 0, rowPitch: width * pixelPitch }
}

/**
 * `write` makes a vector of a tensor from those of others and of parameters; the padded channels of what has one number
 * a pixel are 0.
 */
function scaledParts(
  traits: TargetTraits,
  name: string,
  per: ScalePer,
  views: Views,
  parameters: Views,
  write: (
    b: ProgramBuilder,
    row: Readonly<Record<string, Pointer>>,
  ) => (offset: number, parameter: (name: string) => Vector, masked: (made: Vector) => Vector) => void,
): Part[] {
  const like = Object.values(views)[0]!
  const names = Object.keys(parameters)
  if (per === 'channel') {
    const fixed = Object.fromEntries(names.map((each) => [each, argument(parameters[each]!, 0, [])]))
    return rowParts(
      traits,
      name,
      views,
      (b, row) => {
        const each = write(b, row)
        eachVectorOfRowPixels(b, views, row, names, (offset) =>
          each(
            offset,
            (parameter) => b.load(row[parameter]!, offset),
            (made) => made,
          ),
        )
      },
      fixed,
    )
  }
  const images = Object.fromEntries(names.map((each) => [each, asImage(parameters[each]!, like)]))
  return rowParts(traits, name, { ...views, ...images }, (b, row) => {
    const each = write(b, row)
    const all = { ...views, ...images }
    const moves = Object.entries(all).map(([key, view]) => [row[key]!, bytes(view.pixelPitch)] as const)
    const pointers = Object.keys(per === 'pixel' ? views : all).map((key) => row[key]!)
    b.walk(like.shape[2], moves, () =>
      eachVectorOfChannels(b, like, pointers, (offset, isChannel) =>
        each(
          offset,
          (parameter) => (per === 'pixel' ? b.broadcast(row[parameter]!) : b.load(row[parameter]!, offset)),
          (made) => (per === 'pixel' && isChannel ? b.binary('and', made, isChannel()) : made),
        ),
      ),
    )
  })
}

export const scaleForward = onlyWay<'scale-forward'>(({ layer, reads, writes, options }, traits) => {
  const { input, scale, shift } = reads
  const views = { input, output: writes.output }
  const parameters = { scale, ...(shift && { shift }) }
  const parts = scaledParts(
    traits,
    layer,
    options.per,
    views,
    parameters,
    (b, row) => (offset, of, masked) => {
      const [x, factor] = [b.load(row.input!, offset), of('scale')]
      if (!shift) {
        b.store(row.output!, offset, masked(b.mul(x, factor)))
        return
      }
      const sum = of('shift')
      b.fma(sum, x, factor)
      b.store(row.output!, offset, masked(sum))
    },
  )
  return { stages: [{ parts }] }
})

/**
 * The sum over all pixels of the gradient times the input, and, if there is a shift, of the gradient; or over what
 * shares a parameter.
 */
export const scaleParametersGradient = onlyWay<'scale-parameters-gradient'>(
  ({ layer, reads, writes, options }, traits) => {
    const { scaleGradient, shiftGradient } = writes
    const name = `${layer} parameters gradient`
    const views = { input: reads.input, outputGradient: reads.outputGradient }
    const gradients = { scale: scaleGradient, ...(shiftGradient && { shift: shiftGradient }) }
    if (options.per !== 'channel')
      return { stages: [sumsOverBatch(traits, name, options.per, views, gradients)] }
    const sums: ChannelSums = {
      name,
      views,
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
    const others = Object.fromEntries(
      Object.entries(gradients).map(([key, view]) => [key, argument(view, 0, [])]),
    )
    const combined = combineStage(traits, sums, others, (b, pieces, pointers) => {
      const [scale, shift] = totalsOf(b, sums, pieces)
      b.store(pointers.scale!, 0, scale!)
      if (shift !== undefined) b.store(pointers.shift!, 0, shift)
    })
    return { privateBuffers: [channelSumsBuffer(sums)], stages: [pieces, combined] }
  },
)

/** For each pixel, or for each of its values, the sums over the images of the batch. */
function sumsOverBatch(
  traits: TargetTraits,
  name: string,
  per: Exclude<ScalePer, 'channel'>,
  views: Readonly<Record<'input' | 'outputGradient', View>>,
  gradients: { readonly scale: View; readonly shift?: View },
): Stage {
  const { input, outputGradient } = views
  const [images, height, width] = outputGradient.shape
  const to = Object.entries<View>({ ...gradients }).map(
    ([key, view]) => [key, asImage(view, outputGradient)] as const,
  )
  const all = [...Object.entries<View>(views), ...to]
  const rowsPerTask = Math.max(1, Math.floor(VALUES_PER_TASK / (images * width * outputGradient.pixelPitch)))
  const parts = runsOf(evenSplit(height, rowsPerTask)).map((rows): Part => {
    const b = new ProgramBuilder(
      name,
      traits.lanes,
      all.map(([key]) => key),
    )
    const row = Object.fromEntries(all.map(([key]) => [key, b.parameter(key)]))
    const [x, given] = [row.input!, row.outputGradient!]
    const perImage = [
      [x, bytes(input.imagePitch)],
      [given, bytes(outputGradient.imagePitch)],
    ] as const
    const pitches = (pitch: 'rowPitch' | 'pixelPitch') =>
      all.map(([key, view]) => [row[key]!, bytes(view[pitch])] as const)
    /** Adds to the sums, one of products and one of gradients, what the images have at an offset. */
    const addImages = ([products, shifts]: readonly Vector[], offset: number) =>
      b.walk(images, perImage, () => {
        const gradient = b.load(given, offset)
        b.fma(products!, gradient, b.load(x, offset))
        if (shifts !== undefined) b.assign(shifts, b.add(shifts, gradient))
      })
    const zeros = () => to.map(() => b.splat(0))
    b.walk(rows.size, pitches('rowPitch'), () =>
      b.walk(width, pitches('pixelPitch'), () => {
        if (per === 'value') {
          const pointers = all.map(([key]) => row[key]!)
          eachVectorOfChannels(b, outputGradient, pointers, (offset) => {
            const sums = zeros()
            addImages(sums, offset)
            for (const [i, [key]] of to.entries()) b.store(row[key]!, offset, sums[i]!)
          })
          return
        }
        const totals = zeros()
        eachVectorOfChannels(b, outputGradient, [x, given], (offset) => {
          const sums = zeros()
          addImages(sums, offset)
          for (const [i, total] of totals.entries()) b.assign(total, b.add(total, sums[i]!))
        })
        const isFirst = b.binary('lessThan', b.unary('toFloat', b.laneIndexes()), b.splat(1))
        for (const [i, [key]] of to.entries())
          b.store(row[key]!, 0, b.binary('and', b.unary('horizontalSum', totals[i]!), isFirst))
      }),
    )
    return {
      program: b.finish(),
      grid: [rows.count],
      arguments: Object.fromEntries(
        all.map(([key, view]) => [
          key,
          argument(view, rows.first * view.rowPitch, [rows.size * view.rowPitch]),
        ]),
      ),
    }
  })
  return { parts }
}

export const scaleInputGradient = onlyWay<'scale-input-gradient'>(
  ({ layer, reads, writes, options }, traits) => {
    const views = { inputGradient: writes.inputGradient, outputGradient: reads.outputGradient }
    const name = `${layer} gradient`
    const parts = scaledParts(
      traits,
      name,
      options.per,
      views,
      { scale: reads.scale },
      (b, row) => (offset, of, masked) => {
        const made = masked(b.mul(b.load(row.outputGradient!, offset), of('scale')))
        storeGradient(b, row.inputGradient!, offset, made, options)
      },
    )
    return { stages: [{ parts }] }
  },
)
