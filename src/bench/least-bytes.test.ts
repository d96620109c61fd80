import { describe, expect, it } from 'vitest'
import { concat, conv, l2Loss, maxPool, relu } from '../layers/index.ts'
import { defineNetwork, type Network } from '../networks/index.ts'
import { createPlan, type Pass } from '../plan/plan.ts'
import { leastBytes } from './least-bytes.ts'

const network = defineNetwork('tiny', {
  inputs: { images: [8, 8, 3] },
  layers: [
    conv('conv1', { filters: 5, kernel: 3, stride: 1, padding: 'same', activation: 'relu' }),
    maxPool('pool1', { kernel: 2, stride: 2, padding: 'valid' }),
    conv('conv2', { filters: 7, kernel: 3, stride: 1, padding: 'same', activation: 'relu' }),
    l2Loss('loss'),
  ],
})

/** `lanes` rounds channels up; the padding in between belongs to no tensor. */
function bytesOf(
  layer: string,
  direction: 'forward' | 'backward',
  { pass = 'forward-backward', of = network }: { pass?: Pass; of?: Network } = {},
): number {
  const { steps } = createPlan(of, { batch: 2, pass, lanes: 8 })
  return leastBytes(steps.filter((step) => step.layer === layer && step.pass === direction))
}

const [images, conv1, pool1, conv2] = [2 * 8 * 8 * 3, 2 * 8 * 8 * 5, 2 * 4 * 4 * 5, 2 * 4 * 4 * 7]
const [parameters1, parameters2] = [3 * 3 * 3 * 5 + 5, 3 * 3 * 5 * 7 + 7]
const weights2 = 3 * 3 * 5 * 7

describe('leastBytes', () => {
  it('of forward: inputs, parameters, output', () => {
    expect(bytesOf('conv1', 'forward')).toBe(4 * (images + parameters1 + conv1))
    expect(bytesOf('conv1', 'forward', { pass: 'forward' })).toBe(4 * (images + parameters1 + conv1))
    expect(bytesOf('pool1', 'forward')).toBe(4 * (conv1 + pool1))
    expect(bytesOf('loss', 'forward')).toBe(4 * (conv2 + 1))
  })

  it('of a convolution backward: each once, none for the gradient between its own steps', () => {
    // Output and its gradient, input and its gradient, weights, and the gradients of weights and biases.
    expect(bytesOf('conv2', 'backward')).toBe(4 * (2 * conv2 + 2 * pool1 + weights2 + parameters2))
  })

  it('of the first layer backward: neither weights nor a gradient of the images', () => {
    expect(bytesOf('conv1', 'backward')).toBe(4 * (2 * conv1 + images + parameters1))
  })

  it('of pooling backward: input, output and both gradients', () => {
    expect(bytesOf('pool1', 'backward')).toBe(4 * (2 * conv1 + 2 * pool1))
  })

  it('where two layers read one output: both gradients, not their sum; of sums without an activation no output', () => {
    const branching = defineNetwork('branching', {
      inputs: { images: [8, 8, 3] },
      layers: [
        conv('conv1', { filters: 5, kernel: 3, stride: 1, padding: 'same' }),
        l2Loss('loss1', { inputs: ['conv1'] }),
        l2Loss('loss2', { inputs: ['conv1'] }),
      ],
    })
    expect(bytesOf('conv1', 'backward', { of: branching })).toBe(4 * (2 * conv1 + images + parameters1))
  })

  it('of a gradient that is added to in place: it is read and written', () => {
    const branching = defineNetwork('branching', {
      inputs: { images: [8, 8, 3] },
      layers: [
        conv('conv1', { filters: 5, kernel: 3, stride: 1, padding: 'same' }),
        relu('relu', { inputs: ['conv1'] }),
        l2Loss('loss1'),
        relu('last', { inputs: ['conv1'] }),
        l2Loss('loss2'),
      ],
    })
    // Output and its gradient are read; the input's gradient is written by the last layer and changed by the other
    expect(bytesOf('last', 'backward', { of: branching })).toBe(4 * 3 * conv1)
    expect(bytesOf('relu', 'backward', { of: branching })).toBe(4 * 4 * conv1)
  })

  it('of a gradient that one layer makes in two steps: it is written once', () => {
    const twice = defineNetwork('twice', {
      inputs: { images: [8, 8, 3] },
      layers: [
        conv('conv1', { filters: 5, kernel: 3, stride: 1, padding: 'same' }),
        concat('concat', { inputs: ['conv1', 'conv1'] }),
        l2Loss('loss'),
      ],
    })
    // The gradient of twice the channels is read
    expect(bytesOf('concat', 'backward', { of: twice })).toBe(4 * (2 * conv1 + conv1))
  })

  it('of nothing is 0', () => {
    expect(leastBytes([])).toBe(0)
  })
})
