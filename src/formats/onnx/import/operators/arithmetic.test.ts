import { describe, expect, it } from 'vitest'
import { importedOutput } from '../../../../../test/support/imported.ts'
import { modelOf, numbers, op } from '../../../../../test/support/onnx-graphs.ts'

const kindsOf = ({ layers }: Awaited<ReturnType<typeof importedOutput>>['network']) =>
  layers.filter(({ isLoss }) => !isLoss).map(({ layer }) => layer.kind)

/** Two channels of one row of two pixels, and a number for each channel. */
const values = { x: [1, -2, 3, 4], y: [2, -5, 3, 3], c: [0, 3.5] }
const of = (nodes: readonly ReturnType<typeof op>[], constants: readonly ReturnType<typeof numbers>[] = []) =>
  importedOutput(
    modelOf({
      inputs: { x: ['N', 2, 1, 2], y: ['N', 2, 1, 2], c: ['N', 2, 1, 1] },
      nodes,
      constants,
      outputs: ['out'],
    }),
    values,
  )

describe('two tensors', () => {
  it.each([
    ['Sub', 'x y', [-1, 3, 0, 1], 'subtract'],
    ['Sub', 'c x', [-1, 2, 0.5, -0.5], 'subtract'],
    ['Div', 'x y', [0.5, 0.4, 1, 4 / 3], 'divide'],
    ['Div', 'c y', [0, -0, 3.5 / 3, 3.5 / 3], 'divide'],
    ['Max', 'x y c', [2, 0, 3.5, 4], 'maximum'],
    ['Min', 'x y c', [0, -5, 3, 3], 'minimum'],
  ])('%s of %s', async (operator, inputs, expected, kind) => {
    const found = await of([op(operator, `${inputs} -> out`)])
    for (const [i, value] of expected.entries()) expect(found.values[i]).toBeCloseTo(value, 6)
    expect(kindsOf(found.network)).toEqual([kind])
  })
})

it('bounds are numbers, and every input is compared', async () => {
  const bounds = [numbers('two', [2], []), numbers('three', [3])]
  const most = await of([op('Min', 'three x two y -> out')], bounds)
  expect(most.values).toEqual([1, -5, 2, 2])
  expect(kindsOf(most.network)).toEqual(['minimum'])
  expect((await of([op('Max', 'x two -> out')], bounds)).values).toEqual([2, 2, 3, 4])
})

it('more than eight tensors are compared some at a time', async () => {
  const many = await of([op('Max', `${'x '.repeat(16)}y -> out`)])
  expect(many.values).toEqual([2, -2, 3, 4])
  expect(kindsOf(many.network)).toEqual(['maximum', 'maximum', 'maximum'])
})

it.each([
  ['Abs', 'y', [2, 5, 3, 3]],
  ['Exp', 'x', [1, -2, 3, 4].map(Math.exp)],
  ['Erf', 'x', [0.8427008, -0.9953223, 0.9999779, 1]],
  ['Reciprocal', 'x', [1, -0.5, 1 / 3, 0.25]],
  ['Neg', 'x', [-1, 2, -3, -4]],
  ['Pow', 'x two', [1, 4, 9, 16]],
  ['Pow', 'x root', [1, Number.NaN, Math.sqrt(3), 2]],
  ['Div', 'three x', [3, -1.5, 1, 0.75]],
])('%s of %s', async (operator, inputs, expected) => {
  const constants = [numbers('two', [2], []), numbers('root', [0.5], []), numbers('three', [3])]
  const found = await of([op(operator, `${inputs} -> out`)], constants)
  expect(found.values).toHaveLength(4)
  for (const [i, value] of expected.entries())
    expect(Object.is(found.values[i], value) || Math.abs(found.values[i]! - value) < 1e-5).toBe(true)
})
