import { expect, it } from 'vitest'
import {
  batchNorm,
  conv,
  convTranspose,
  definitionOf,
  dense,
  type ForwardContext,
  type Layer,
} from '../layers/index.ts'
import { defineNetwork } from '../networks/network.ts'
import { Barrier } from '../runtime/barrier.ts'
import { denseGrid, elementCount } from '../tensor.ts'
import { forwardTogether } from './shared-reference.ts'

const INPUT = [5, 4, 3]

it.each<[string, Layer]>([
  [
    'a convolution whose filters fill no share',
    conv('a', { filters: 7, kernel: 3, padding: 1, activation: 'tanh' }),
  ],
  [
    'one with fewer filters than threads',
    conv('a', { filters: 2, kernel: [2, 3], stride: 2, biases: false }),
  ],
  ['a transposed one', convTranspose('a', { filters: 7, kernel: 3, stride: 2, activation: 'relu' })],
  ['a transposed one with as many filters as channels', convTranspose('a', { filters: 3, kernel: 2 })],
  ['a dense layer', dense('a', { units: 5 })],
  ['a batch norm, whose scale has no other input channels', batchNorm('a')],
])('%s is the same by three threads as by one', (_what, layer) => {
  const network = defineNetwork('one', { inputs: { images: INPUT }, layers: [layer] })
  const resolved = network.layers[0]!
  const valuesOf = (length: number, seed: number) =>
    Float64Array.from({ length }, (_, i) => Math.sin(i * 1.7 + seed) + 1.5)
  const contextWith = (values: Float64Array): ForwardContext<object> => ({
    name: 'a',
    options: layer.options,
    inputs: [denseGrid(valuesOf(elementCount(INPUT), 0), 1, INPUT)],
    parameters: Object.fromEntries(
      Object.entries(resolved.parameters).map(([name, { shape }], i) => [
        name.slice('a/'.length),
        valuesOf(elementCount(shape), i + 1),
      ]),
    ),
    output: denseGrid(values, 1, resolved.outputShape),
  })
  const [alone, together] = [0, 1].map(() =>
    new Float64Array(elementCount(resolved.outputShape)).fill(Number.NaN),
  )
  definitionOf(layer).forward(contextWith(alone!) as never)
  for (const index of [2, 0, 1])
    forwardTogether(resolved, contextWith(together!), { index, count: 3, barrier: new Barrier(null, 3) })
  expect(together).toEqual(alone)
})
