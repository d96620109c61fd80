import { describe, expect, it } from 'vitest'
import { conv, dense, l2Loss, relu, softmax } from '../layers/index.ts'
import { lenet } from '../networks/lenet.ts'
import { defineNetwork } from '../networks/network.ts'
import { asClassifier } from './classifier.ts'
import { logitsOf } from './logits.ts'

describe('a network as a classifier', () => {
  it('is itself if it is one', () => {
    const network = lenet()
    expect(asClassifier(network)).toBe(network)
  })

  it('has cross-entropy over its output, in place of other losses, by names that are free', () => {
    const network = defineNetwork('plain', {
      inputs: { x: [2, 2, 3] },
      layers: [relu('labels'), dense('loss', { units: 5 }), l2Loss('l2')],
    })
    const made = asClassifier(network)
    expect(made.inputs).toEqual({ labels_: [], x: [2, 2, 3] })
    expect(made.layers.map(({ layer, inputs }) => [layer.name, inputs])).toEqual([
      ['labels', ['x']],
      ['loss', ['labels']],
      ['loss_', ['loss', 'labels_']],
    ])
    expect(logitsOf(made)).toEqual({ name: 'loss', classes: 5 })
  })

  it('reads what a softmax at its end reads', () => {
    const network = defineNetwork('certain', {
      inputs: { x: [2, 2, 3] },
      layers: [dense('scores', { units: 5 }), softmax('classes')],
    })
    expect(logitsOf(asClassifier(network))).toEqual({ name: 'scores', classes: 5 })
  })

  it.each([
    [
      [dense('a', { units: 2 }), relu('b', { inputs: ['x'] })],
      "tried: it has the outputs a, b; a classifier has one, its classes' logits",
    ],
    [[conv('a', { filters: 2, kernel: 1 })], "tried: its output 'a' is no vector of classes"],
  ])('is refused: %#', (layers, message) => {
    expect(() => asClassifier(defineNetwork('tried', { inputs: { x: [2, 2, 3] }, layers }))).toThrow(message)
  })
})
