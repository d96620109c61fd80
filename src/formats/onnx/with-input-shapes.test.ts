import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { describe, expect, it } from 'vitest'
import { indices, modelOf, op, weights } from '../../../test/support/onnx-graphs.ts'
import { decodeMessage } from './messages.ts'
import { withInputShapes } from './with-input-shapes.ts'

const frozen = modelOf({
  nodes: [op('Conv', 'x w -> conv'), op('Reshape', 'conv flat -> y'), op('Add', 'y flat -> z')],
  constants: [weights('w', [2, 3, 1, 1]), indices('flat', [1, -1])],
  inputs: { x: [1, 3, 4, 4] },
  outputs: ['z'],
})

const graphOf = (bytes: Uint8Array) => decodeMessage('ModelProto', bytes).graph!
const dimsOf = (bytes: Uint8Array) => graphOf(bytes).input![0]!.type!.tensorType!.shape!.dim!

describe('a model for inputs of other shapes', () => {
  it.each([
    ['the file’s own', frozen, [1, 3, 4, 4]],
    [
      'what it leaves open',
      modelOf({
        nodes: [op('Relu', 'x -> y')],
        inputs: { x: ['N', 3, 'H', 'W'] },
        outputs: ['y'],
      }),
      [8, 3, 32, 64],
    ],
  ])('%s: the same bytes', (_, bytes, shape) => {
    expect(withInputShapes(bytes, { x: shape, other: [1] })).toBe(bytes)
  })

  it('another size: the input has it, and no shape of the old size is left', () => {
    const changed = withInputShapes(frozen, { x: [1, 3, 8, 6] })
    expect(dimsOf(changed).map(({ dimValue }) => dimValue)).toEqual([1, 3, 8, 6])
    expect(graphOf(changed).output).toEqual([{ name: 'z' }])
    expect(graphOf(changed).node).toEqual(graphOf(frozen).node)
  })

  it('another batch: a Reshape’s constant begins with it, and nobody else reads that', () => {
    const changed = withInputShapes(frozen, { x: [5, 3, 4, 4] })
    const { node, initializer } = graphOf(changed)
    expect(dimsOf(changed).map(({ dimValue }) => dimValue)).toEqual([5, 3, 4, 4])
    expect(node!.map(({ input }) => input![1])).toEqual(['w', 'y/shape-for-5', 'flat'])
    expect(initializer!.slice(0, 2)).toEqual(graphOf(frozen).initializer)
    const [, , shape] = initializer!
    expect(shape!.name).toBe('y/shape-for-5')
    expect([...new BigInt64Array(shape!.rawData!.slice().buffer)]).toEqual([5n, -1n])
  })

  it('constants of nodes count, and those that do not begin with the batch stay', () => {
    const bytes = modelOf({
      nodes: [
        op('Constant', '-> first', { value_ints: [2, 8] }),
        op('Constant', '-> second', { value_ints: [-1, 2] }),
        op('Reshape', 'x first -> a'),
        op('Reshape', 'a second -> y'),
      ],
      inputs: { x: [2, 2, 2, 2] },
      outputs: ['y'],
    })
    const { node } = graphOf(withInputShapes(bytes, { x: [3, 2, 2, 2] }))
    expect(node!.slice(2).map(({ input }) => input![1])).toEqual(['a/shape-for-3', 'second'])
  })

  it('keeps what it does not know', () => {
    const metadata = new BinaryWriter()
      .tag(14, WireType.LengthDelimited)
      .bytes(Uint8Array.of(10, 1, 65))
      .finish()
    const changed = withInputShapes(Uint8Array.from([...frozen, ...metadata]), { x: [2, 3, 4, 4] })
    expect(changed.subarray(-metadata.length)).toEqual(metadata)
  })

  it.each([
    ['no model', Uint8Array.of(8, 1), /no graph/],
    ['damaged', frozen.subarray(0, -3), /no valid protobuf/],
  ])('%s: says so', (_, bytes, message) => {
    expect(() => withInputShapes(bytes, {})).toThrow(message)
  })
})
