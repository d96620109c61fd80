import { expect, it } from 'vitest'
import { add, batchNorm, concat, conv, dense, softmaxLoss } from '../layers/index.ts'
import { layerCounts, networkCounts, networkSize } from './counts.ts'
import { alexnetFull } from './index.ts'
import { defineNetwork } from './network.ts'

const branched = defineNetwork('branched', {
  inputs: { images: [4, 4, 3], labels: [] },
  layers: [
    conv('long1', { filters: 5, kernel: 1, biases: false }),
    batchNorm('norm', { activation: 'relu' }),
    conv('long2', { filters: 5, kernel: 3, padding: 1 }),
    conv('short', { filters: 5, kernel: 1, inputs: ['images'] }),
    add('sum', { inputs: ['long2', 'short'] }),
    concat('both', { inputs: ['sum', 'norm'] }),
    dense('end', { units: 2 }),
    softmaxLoss('loss', { inputs: ['end', 'labels'] }),
  ],
})

it('counts statistics apart from parameters', () => {
  const counts = branched.layers.map((layer) => layerCounts(branched, layer))
  expect(counts.map(({ parameters }) => parameters)).toEqual([15, 10, 230, 20, 0, 0, 322, 0])
  expect(counts.map(({ statistics }) => statistics)).toEqual([0, 10, 0, 0, 0, 0, 0, 0])
  expect(networkCounts(branched)).toMatchObject({ parameters: 597, statistics: 10 })
})

it('counts connections and neurons where there are weights, and nowhere else', () => {
  const counts = branched.layers.map((layer) => layerCounts(branched, layer))
  expect(counts.map(({ neurons }) => neurons)).toEqual([80, 0, 80, 80, 0, 0, 2, 0])
  expect(counts.map(({ connections }) => connections)).toEqual([240, 0, 3600, 240, 0, 0, 320, 0])
})

it('depth is the longest way through layers with weights; layers are all that have parameters', () => {
  expect(networkSize(branched)).toEqual({ depth: 3, layers: 5, largest: { name: 'both', values: 160 } })
  expect(networkSize(alexnetFull())).toMatchObject({ depth: 8, layers: 8, largest: { name: 'conv1' } })
})
