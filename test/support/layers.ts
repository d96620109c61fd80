import { requireOptions } from '../../src/check-options.ts'
import type { LayerDefinition } from '../../src/layers/layer.ts'
import { denseGrid, elementCount, type Shape } from '../../src/tensor.ts'

/** A layer on hand-made values: one image unless `batch` says more. */
export interface LayerCase<Options> {
  readonly definition: LayerDefinition<Options>
  readonly options: Options
  /** (H, W, C) */
  readonly inputShape: Shape
  readonly input: readonly number[]
  /** One number an image, as a second input that has no gradient. */
  readonly labels?: readonly number[]
  /** Further inputs, which have gradients: `input1` and so on. */
  readonly others?: readonly { readonly shape: Shape; readonly values: readonly number[] }[]
  /** The layer goes by what it takes of the batch. */
  readonly isOfBatch?: boolean
  readonly parameters?: Readonly<Record<string, readonly number[]>>
  readonly batch?: number
}

const toFloat64 = (parameters: Readonly<Record<string, readonly number[]>>) =>
  Object.fromEntries(Object.entries(parameters).map(([name, values]) => [name, Float64Array.from(values)]))

function contextOf<Options>(layer: LayerCase<Options>) {
  const { definition, options, inputShape, input, labels, parameters = {}, batch = 1 } = layer
  requireOptions('layer', options, definition.rules)
  const given = [{ shape: inputShape, values: input }, ...(layer.others ?? [])]
  const shapes = given.map(({ shape }) => shape)
  const outputShape = definition.outputShape('layer', options, labels ? [...shapes, []] : shapes)
  const images = definition.isLoss ? 1 : batch
  const outputOf = (values: Float64Array) => denseGrid(values, images, outputShape)
  const output = outputOf(new Float64Array(images * elementCount(outputShape)))
  const inputs = given.map(({ shape, values }) => denseGrid(Float64Array.from(values), batch, shape))
  if (labels) inputs.push(denseGrid(Float64Array.from(labels), batch, []))
  const statistics = layer.isOfBatch ? definition.batchStatistics!({ options, inputs }) : undefined
  const context = { name: 'layer', options, inputs, parameters: toFloat64(parameters), output, statistics }
  definition.forward(context)
  return { context, shapes, outputShape, outputOf }
}

/** The layer's output and its shape, an image's. */
export function forwardOf<Options>(layer: LayerCase<Options>): { shape: Shape; values: number[] } {
  const { context, outputShape } = contextOf(layer)
  return { shape: outputShape, values: [...context.output.values] }
}

/** The gradients of the input and of the parameters, given the output's; `before` is what stood in the input's. */
export function backwardOf<Options>(
  layer: LayerCase<Options>,
  outputGradient: readonly number[],
  before = 0,
): Record<string, number[]> {
  const { context, shapes, outputOf } = contextOf(layer)
  const inputGradients = shapes.map((_, i) => new Float64Array(context.inputs[i]!.values.length).fill(before))
  const parameterGradients = Object.fromEntries(
    Object.entries(context.parameters).map(([name, { length }]) => [name, new Float64Array(length)]),
  )
  layer.definition.backward({
    ...context,
    outputGradient: outputOf(Float64Array.from(outputGradient)),
    inputGradients: [
      ...shapes.map((shape, i) => denseGrid(inputGradients[i]!, layer.batch ?? 1, shape)),
      null,
    ],
    parameterGradients,
  })
  const named = inputGradients.map((values, i) => [i === 0 ? 'input' : `input${i}`, values] as const)
  const all: Record<string, Float64Array> = { ...Object.fromEntries(named), ...parameterGradients }
  return Object.fromEntries(Object.entries(all).map(([name, values]) => [name, [...values]]))
}
