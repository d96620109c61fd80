import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { requireOptions } from '../src/check-options.ts'
import {
  definitionOf,
  isTrainedRole,
  type Layer,
  type LayerKind,
  type Statistics,
} from '../src/layers/index.ts'
import { normal } from '../src/random.ts'
import { denseGrid, elementCount, type Shape } from '../src/tensor.ts'
import { relativeError } from './support/finite-differences.ts'

/** test/goldens/layers.json, as scripts/layer-goldens.py writes it. */
interface LayerGolden {
  readonly kind: LayerKind
  readonly options: object
  readonly batch: number
  readonly inputs: readonly Shape[]
  /** The values of each input that are not drawn at random; null for an input that is drawn. */
  readonly given?: readonly (readonly number[] | null)[]
  /** Batches of a training; left out, a batch norm computes with its running statistics. */
  readonly steps?: number
  readonly output: { readonly shape: Shape; readonly values: readonly number[] }
  readonly inputGradients: readonly (readonly number[])[]
  readonly gradients: Readonly<Record<string, readonly number[]>>
  readonly statistics?: Readonly<Record<string, readonly number[]>>
}

const { seed, cases } = JSON.parse(readFileSync(new URL('goldens/layers.json', import.meta.url), 'utf8')) as {
  readonly seed: number
  readonly cases: Readonly<Record<string, LayerGolden>>
}

/** In float64: what is left is rounding, and the 15 digits of the goldens. */
const TOLERANCE = 1e-12

/** Float32 values, in float64. */
function made(tensor: string, length: number): Float64Array {
  const values = new Float32Array(length)
  normal(values, { seed, tensor })
  return Float64Array.from(values)
}

/** The layer by its plain loops. */
function run(name: string, golden: LayerGolden) {
  const { kind, options, batch, inputs: shapes, given, steps } = golden
  const layer = { kind, name: 'layer', options: { ...DEFAULTS[kind], ...options } } as Layer
  const definition = definitionOf(layer)
  requireOptions(name, layer.options, definition.rules)
  const specs = Object.entries(definition.parameters(layer.options, shapes))
  const parameters = Object.fromEntries(
    specs.map(([part, { shape }]) => {
      const values = made(`${name}/${part}`, elementCount(shape))
      return [part, part === 'variance' ? values.map((value) => Math.abs(value) + 0.5) : values]
    }),
  )
  const outputShape = definition.outputShape('layer', layer.options, shapes)
  // A loss is one number for all images
  const images = definition.isLoss ? 1 : batch
  const output = denseGrid(new Float64Array(images * elementCount(outputShape)), images, outputShape)
  const gridsOf = (tensor: (i: number) => Float64Array) =>
    shapes.map((shape, i) => denseGrid(tensor(i), batch, shape))
  const inputsOf = (step: number) =>
    gridsOf((i) => {
      const own = given?.[i]
      if (own) return Float64Array.from(own)
      return made(`${name}/input${i}${step > 0 ? `/${step}` : ''}`, batch * elementCount(shapes[i]!))
    })

  let inputs = inputsOf(0)
  let statistics: Statistics | undefined
  for (let step = 0; step < (steps ?? 1); step++) {
    inputs = inputsOf(step)
    if (steps !== undefined) {
      statistics = definition.batchStatistics!({ options: layer.options, inputs })
      const count = elementCount(inputs[0]!.shape.slice(0, 3))
      definition.followStatistics!(layer.options, parameters, statistics, count)
    }
    definition.forward({ name: 'layer', options: layer.options, inputs, parameters, statistics, output })
  }

  const outputGradient = denseGrid(made(`${name}/outputGradient`, output.values.length), images, outputShape)
  const inputGradients = gridsOf((i) => new Float64Array(batch * elementCount(shapes[i]!)))
  const trained = specs.filter(([, { role }]) => isTrainedRole(role)).map(([part]) => part)
  const parameterGradients = Object.fromEntries(
    trained.map((part) => [part, new Float64Array(parameters[part]!.length)]),
  )
  definition.backward({
    name: 'layer',
    options: layer.options,
    inputs,
    parameters,
    statistics,
    output,
    outputGradient,
    inputGradients,
    parameterGradients,
  })
  return { images, outputShape, output, inputGradients, parameterGradients, parameters }
}

/** What a layer's factory fills in. */
const DEFAULTS: { readonly [Kind in LayerKind]?: object } = {
  'batch-norm': { epsilon: 1e-5, momentum: 0.1 },
  scale: { initial: 1 },
}

describe('the plain loops against PyTorch, in float64', () => {
  const agree = (tensor: string, values: Float32Array | Float64Array, expected: readonly number[]) => {
    expect(values, tensor).toHaveLength(expected.length)
    expect(relativeError(values, Float64Array.from(expected)), tensor).toBeLessThan(TOLERANCE)
  }

  it.each(Object.entries(cases))('%s', (name, golden) => {
    const { images, outputShape, output, inputGradients, parameterGradients, parameters } = run(name, golden)
    expect([images, ...outputShape]).toEqual(golden.output.shape)
    agree('output', output.values, golden.output.values)
    golden.inputGradients.forEach((expected, i) => {
      agree(`input ${i}'s gradient`, inputGradients[i]!.values, expected)
    })
    expect(Object.keys(parameterGradients)).toEqual(Object.keys(golden.gradients))
    for (const [part, expected] of Object.entries(golden.gradients))
      agree(`${part}.gradient`, parameterGradients[part]!, expected)
    for (const [part, expected] of Object.entries(golden.statistics ?? {}))
      agree(part, parameters[part]!, expected)
  })
})
