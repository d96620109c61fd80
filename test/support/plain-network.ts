import { definitionOf } from '../../src/layers/index.ts'
import type { Network } from '../../src/networks/index.ts'
import { denseGrid, elementCount, type Grid, type Shape } from '../../src/tensor.ts'

type Values = Float32Array | Float64Array

/**
 * Runs a network forward and backward, layer by layer, by the layers' own plain loops in float64. Every tensor stays
 * where it was made: inputs, activations and losses by name, gradients of the parameters as `conv1/weights.gradient`.
 */
export function runPlainly(
  network: Network,
  batch: number,
  inputs: Readonly<Record<string, Values>>,
  parameters: Readonly<Record<string, Values>>,
): Map<string, Float64Array> {
  const tensors = new Map<string, Float64Array>()
  const grids = new Map<string, Grid>()
  const gradients = new Map<string, Grid>()
  const gridOf = (shape: Shape, isLoss = false) => {
    const images = isLoss ? 1 : batch
    return denseGrid(new Float64Array(images * elementCount(shape)), images, shape)
  }
  for (const [name, shape] of Object.entries(network.inputs)) {
    tensors.set(name, Float64Array.from(inputs[name]!))
    grids.set(name, denseGrid(tensors.get(name)!, batch, shape))
  }

  const contexts = network.layers.map(({ layer, inputs: names, outputShape, parameters: specs, isLoss }) => {
    const output = gridOf(outputShape, isLoss)
    const ownParameters = Object.keys(specs).map((name) => [
      name.slice(layer.name.length + 1),
      parameters[name]!,
    ])
    const context = {
      options: layer.options,
      inputs: names.map((name) => grids.get(name)!),
      parameters: Object.fromEntries(ownParameters) as Record<string, Values>,
      output,
    }
    definitionOf(layer).forward(context)
    grids.set(layer.name, output)
    tensors.set(layer.name, output.values as Float64Array)
    const gradient = gridOf(outputShape, isLoss)
    if (isLoss) gradient.values.fill(1)
    gradients.set(layer.name, gradient)
    return context
  })

  for (const [place, { layer, inputs: names, parameters: specs }] of [
    ...network.layers.entries(),
  ].reverse()) {
    const parameterGradients = Object.entries(specs).map(([name, { shape }]) => {
      const values = new Float64Array(elementCount(shape))
      tensors.set(`${name}.gradient`, values)
      return [name.slice(layer.name.length + 1), values] as const
    })
    definitionOf(layer).backward({
      ...contexts[place]!,
      outputGradient: gradients.get(layer.name)!,
      inputGradients: names.map((name) => gradients.get(name) ?? null),
      parameterGradients: Object.fromEntries(parameterGradients),
    })
  }
  return tensors
}
