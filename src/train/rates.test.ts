import { describe, expect, it } from 'vitest'
import { batchNorm, conv, dense, relu, softmaxLoss } from '../layers/index.ts'
import { defineNetwork } from '../networks/network.ts'
import { rateFactors } from './rates.ts'

const network = defineNetwork('blocks', {
  inputs: { images: [6, 6, 3], labels: [] },
  layers: [
    conv('conv1', { filters: 2, kernel: 3 }),
    conv('block1.conv', { filters: 2, kernel: 1, biases: false }),
    batchNorm('block1.bn'),
    relu('block1.relu'),
    dense('7', { units: 2 }),
    softmaxLoss('loss', { inputs: ['7', 'labels'] }),
  ],
})

describe('rates of single layers', () => {
  it.each<[Record<string, number>, Record<string, number>]>([
    [{}, {}],
    [{ 7: 0.4 }, { '7/weights': 4, '7/biases': 4 }],
    // Statistics have no rate
    [{ 'block1.*': 0.05 }, { 'block1.conv/weights': 0.5, 'block1.bn/scale': 0.5, 'block1.bn/shift': 0.5 }],
    // The later pattern, and a name before any pattern
    [
      { 'block1.bn': 1, '*conv*': 0.2, 'block1.*': 0.4 },
      {
        'conv1/weights': 2,
        'conv1/biases': 2,
        'block1.conv/weights': 4,
        'block1.bn/scale': 10,
        'block1.bn/shift': 10,
      },
    ],
  ])('%j', (rates, factors) => {
    expect(rateFactors(network, { rate: 0.1, rates })).toEqual(factors)
  })

  it('apply to what is not frozen, and are refused where nothing is left', () => {
    const freeze = ['conv1', 'block1.bn']
    expect(rateFactors(network, { rate: 0.1, rates: { '*1*': 0.2 }, freeze })).toEqual({
      'block1.conv/weights': 2,
    })
    expect(() => rateFactors(network, { rate: 0.1, rates: { 'conv1*': 0.2 }, freeze })).toThrow(
      "rates: 'conv1*' names no layer that is trained; leave it out, or freeze fewer",
    )
    expect(() => rateFactors(network, { rate: 0.1, rates: { conv2: 0.2 } })).toThrow(
      "rates: unknown layer 'conv2'; did you mean 'conv1'?",
    )
  })
})
