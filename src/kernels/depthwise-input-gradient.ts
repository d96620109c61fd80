import { inputGradientPhases, type Phase } from '../plan/geometry.ts'
import type { StepOfKind } from '../plan/steps.ts'
import { type DepthwiseSums, depthwiseWay } from './depthwise.ts'
import { summedFilters } from './depthwise-multiplier.ts'
import { argument, type TargetTraits } from './kernel.ts'

type InputGradient = StepOfKind<'grouped-conv-input-gradient'>

/** The phases along an axis, by their first input position, which is within the first stride. */
const byFirst = (phases: readonly Phase[]): ReadonlyMap<number, Phase> =>
  new Map(phases.map((phase) => [phase.first, phase]))

/** The taps that read an input position: their outputs, counted from `origin`, and their rows or columns of the kernel. */
function tapsAlong(phases: ReadonlyMap<number, Phase>, stride: number, origin: number, position: number) {
  const { taps, firstOutput, dilation } = phases.get(position % stride)!
  const output = firstOutput + Math.floor(position / stride) - origin
  return taps.map((tap, i) => ({ tap, output: output + i * dilation }))
}

/** The first output that any phase reads; 0 if none reads any. */
const firstOutputOf = (phases: readonly Phase[]): number => {
  const read = phases.filter(({ taps }) => taps.length > 0)
  return read.length === 0 ? 0 : Math.min(...read.map(({ firstOutput }) => firstOutput))
}

/**
 * Sums over the output's gradient. With a stride, a unit of the tile has one input pixel of each phase, so that each value
 * of the gradient is loaded once for all phases, and nothing is multiplied by zeros.
 */
function sumsOf(step: InputGradient, { lanes }: TargetTraits): DepthwiseSums {
  const { geometry: g } = step.options
  const { gradient, weights } = step.reads
  const { inputGradient } = step.writes
  const [images, height, width] = inputGradient.shape
  const phases = inputGradientPhases(g)
  const [vertical, horizontal] = [phases.map((p) => p.vertical), phases.map((p) => p.horizontal)]
  const [rows, columns] = [byFirst(vertical), byFirst(horizontal)]
  const origin = { row: firstOutputOf(vertical), column: firstOutputOf(horizontal) }
  const corner = origin.row * gradient.rowPitch + origin.column * gradient.pixelPitch
  const spread = summedFilters(gradient, inputGradient)
  return {
    name: `${step.layer} input gradient`,
    images,
    height,
    width,
    vectors: gradient.pixelPitch / lanes,
    taps: g.kernelHeight * g.kernelWidth,
    unit: { rows: g.strideHeight, columns: g.strideWidth },
    step: { rows: 1, columns: 1 },
    tapsOf: (row, column) =>
      tapsAlong(rows, g.strideHeight, origin.row, row).flatMap((y) =>
        tapsAlong(columns, g.strideWidth, origin.column, column).map((x) => ({
          row: y.output,
          column: x.output,
          weights: y.tap * g.kernelWidth + x.tap,
        })),
      ),
    input: {
      image: gradient.imagePitch,
      row: gradient.rowPitch,
      pixel: gradient.pixelPitch,
      at: (values, steps) => argument(gradient, corner + values, steps),
    },
    weights,
    biases: null,
    output: {
      image: inputGradient.imagePitch,
      row: inputGradient.rowPitch,
      pixel: inputGradient.pixelPitch,
      at: (values, steps) => argument(inputGradient, values, steps),
    },
    activation: undefined,
    ...(spread && { spread }),
  }
}

export const depthwiseInputGradient = depthwiseWay<'grouped-conv-input-gradient'>(
  ({ writes, options }) => writes.inputGradient.shape[3] === options.groups,
  sumsOf,
)
