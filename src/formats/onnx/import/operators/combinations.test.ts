import { describe, expect, it } from 'vitest'
import { importedOutput } from '../../../../../test/support/imported.ts'
import { indices, modelOf, op } from '../../../../../test/support/onnx-graphs.ts'
import { importOnnx, UnsupportedModelError } from '../../../onnx-import.ts'

/** One image of two channels, six rows and seven columns: the digits of a value are its channel, row and column. */
const EXTENTS = [1, 2, 6, 7]
const x = Float32Array.from(
  { length: 84 },
  (_, i) => 100 * Math.floor(i / 42) + 10 * (Math.floor(i / 7) % 6) + (i % 7),
)

type Slices = Readonly<Record<'starts' | 'ends' | 'axes', readonly number[]>> & {
  readonly steps?: readonly number[]
}

const sliced = ({ starts, ends, axes, steps = axes.map(() => 1) }: Slices) =>
  modelOf({
    inputs: { x: EXTENTS },
    nodes: [op('Slice', 'x starts ends axes steps -> y')],
    constants: [
      indices('starts', starts),
      indices('ends', ends),
      indices('axes', axes),
      indices('steps', steps),
    ],
    outputs: ['y'],
  })

/** Python's slices of a list. */
function positionsOf(size: number, start: number, end: number, step: number): number[] {
  const list = Array.from({ length: size }, (_, i) => i)
  const at = (i: number) => (i < 0 ? i + size : i)
  return (step > 0 ? list : list.toReversed()).filter((i) => {
    const [from, to] = [at(start), at(end)]
    const isInside = step > 0 ? i >= from && i < to : i <= from && i > to
    const first = step > 0 ? Math.max(from, 0) : Math.min(from, size - 1)
    return isInside && (i - first) % step === 0
  })
}

it.each([
  ['every third of many channels', [0, 21, 3], [0, 3, 6, 9, 12, 15, 18]],
  ['every third from the last of the first three on', [2, 20, 3], [2, 5, 8, 11, 14, 17]],
  ['every fourth, the last one at the end', [3, 20, 4], [3, 7, 11, 15, 19]],
  ['many, backward', [19, -100, -4], [19, 15, 11, 7, 3]],
  ['every second, of which the groups fit neither way', [0, 20, 19], [0, 19]],
] as const)('Slice of channels: %s', async (_, [start, end, step], expected) => {
  const nodes = [op('Slice', 'x starts ends axes steps -> y')]
  const constants = Object.entries({ starts: start, ends: end, axes: 1, steps: step }).map(([name, value]) =>
    indices(name, [value]),
  )
  const bytes = modelOf({ inputs: { x: ['N', 20, 1, 1] }, nodes, constants, outputs: ['y'] })
  const { values } = await importedOutput(bytes, { x: Array.from({ length: 20 }, (_, i) => i) })
  expect(values).toEqual(expected)
})

