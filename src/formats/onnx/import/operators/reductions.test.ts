import { describe, expect, it } from 'vitest'
import { importedOutput } from '../../../../../test/support/imported.ts'
import { floatAttribute, indices, modelOf, op } from '../../../../../test/support/onnx-graphs.ts'
import { importOnnx } from '../../../onnx-import.ts'
import type { OnnxNode, OnnxTensor } from '../../graph.ts'

/** Two channels of one row of two pixels. */
const x = [3, -5, 4, 12]
const model = (nodes: readonly OnnxNode[], constants: readonly OnnxTensor[] = [], opset = 18) =>
  modelOf({ inputs: { x: ['N', 2, 1, 2] }, nodes, constants, outputs: ['y'], opset })
const reduced = (operator: string, axes: readonly number[], keepdims = 1) =>
  model([op(operator, 'x axes -> y', { keepdims })], [indices('axes', axes)])
const kindsOf = async (bytes: Uint8Array) =>
  (await importOnnx(bytes)).network.layers.map(({ layer }) => layer.kind as string).slice(0, -1)

describe('reductions', () => {
  it.each([
    ['ReduceMean', [1], [3.5, 3.5], ['channel-pool']],
    ['ReduceMax', [1], [4, 12], ['channel-pool']],
    ['ReduceSum', [-3], [7, 7], ['channel-pool']],
    ['ReduceL1', [1], [7, 17], ['abs', 'channel-pool']],
    ['ReduceL2', [1], [5, 13], ['channel-pool']],
    ['ReduceSumSquare', [1], [25, 169], ['power', 'channel-pool']],
    ['ReduceMean', [2, 3], [-1, 8], ['average-pool']],
    ['ReduceSum', [2, 3], [-2, 16], ['average-pool', 'scale']],
    ['ReduceMax', [1, 2, 3], [12], ['max-pool', 'channel-pool']],
    ['ReduceSum', [1, 2, 3], [14], ['average-pool', 'channel-pool', 'scale']],
    ['ReduceSum', [2], x, []],
  ] as const)('%s over the axes %o', async (operator, axes, expected, kinds) => {
    const bytes = reduced(operator, axes)
    const { values, dims } = await importedOutput(bytes, { x })
    expect(values).toEqual(expected)
    expect(dims).toEqual(
      [1, 2, 1, 2].map((extent, axis) => (axes.some((i) => (i + 4) % 4 === axis) ? 1 : extent)),
    )
    if (kinds.length > 0) expect(await kindsOf(bytes)).toEqual(kinds)
  })

  it('leave the axes out unless they are kept', async () => {
    expect((await importedOutput(reduced('ReduceL2', [1], 0), { x })).dims).toEqual([1, 1, 2])
    expect((await importedOutput(reduced('ReduceMax', [1, 2, 3], 0), { x })).dims).toEqual([1])
  })

  it.each([
    [reduced('ReduceSum', [0]), 'which are not whole rows, columns or channels'],
    [model([op('ReduceL2', 'x -> y', { noop_with_empty_axes: 1 })]), 'it reduces no axis'],
    [model([op('LpNormalization', 'x -> y', { axis: 1, p: 3 })]), 'its p is 3'],
  ])('refuses what is no reduction of an image', async (bytes, why) => {
    await expect(importOnnx(bytes)).rejects.toThrow(why)
  })
})

describe('LpNormalization', () => {
  const normalized = (p: number) => model([op('LpNormalization', 'x -> y', { axis: 1, p })])

  it('divides each pixel by the norm of its channels', async () => {
    const { values } = await importedOutput(normalized(2), { x })
    const expected = [3 / 5, -5 / 13, 4 / 5, 12 / 13]
    for (const [i, value] of values.entries()) expect(value).toBeCloseTo(expected[i]!, 7)
    expect(await kindsOf(normalized(1))).toEqual(['abs', 'channel-pool', 'clip', 'divide'])
  })

  it('leaves zeros as they are', async () => {
    for (const p of [1, 2])
      expect((await importedOutput(normalized(p), { x: [0, 3, 0, 0] })).values).toEqual([0, 1, 0, 0])
  })
})

it('a mask of pixels multiplies all channels, on either side', async () => {
  for (const flow of ['x mask -> y', 'mask x -> y']) {
    const nodes = [op('ReduceSum', 'x axes -> mask', { keepdims: 1 }), op('Mul', flow)]
    const { values, dims } = await importedOutput(model(nodes, [indices('axes', [1])]), { x })
    expect(values).toEqual([21, -35, 28, 84])
    expect(dims).toEqual([1, 2, 1, 2])
  }
})

it('LRN of even size reaches one channel further up, by ONNX’s definition', async () => {
  const bytes = modelOf({
    inputs: { x: ['N', 3, 1, 1] },
    // Sums of squares over two channels are 1 + 4, 4 + 9 and 9; alpha is divided by the size.
    nodes: [
      op('LRN', 'x -> y', {
        size: 2,
        alpha: floatAttribute(4),
        beta: floatAttribute(1),
        bias: floatAttribute(1),
      }),
    ],
    outputs: ['y'],
  })
  const { values, network } = await importedOutput(bytes, { x: [1, 2, 3] })
  expect(network.layers[0]!.layer.options).toEqual({ radius: 0, even: true, alpha: 2, beta: 1, bias: 1 })
  const expected = [1 / 11, 2 / 27, 3 / 19]
  for (const [i, value] of values.entries()) expect(value).toBeCloseTo(expected[i]!, 7)
})
