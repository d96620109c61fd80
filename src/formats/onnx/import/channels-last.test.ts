import { describe, expect, it } from 'vitest'
import { importedOutput } from '../../../../test/support/imported.ts'
import { indices, modelOf, numbers, op } from '../../../../test/support/onnx-graphs.ts'
import { importOnnx } from '../../onnx-import.ts'

const toFirst = (flow: string) => op('Transpose', flow, { perm: [0, 3, 1, 2] })
const toLast = (flow: string) => op('Transpose', flow, { perm: [0, 2, 3, 1] })

/** Two rows of three pixels of two channels: the digits of a value are its row, column and channel. */
const pixels = [0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121]
const kindsOf = async (bytes: Uint8Array) =>
  (await importOnnx(bytes)).network.layers.map(({ layer }) => layer.kind as string)

describe('a vector that becomes an image, channels last', () => {
  const vector = { x: ['N', 12] }
  const constants = [indices('shape', [-1, 2, 3, 2]), numbers('k', [1000, 2000])]

  it('has its pixels together', async () => {
    const nodes = [op('Reshape', 'x shape -> a'), toFirst('a -> b'), op('Relu', 'b -> y')]
    const bytes = modelOf({ inputs: vector, nodes, constants, outputs: ['y'] })
    const { values, dims } = await importedOutput(bytes, { x: pixels })
    expect(dims).toEqual([1, 2, 2, 3])
    expect(values).toEqual([0, 10, 20, 100, 110, 120, 1, 11, 21, 101, 111, 121])
  })

  it('is told by the Transpose after what does not say where the channels are', async () => {
    const nodes = [
      op('Reshape', 'x shape -> a'),
      op('Add', 'a k -> b'),
      op('Relu', 'b -> c'),
      toFirst('c -> d'),
      op('GlobalMaxPool', 'd -> y'),
    ]
    const bytes = modelOf({ inputs: vector, nodes, constants, outputs: ['y'] })
    expect((await importedOutput(bytes, { x: pixels })).values).toEqual([1120, 2121])
    expect(await kindsOf(bytes)).toEqual(['unflatten', 'scale', 'relu', 'max-pool', 'l2-loss'])
  })

  it('has its channels first if nothing says otherwise', async () => {
    const nodes = [op('Reshape', 'x shape -> a'), op('GlobalMaxPool', 'a -> y')]
    const bytes = modelOf({ inputs: vector, nodes, constants, outputs: ['y'] })
    expect((await importedOutput(bytes, { x: pixels })).values).toEqual([21, 121])
  })
})

it('costs no layer to flatten pixels for a product, and one for what reads channels', async () => {
  const inputs = { x: ['N', 2, 3, 2] }
  const shape = indices('shape', [-1, 12])
  const matrix = numbers('m', [...pixels], [12, 1])
  const rows = [toFirst('x -> a'), op('Relu', 'a -> b'), toLast('b -> c'), op('Reshape', 'c shape -> d')]
  const product = modelOf({
    inputs,
    nodes: [...rows, op('MatMul', 'd m -> y')],
    constants: [shape, matrix],
    outputs: ['y'],
  })
  expect((await importedOutput(product, { x: pixels })).values).toEqual([
    pixels.reduce((sum, value) => sum + value ** 2, 0),
  ])
  expect(await kindsOf(product)).toEqual(['relu', 'dense', 'l2-loss'])
  const shifted = modelOf({
    inputs,
    nodes: [...rows, op('Add', 'd k -> y')],
    constants: [shape, numbers('k', pixels)],
    outputs: ['y'],
  })
  expect((await importedOutput(shifted, { x: pixels })).values).toEqual(pixels.map((value) => 2 * value))
  expect(await kindsOf(shifted)).toEqual(['relu', 'flatten', 'scale', 'l2-loss'])
})

it('takes zeros around pixels for the padding of the convolution after them', async () => {
  const nodes = [op('Pad', 'x pads -> a'), toFirst('a -> b'), op('Conv', 'b w -> c'), toLast('c -> y')]
  const constants = [indices('pads', [0, 1, 0, 0, 0, 0, 2, 0]), numbers('w', [1, 10], [1, 2, 1, 1])]
  const bytes = modelOf({ inputs: { x: ['N', 2, 3, 2] }, nodes, constants, outputs: ['y'] })
  const { network, notes } = await importOnnx(bytes)
  expect(network.layers[0]!.layer.options).toMatchObject({
    padding: { top: 1, bottom: 0, left: 0, right: 2 },
  })
  expect(notes.nodes.fused).toEqual({ Pad: 1 })
  const { values, dims } = await importedOutput(bytes, { x: pixels })
  expect(dims).toEqual([1, 3, 5, 1])
  expect(values).toEqual([0, 0, 0, 0, 0, 10, 120, 230, 0, 0, 1110, 1220, 1330, 0, 0])
})
