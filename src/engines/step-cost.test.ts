import { expect, it } from 'vitest'
import { conv, defineNetwork, dense, l2Loss, maxPool } from '../index.ts'
import { createPlan, type Pass } from '../plan/plan.ts'
import type { Step } from '../plan/steps.ts'
import { costliestFirst, probableCost } from './step-cost.ts'

const BATCH = 2
const network = defineNetwork('small', {
  inputs: { images: [16, 16, 8] },
  layers: [
    conv('large', { filters: 64, kernel: 3, padding: 'same' }),
    maxPool('pool', { kernel: 2, stride: 2 }),
    conv('small', { filters: 8, kernel: 1 }),
    dense('fc', { units: 512 }),
    l2Loss('loss'),
  ],
})
const stepsOf = (pass: Pass): readonly Step[] =>
  createPlan(network, { batch: BATCH, pass, lanes: 8, fuses: true }).steps
const ofLayer = (layer: string, pass: Pass = 'forward'): Step[] =>
  stepsOf(pass).filter((step) => step.layer === layer)

it('counts the multiply-adds of a convolution, forward and backward alike', () => {
  const multiplyAdds = BATCH * 16 * 16 * 3 * 3 * 8 * 64
  const [forward] = ofLayer('large')
  expect(probableCost(forward!)).toBe(multiplyAdds / 4)
  const backward = ofLayer('large', 'forward-backward').find(({ kind }) => kind === 'conv-weights-gradient')
  expect(probableCost(backward!)).toBe(multiplyAdds / 4)
})

it('counts the bytes of a step without weights: what it reads and what it writes', () => {
  const [pool] = ofLayer('pool')
  expect(probableCost(pool!)).toBe(4 * BATCH * (16 * 16 * 64 + 8 * 8 * 64))
})

it('counts the bytes of a dense layer with few images, whose weights are read for little', () => {
  const [fc] = ofLayer('fc')
  const inputs = 8 * 8 * 8
  expect(probableCost(fc!)).toBe(4 * (inputs * 512 + BATCH * (inputs + 512) + 512))
})

it('sorts by cost, the largest first', () => {
  const groups = stepsOf('forward').map((step) => ({ steps: [step] }))
  const layers = costliestFirst(groups).map(({ steps: [step] }) => step!.layer)
  expect(layers.slice(0, 3)).toEqual(['fc', 'large', 'pool'])
})

it('adds the costs of equal steps, which share a choice', () => {
  const [one] = ofLayer('large')
  const [pool] = ofLayer('pool')
  const many = { steps: new Array<Step>(20).fill(pool!) }
  const single = { steps: [one!] }
  expect(costliestFirst([single, { steps: [pool!] }])[0]).toBe(single)
  expect(costliestFirst([single, many])[0]).toBe(many)
})
