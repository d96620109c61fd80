import type { StepOfKind } from '../plan/steps.ts'
import { type DepthwiseSums, depthwiseWay } from './depthwise.ts'
import { repeatedInput } from './depthwise-multiplier.ts'
import { argument, type TargetTraits } from './kernel.ts'

type Forward = StepOfKind<'grouped-conv-forward'>

/** Each filter reads one channel, so a vector of filters reads a vector of channels. */
function sumsOf({ layer, reads, writes, options }: Forward, { lanes }: TargetTraits): DepthwiseSums {
  const { geometry: g, activation } = options
  const { input, weights, biases } = reads
  const { output } = writes
  const [images, height, width] = output.shape
  const corner = -g.top * input.rowPitch - g.left * input.pixelPitch
  const spread = repeatedInput(g, input, output, lanes)
  return {
    name: layer,
    images,
    height,
    width,
    vectors: output.pixelPitch / lanes,
    taps: g.kernelHeight * g.kernelWidth,
    unit: { rows: 1, columns: 1 },
    step: { rows: g.strideHeight, columns: g.strideWidth },
    tapsOf: (row, column) =>
      Array.from({ length: g.kernelHeight * g.kernelWidth }, (_, tap) => ({
        row: row * g.strideHeight + Math.floor(tap / g.kernelWidth) * g.dilationHeight,
        column: column * g.strideWidth + (tap % g.kernelWidth) * g.dilationWidth,
        weights: tap,
      })),
    input: {
      image: input.imagePitch,
      row: input.rowPitch,
      pixel: input.pixelPitch,
      at: (values, steps) => argument(input, corner + values, steps),
    },
    weights,
    biases: biases ?? null,
    output: {
      image: output.imagePitch,
      row: output.rowPitch,
      pixel: output.pixelPitch,
      at: (values, steps) => argument(output, values, steps),
    },
    activation,
    ...(spread && { spread }),
  }
}

export const depthwiseForward = depthwiseWay<'grouped-conv-forward'>(
  ({ reads, options }) => reads.input.shape[3] === options.groups,
  sumsOf,
)
