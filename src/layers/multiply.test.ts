import { expect, it } from 'vitest'
import { NetworkError } from '../errors.ts'
import { defineNetwork } from '../networks/network.ts'
import { multiply } from './multiply.ts'

it('refuses unknown options, and one input or more than eight', () => {
  const inputs = ['a', 'b']
  expect(multiply('m', { inputs, activation: 'silu' }).options).toEqual({ activation: 'silu' })
  expect(() => multiply('m', { inputs, activation: 'maxout' as never })).toThrow(
    /^m: unknown activation 'maxout'/,
  )
  expect(() => multiply('m', { inputs, axis: 1 } as never)).toThrow(/^m: unknown option 'axis'/)
  const networkOf = (count: number) =>
    defineNetwork('n', {
      inputs: { images: [2, 2, 3] },
      layers: [multiply('m', { inputs: Array.from({ length: count }, () => 'images') })],
    })
  expect(() => networkOf(1)).toThrow(
    new NetworkError('m: a layer of the kind multiply has at least 2 inputs, not 1'),
  )
  expect(() => networkOf(9)).toThrow(
    new NetworkError('m: a layer of the kind multiply has at most 8 inputs, not 9'),
  )
  expect(networkOf(8).layers[0]!.outputShape).toEqual([2, 2, 3])
})
