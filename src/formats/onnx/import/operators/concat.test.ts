import { describe, expect, it } from 'vitest'
import { importedOutput } from '../../../../../test/support/imported.ts'
import { indices, modelOf, op } from '../../../../../test/support/onnx-graphs.ts'
import { importOnnx } from '../../../onnx-import.ts'

const kindsOf = ({ layers }: Awaited<ReturnType<typeof importedOutput>>['network']) =>
  layers.filter(({ isLoss }) => !isLoss).map(({ layer }) => layer.kind)

/** Images of two channels: of 1 x 2 pixels, and of 2 x 2. */
const small = [1, 2, 10, 20]
const large = [3, 4, 5, 6, 30, 40, 50, 60]
const joined = (
  nodes: readonly ReturnType<typeof op>[],
  constants: readonly ReturnType<typeof indices>[] = [],
  inputs: Readonly<Record<string, readonly (number | string)[]>> = {
    a: ['N', 2, 1, 2],
    b: ['N', 2, 2, 2],
  },
) => importedOutput(modelOf({ inputs, nodes, constants, outputs: ['y'] }), { a: small, b: large })

it('of rows is one layer', async () => {
  const found = await joined([op('Concat', 'a b -> y', { axis: 2 })])
  expect(found.dims).toEqual([1, 2, 3, 2])
  expect(found.values).toEqual([1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60])
  expect(kindsOf(found.network)).toEqual(['concat'])
  expect(found.network.layers[0]!.layer.options).toEqual({ axis: 'rows' })
})

it('of columns is one layer', async () => {
  const found = await joined([op('Concat', 'a a -> y', { axis: -1 })])
  expect(found.values).toEqual([1, 2, 1, 2, 10, 20, 10, 20])
  expect(found.network.layers[0]!.layer.options).toEqual({ axis: 'columns' })
})

it('of the columns of signals is one layer, and they stay signals', async () => {
  const nodes = [op('Concat', 'a b -> c', { axis: 2 }), op('Softmax', 'c -> y', { axis: 1 })]
  const found = await importedOutput(
    modelOf({ inputs: { a: ['N', 1, 4], b: ['N', 1, 8] }, nodes, outputs: ['y'] }),
    { a: small, b: large },
  )
  expect(found.dims).toEqual([1, 1, 12])
  expect(kindsOf(found.network)).toEqual(['concat', 'softmax'])
})

describe('of what a detector predicts at several sizes', () => {
  it('joins pixels, channels first', async () => {
    const found = await joined(
      [op('Reshape', 'a shape -> c'), op('Reshape', 'b shape -> d'), op('Concat', 'c d -> y', { axis: 2 })],
      [indices('shape', [0, 2, -1])],
    )
    expect(found.dims).toEqual([1, 2, 6])
    expect(found.values).toEqual([1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60])
    expect(found.network.layers[0]!.layer.options).toEqual({ axis: 'pixels' })
  })

  it('joins pixels, channels last, with several predictions of each', async () => {
    const found = await joined(
      [
        op('Transpose', 'a -> c', { perm: [0, 2, 3, 1] }),
        op('Transpose', 'b -> d', { perm: [0, 2, 3, 1] }),
        op('Reshape', 'c shape -> e'),
        op('Reshape', 'd shape -> f'),
        op('Concat', 'e f -> y', { axis: 1 }),
      ],
      [indices('shape', [0, -1, 1])],
    )
    expect(found.dims).toEqual([1, 12, 1])
    expect(found.values).toEqual([1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60])
  })

  it('joins them as vectors if they have other numbers of predictions, of images of any shape', async () => {
    const found = await joined(
      [
        op('Split', 'b -> one other', { axis: 1 }),
        op('Transpose', 'a -> c', { perm: [0, 2, 3, 1] }),
        op('Transpose', 'one -> d', { perm: [0, 2, 3, 1] }),
        op('Reshape', 'c shape -> e'),
        op('Reshape', 'd shape -> f'),
        op('Concat', 'e f -> y', { axis: 1 }),
      ],
      [indices('shape', [0, -1, 1])],
    )
    expect(found.values).toEqual([1, 10, 2, 20, 3, 4, 5, 6])
    expect(kindsOf(found.network)).toEqual(['slice', 'slice', 'flatten', 'flatten', 'concat'])
  })
})

it.each([
  [0, { a: ['N', 2, 1, 2], b: ['N', 2, 1, 2] }, /it joins batches/],
  [
    3,
    { a: ['N', 2, 1, 2], b: ['N', 2, 2, 2] },
    /no layer that joins \[N, 2, 1, 2\] and \[N, 2, 2, 2\] along axis 3/,
  ],
] as const)('along axis %d refuses what it has no layer for', async (axis, inputs, why) => {
  const nodes = [op('Concat', 'a b -> y', { axis })]
  await expect(importOnnx(modelOf({ inputs, nodes, outputs: ['y'] }))).rejects.toThrow(why)
})
