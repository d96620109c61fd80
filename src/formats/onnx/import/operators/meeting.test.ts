import { describe, expect, it } from 'vitest'
import { importedOutput } from '../../../../../test/support/imported.ts'
import { indices, modelOf, numbers, op, weights } from '../../../../../test/support/onnx-graphs.ts'
import { importOnnx } from '../../../onnx-import.ts'

type Parts = Omit<Parameters<typeof modelOf>[0], 'inputs' | 'outputs'>

/** Two channels of two rows of three pixels. */
const x = [1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60]
const model = (parts: Parts, dims = [1, 2, 2, 3]) =>
  modelOf({ inputs: { x: ['N', ...dims.slice(1)] }, outputs: ['y'], ...parts })
const outputOf = (parts: Parts) => importedOutput(model(parts), { x })

async function layersOf(bytes: Uint8Array) {
  const { network, parameters } = await importOnnx(bytes)
  const layers = network.layers.filter(({ isLoss }) => !isLoss).map(({ layer }) => layer)
  return { layers, parameters }
}

describe('a constant', () => {
  it('for each pixel is one number for all its channels', async () => {
    const parts = { nodes: [op('Add', 'x c -> y')], constants: [numbers('c', [1, 2, 3, 4, 5, 6], [2, 3])] }
    expect((await outputOf(parts)).values).toEqual([2, 4, 6, 8, 10, 12, 11, 22, 33, 44, 55, 66])
    const { layers, parameters } = await layersOf(model(parts))
    expect(layers.map(({ options }) => options)).toEqual([{ initial: 1, per: 'pixel', trained: false }])
    expect([...parameters['y/shift']!]).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('for each value is in the order H, W, C', async () => {
    const parts = { nodes: [op('Mul', 'c x -> y')], constants: [numbers('c', x, [1, 2, 2, 3])] }
    expect((await outputOf(parts)).values).toEqual(x.map((each) => each ** 2))
    const { layers, parameters } = await layersOf(model(parts))
    expect(layers[0]!.options).toEqual({ initial: 1, per: 'value', shift: false, trained: false })
    expect([...parameters['y/scale']!]).toEqual([1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60])
  })

  it('that is the same along some axes is repeated there', async () => {
    const columns = { nodes: [op('Sub', 'x c -> y')], constants: [numbers('c', [1, 2, 3], [1, 1, 1, 3])] }
    expect((await outputOf(columns)).values).toEqual([0, 0, 0, 3, 3, 3, 9, 18, 27, 39, 48, 57])
    const both = { nodes: [op('Sub', 'c x -> y')], constants: [numbers('c', [1, 2, 3, 4], [2, 2, 1])] }
    expect((await outputOf(both)).values).toEqual([0, -1, -2, -2, -3, -4, -7, -17, -27, -36, -46, -56])
  })

  it('repeats the value where that has one row, column or channel', async () => {
    const found = await importedOutput(
      model(
        { nodes: [op('Add', 'x c -> y')], constants: [numbers('c', [100, 200, 300, 400], [2, 2, 1])] },
        [1, 1, 1, 2],
      ),
      { x: [1, 2] },
    )
    expect(found.dims).toEqual([1, 2, 2, 2])
    expect(found.values).toEqual([101, 102, 201, 202, 301, 302, 401, 402])
  })

  it('of images of one batch does not fit any batch', async () => {
    const parts = { nodes: [op('Add', 'x c -> y')], constants: [weights('c', [4, 2, 2, 3])] }
    await expect(importOnnx(model(parts))).rejects.toThrow(
      /its constant \[4,2,2,3\] does not fit \[N, 2, 2, 3\]/,
    )
  })

  it('is trained if it is stored and after weights, and else it is not', async () => {
    const positions = (isStored: boolean) =>
      model({
        nodes: [
          op('Conv', 'x w -> a'),
          op('Add', 'a positions -> y'),
          ...(isStored
            ? []
            : [op('Constant', '-> positions', { value: { t: weights('', [2, 2, 3]), type: 4 } })]),
        ],
        constants: [weights('w', [2, 2, 1, 1]), ...(isStored ? [weights('positions', [2, 2, 3])] : [])],
      })
    for (const isStored of [true, false]) {
      const { layers } = await layersOf(positions(isStored))
      expect(layers[1]!.options).toEqual({ initial: 1, per: 'value', ...(!isStored && { trained: false }) })
    }
  })

  it('for each pixel stays apart from one for each channel', async () => {
    const constants = [numbers('c', [2, 3], [2, 1, 1]), numbers('d', [1, 2, 3, 4, 5, 6], [2, 3])]
    const parts = { nodes: [op('Mul', 'x c -> a'), op('Add', 'a d -> y')], constants }
    const { values, network } = await outputOf(parts)
    expect(values).toEqual([3, 6, 9, 12, 15, 18, 31, 62, 93, 124, 155, 186])
    expect(network.layers.map(({ layer }) => layer.kind)).toEqual(['scale', 'scale', 'l2-loss'])
    const scaled = { nodes: [op('Mul', 'x d -> a'), op('Add', 'a d -> y')], constants: constants.slice(1) }
    const merged = await outputOf(scaled)
    expect(merged.values.slice(0, 6)).toEqual([2, 6, 12, 20, 30, 42])
    expect(merged.network.layers.map(({ layer }) => layer.kind)).toEqual(['scale', 'l2-loss'])
  })
})

describe('several inputs', () => {
  it('are added, the constants last', async () => {
    const parts = {
      nodes: [op('Sum', 'c x x d -> y')],
      constants: [numbers('c', [1, 2], [2, 1, 1]), numbers('d', [100], [])],
    }
    const { values, network } = await outputOf(parts)
    expect(values).toEqual([103, 105, 107, 109, 111, 113, 122, 142, 162, 182, 202, 222])
    expect(network.layers.at(-2)!.layer.name).toBe('y')
  })

  it('are compared, with constants for each channel or value and with NaN among the values', async () => {
    const parts = { nodes: [op('Max', 'x c -> y')], constants: [numbers('c', [3, 25], [2, 1, 1])] }
    expect((await outputOf(parts)).values).toEqual([3, 3, 3, 4, 5, 6, 25, 25, 30, 40, 50, 60])
    const extremes = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 4, 5, 6]
    const given = { x: [...extremes, ...extremes] }
    const { values } = await importedOutput(model(parts), given)
    expect(values).toEqual([
      ...[Number.NaN, Number.POSITIVE_INFINITY, 3, 4, 5, 6],
      ...[Number.NaN, Number.POSITIVE_INFINITY, 25, 25, 25, 25],
    ])
    const least = {
      nodes: [op('Min', 'c x two -> y')],
      constants: [...parts.constants, numbers('two', [4], [])],
    }
    expect((await outputOf(least)).values).toEqual([1, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4])
  })
})

describe('Pow of a constant', () => {
  it('is e to the power of its logarithm times the value', async () => {
    const parts = { nodes: [op('Pow', 'c x -> y')], constants: [numbers('c', [2, 0.5], [2, 1, 1])] }
    const { values } = await outputOf(parts)
    const expected = x.map((each, i) => (i < 6 ? 2 : 0.5) ** each)
    for (const [i, value] of expected.entries()) expect(values[i]! / value).toBeCloseTo(1, 5)
  })

  it.each([0, -2, 1, Number.POSITIVE_INFINITY, Number.NaN])('refuses %d', async (base) => {
    const parts = { nodes: [op('Pow', 'c x -> y')], constants: [numbers('c', [base], [])] }
    await expect(importOnnx(model(parts))).rejects.toThrow(
      /its base must be finite numbers over 0 other than 1/,
    )
  })
})

describe('Expand', () => {
  const expanded = (dims: readonly number[], shape: readonly number[], values: readonly number[]) =>
    importedOutput(
      model({ nodes: [op('Expand', 'x shape -> y')], constants: [indices('shape', shape)] }, [...dims]),
      { x: values },
    )

  it('repeats rows, columns and channels', async () => {
    const image = await expanded([1, 2, 1, 1], [1, 2, 1, 3], [1, 2])
    expect(image).toMatchObject({ dims: [1, 2, 1, 3], values: [1, 1, 1, 2, 2, 2] })
    const channels = await expanded([1, 1, 1, 2], [11, 1, 1], [1, 2])
    expect(channels.dims).toEqual([1, 11, 1, 2])
    expect(channels.values).toEqual(Array.from({ length: 11 }, () => [1, 2]).flat())
  })

  it('of what has the shape is nothing, and of what does not fit it is refused', async () => {
    const same = await expanded([1, 2, 2, 3], [2, 1, 3], x)
    expect(same.values).toEqual(x)
    await expect(expanded([1, 2, 2, 3], [5, 3], x)).rejects.toThrow(/do not fit/)
  })
})