describe('Slice', () => {
  it.each<Slices>([
    { starts: [1], ends: [4], axes: [2] },
    { starts: [0, 1], ends: [6, 7], axes: [2, 3], steps: [2, 2] },
    { starts: [-3], ends: [2 ** 31 - 1], axes: [-1] },
    { starts: [-100], ends: [-1], axes: [2] },
    { starts: [1, 2, 0], ends: [2, 5, 7], axes: [1, 2, 3], steps: [1, 1, 3] },
    { starts: [-1], ends: [-(2 ** 31)], axes: [3], steps: [-1] },
    { starts: [5, 20], ends: [0, -6], axes: [2, 3], steps: [-2, -4] },
    { starts: [0, 0], ends: [2, 6], axes: [1, 2] },
    { starts: [-1], ends: [-100], axes: [1], steps: [-1] },
    { starts: [1, 5], ends: [-100, -100], axes: [1, 2], steps: [-1, -2] },
    { starts: [0], ends: [2], axes: [1], steps: [2] },
  ])('%o', async (slices) => {
    const taken = EXTENTS.map((size, axis) => {
      const i = slices.axes.findIndex((each) => (each + 4) % 4 === axis)
      if (i < 0) return positionsOf(size, 0, size, 1)
      return positionsOf(size, slices.starts[i]!, slices.ends[i]!, slices.steps?.[i] ?? 1)
    })
    const [, channels, rows, columns] = taken as [number[], number[], number[], number[]]
    const truth = channels.flatMap((c) => rows.flatMap((y) => columns.map((x) => 100 * c + 10 * y + x)))
    const { values, dims } = await importedOutput(sliced(slices), { x })
    expect(dims).toEqual(taken.map(({ length }) => length))
    expect(values).toEqual(truth)
  })

  it.each<[Slices, string]>([
    [{ starts: [0], ends: [1], axes: [0], steps: [2] }, 'it takes a part of the batch'],
    [{ starts: [3], ends: [3], axes: [2] }, 'it takes nothing of axis 2 of its input [N, 2, 6, 7]'],
    [{ starts: [0], ends: [3], axes: [2], steps: [0] }, 'its step is 0'],
  ])('refuses %o', async (slices, why) => {
    const error = await importOnnx(sliced(slices)).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(UnsupportedModelError)
    expect((error as UnsupportedModelError).refusals.map((refusal) => refusal.why)).toEqual([why])
  })

  it('in steps, four times over, becomes the channels of a detector’s focus', async () => {
    const model = modelOf({
      inputs: { x: ['N', 1, 4, 4] },
      nodes: [
        ...['00', '10', '01', '11'].map((at) => op('Slice', `x starts${at} ends axes steps -> part${at}`)),
        op('Concat', 'part00 part10 part01 part11 -> y', { axis: 1 }),
      ],
      constants: [
        ...[0, 1].flatMap((row) => [0, 1].map((column) => indices(`starts${row}${column}`, [row, column]))),
        indices('ends', [4, 4]),
        indices('axes', [2, 3]),
        indices('steps', [2, 2]),
      ],
      outputs: ['y'],
    })
    const image = Float32Array.from({ length: 16 }, (_, i) => i)
    expect((await importedOutput(model, { x: image })).values).toEqual([
      0, 2, 8, 10, 4, 6, 12, 14, 1, 3, 9, 11, 5, 7, 13, 15,
    ])
  })
})

it('Split divides rows', async () => {
  const model = modelOf({
    inputs: { x: EXTENTS },
    nodes: [op('Split', 'x sizes -> above below', { axis: 2 }), op('Relu', 'below -> y')],
    constants: [indices('sizes', [5, 1])],
    outputs: ['y'],
  })
  const { values, dims } = await importedOutput(model, { x })
  expect(dims).toEqual([1, 2, 1, 7])
  expect(values).toEqual([...x.slice(35, 42), ...x.slice(77)])
})

describe('Reshape', () => {
  const reshaped = (inputs: readonly number[], shape: readonly number[]) =>
    modelOf({
      inputs: { x: inputs },
      nodes: [op('Reshape', 'x shape -> y'), op('MaxPool', 'y -> z', { kernel_shape: [1, 1] })],
      constants: [indices('shape', shape)],
      outputs: ['z'],
    })
  const vector = Float32Array.from({ length: 24 }, (_, i) => i)

  it.each([
    ['a vector', [1, 24], [1, 2, 3, 4]],
    ['a vector, of any batch', [1, 24], [-1, 4, 3, 2]],
    ['an image of one pixel', [1, 24, 1, 1], [0, 2, 3, 4]],
    ['an image', [1, 2, 3, 4], [1, 4, 3, 2]],
    ['an image whose rows join the channels', [1, 2, 3, 4], [1, 6, 2, 2]],
  ])('makes an image of %s', async (_, from, to) => {
    const { values, dims } = await importedOutput(reshaped(from, to), { x: vector })
    expect(dims).toEqual(to.map((extent) => (extent > 0 ? extent : 1)))
    expect(values).toEqual([...vector])
  })

  it('refuses sizes that have other values', async () => {
    await expect(importOnnx(reshaped([1, 24], [1, 5, 3, 2]))).rejects.toThrow(UnsupportedModelError)
  })
})
