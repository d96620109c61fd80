import type { LayerDefinition } from '../../src/layers/layer.ts'
import { normal } from '../../src/random.ts'
import { denseGrid, elementCount, type Shape } from '../../src/tensor.ts'

export interface GradientCase<Options> {
  readonly definition: LayerDefinition<Options>
  readonly options: Options
  /** (H, W, C) */
  readonly inputShape: Shape
  /** One number an image, as a second input that has no gradient. */
  readonly labels?: readonly number[]
  readonly batch?: number
  readonly seed?: number
}

/** A central difference loses h^2 to the function's curvature and 1e-16 / h to rounding: this h leaves about 1e-10. */
const STEP = 1e-5

/**
 * How far a layer's backward is from finite differences of its forward, all in float64, for the objective
 * sum(direction * output) with a random direction: the 2-norm of the difference over that of the differences, for
 * `input` and for each parameter. A step must not cross a kink of ReLU or max-pooling: choose a seed that keeps away.
 */
export function gradientErrors<Options>({
  definition,
  options,
  inputShape,
  labels,
  batch = 2,
  seed = 7,
}: GradientCase<Options>): Record<string, number> {
  const random = (count: number, tensor: string) => {
    const values = new Float64Array(count)
    normal(values, { seed, tensor })
    return values
  }
  const outputShape = definition.outputShape('layer', options, labels ? [inputShape, []] : [inputShape])
  const isScalar = definition.isLoss ?? false
  const outputGrid = (values: Float64Array) => denseGrid(values, isScalar ? 1 : batch, outputShape)
  const outputCount = (isScalar ? 1 : batch) * elementCount(outputShape)

  const input = random(batch * elementCount(inputShape), 'input')
  const direction = random(outputCount, 'direction')
  const specs = Object.entries(definition.parameters(options, [inputShape]))
  const parameters = Object.fromEntries(
    specs.map(([name, { shape }]) => [name, random(elementCount(shape), name)] as const),
  )

  const outputs = new Float64Array(outputCount)
  const output = outputGrid(outputs)
  const inputs = [denseGrid(input, batch, inputShape)]
  if (labels) inputs.push(denseGrid(Float64Array.from(labels), batch, []))
  const forward = { name: 'layer', options, inputs, parameters, output }
  const objective = () => {
    definition.forward(forward)
    return outputs.reduce((sum, value, i) => sum + value * direction[i]!, 0)
  }

  const inputGradient = new Float64Array(input.length)
  const parameterGradients = Object.fromEntries(
    Object.entries(parameters).map(([name, { length }]) => [name, new Float64Array(length)] as const),
  )
  objective()
  definition.backward({
    ...forward,
    outputGradient: outputGrid(direction),
    inputGradients: [denseGrid(inputGradient, batch, inputShape), null],
    parameterGradients,
  })

  const differences = (values: Float64Array) =>
    values.map((value, i) => {
      values[i] = value + STEP
      const above = objective()
      values[i] = value - STEP
      const below = objective()
      values[i] = value
      return (above - below) / (2 * STEP)
    })
  const variables = { input, ...parameters }
  const gradients = { input: inputGradient, ...parameterGradients }
  return Object.fromEntries(
    Object.entries<Float64Array>(variables).map(([name, values]) => [
      name,
      relativeError(gradients[name as keyof typeof gradients], differences(values)),
    ]),
  )
}

/** The 2-norm of the difference over that of the truth. Infinite where only the truth is all zeros. */
export function relativeError(values: ArrayLike<number>, truth: ArrayLike<number>): number {
  let [difference, norm] = [0, 0]
  for (let i = 0; i < truth.length; i++) {
    difference += (values[i]! - truth[i]!) ** 2
    norm += truth[i]! ** 2
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm)
}
