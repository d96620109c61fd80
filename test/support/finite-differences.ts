import { isTrainedRole, type LayerDefinition, type ParameterSpec } from '../../src/layers/layer.ts'
import { normal } from '../../src/random.ts'
import { denseGrid, elementCount, type Shape } from '../../src/tensor.ts'

export interface GradientCase<Options> {
  readonly definition: LayerDefinition<Options>
  readonly options: Options
  /** (H, W, C) */
  readonly inputShape: Shape
  /** One number an image, as a second input that has no gradient. */
  readonly labels?: readonly number[]
  /** Of further inputs that have gradients: `input1` and so on. */
  readonly otherShapes?: readonly Shape[]
  /** The layer goes by what it takes of the batch. */
  readonly isOfBatch?: boolean
  readonly batch?: number
  readonly seed?: number
}

/** A central difference loses h^2 to the function's curvature and 1e-16 / h to rounding: this h leaves about 1e-10. */
const STEP = 1e-5

/**
 * How far a layer's backward is from finite differences of its forward, all in float64, for the objective
 * sum(direction * output) with a random direction: the 2-norm of the difference over that of the differences, for
 * `input` and for each parameter that is trained. A step must not cross a kink of ReLU or max-pooling: choose a seed
 * that keeps away.
 */
export function gradientErrors<Options>({
  definition,
  options,
  inputShape,
  labels,
  otherShapes = [],
  isOfBatch = false,
  batch = 2,
  seed = 7,
}: GradientCase<Options>): Record<string, number> {
  const random = (count: number, tensor: string) => {
    const values = new Float64Array(count)
    normal(values, { seed, tensor })
    return values
  }
  const shapes = [inputShape, ...otherShapes]
  const outputShape = definition.outputShape('layer', options, labels ? [...shapes, []] : shapes)
  const isScalar = definition.isLoss ?? false
  const outputGrid = (values: Float64Array) => denseGrid(values, isScalar ? 1 : batch, outputShape)
  const outputCount = (isScalar ? 1 : batch) * elementCount(outputShape)

  const inputName = (i: number) => (i === 0 ? 'input' : `input${i}`)
  const inputValues = shapes.map((shape, i) => random(batch * elementCount(shape), inputName(i)))
  const direction = random(outputCount, 'direction')
  const specs = Object.entries(definition.parameters(options, shapes))
  const valuesOf = (name: string, { shape, role, initial = 0 }: ParameterSpec) => {
    const values = random(elementCount(shape), name)
    // What begins with 1, as a variance does, is positive.
    return role === 'statistic' && initial === 1 ? values.map((value) => 0.5 + Math.abs(value)) : values
  }
  const parameters = Object.fromEntries(specs.map(([name, spec]) => [name, valuesOf(name, spec)] as const))
  const trained = Object.fromEntries(
    specs.filter(([, { role }]) => isTrainedRole(role)).map(([name]) => [name, parameters[name]!] as const),
  )

  const outputs = new Float64Array(outputCount)
  const output = outputGrid(outputs)
  const inputs = shapes.map((shape, i) => denseGrid(inputValues[i]!, batch, shape))
  if (labels) inputs.push(denseGrid(Float64Array.from(labels), batch, []))
  const context = () => ({
    name: 'layer',
    options,
    inputs,
    parameters,
    output,
    statistics: isOfBatch ? definition.batchStatistics!({ options, inputs }) : undefined,
  })
  const objective = () => {
    definition.forward(context())
    return outputs.reduce((sum, value, i) => sum + value * direction[i]!, 0)
  }

  const inputGradients = inputValues.map(({ length }) => new Float64Array(length))
  const parameterGradients = Object.fromEntries(
    Object.entries(trained).map(([name, { length }]) => [name, new Float64Array(length)] as const),
  )
  objective()
  definition.backward({
    ...context(),
    outputGradient: outputGrid(direction),
    inputGradients: [...shapes.map((shape, i) => denseGrid(inputGradients[i]!, batch, shape)), null],
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
  const byName = (values: readonly Float64Array[]) =>
    Object.fromEntries(values.map((each, i) => [inputName(i), each]))
  const gradients: Record<string, Float64Array> = { ...byName(inputGradients), ...parameterGradients }
  return Object.fromEntries(
    Object.entries<Float64Array>({ ...byName(inputValues), ...trained }).map(([name, values]) => [
      name,
      relativeError(gradients[name]!, differences(values)),
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
