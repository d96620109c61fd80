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
  readonly parameters?: Readonly<Record<string, readonly number[]>>
  readonly batch?: number
}

const toFloat64 = (parameters: Readonly<Record<string, readonly number[]>>) =>
  Object.fromEntries(Object.entries(parameters).map(([name, values]) => [name, Float64Array.from(values)]))

function contextOf<Options>(layer: LayerCase<Options>) {
  const { definition, options, inputShape, input, labels, parameters = {}, batch = 1 } = layer
  requireOptions('layer', options, definition.rules)
  const outputShape = definition.outputShape('layer', options, labels ? [inputShape, []] : [inputShape])
  const images = definition.isLoss ? 1 : batch
  const outputOf = (values: Float64Array) => denseGrid(values, images, outputShape)
  const output = outputOf(new Float64Array(images * elementCount(outputShape)))
  const inputs = [denseGrid(Float64Array.from(input), batch, inputShape)]
  if (labels) inputs.push(denseGrid(Float64Array.from(labels), batch, []))
  const context = { name: 'layer', options, inputs, parameters: toFloat64(parameters), output }
  definition.forward(context)
  return { context, outputShape, outputOf }
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
  const { context, outputOf } = contextOf(layer)
  const input = new Float64Array(context.inputs[0]!.values.length).fill(before)
  const parameterGradients = Object.fromEntries(
    Object.entries(context.parameters).map(([name, { length }]) => [name, new Float64Array(length)]),
  )
  layer.definition.backward({
    ...context,
    outputGradient: outputOf(Float64Array.from(outputGradient)),
    inputGradients: [denseGrid(input, layer.batch ?? 1, layer.inputShape), null],
    parameterGradients,
  })
  const all: Record<string, Float64Array> = { input, ...parameterGradients }
  return Object.fromEntries(Object.entries(all).map(([name, values]) => [name, [...values]]))
}
