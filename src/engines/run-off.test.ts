import { describe, expect, it } from 'vitest'
import { conv, l2Loss } from '../layers/index.ts'
import { defineNetwork } from '../networks/network.ts'
import { createPlan, type Pass } from '../plan/plan.ts'
import { runOffRules } from './run-off.ts'
import type { CodeTarget } from './target.ts'

const target = (tiersUp: boolean) => ({ tiersUp }) as CodeTarget

const network = defineNetwork('two', {
  inputs: { images: [112, 112, 64] },
  layers: [
    conv('first', { filters: 64, kernel: 3, padding: 'same' }),
    conv('second', { filters: 64, kernel: 3, padding: 'same' }),
    l2Loss('loss'),
  ],
})
const MULTIPLY_ADDS_PER_IMAGE = 2 * 112 * 112 * 3 * 3 * 64 * 64
const planOf = (batch: number, pass: Pass = 'forward') => createPlan(network, { batch, pass, lanes: 8 })

const rulesOf = (batch: number, pass?: Pass, tiersUp = false) =>
  runOffRules(planOf(batch, pass), target(tiersUp))
const mostImages = (multiplyAdds: number, ofImage: number): number => Math.floor(multiplyAdds / ofImage)

describe('candidates are decided in runs of the whole plan', () => {
  it('of several runs each, if a run is short: the multiply-adds of all steps count', () => {
    const most = mostImages(8e9, MULTIPLY_ADDS_PER_IMAGE)
    expect(most).toBeGreaterThan(1)
    expect(rulesOf(most)?.runsInTurn).toBeGreaterThan(1)
    expect(rulesOf(1, 'forward-backward')).toEqual(rulesOf(1))
    expect(rulesOf(most + 1)).toBeNull()
  })

  it('of single runs with each algorithm, if the pass goes backward', () => {
    // Forward, two weights gradients and the second layer's input gradient
    const most = mostImages(3e11, 2.5 * MULTIPLY_ADDS_PER_IMAGE)
    expect(rulesOf(most, 'forward-backward')?.runsInTurn).toBe(1)
    expect(rulesOf(most + 1, 'forward-backward')).toBeNull()
  })

  it('not if the code becomes faster while it runs', () => {
    expect(rulesOf(1, 'forward', true)).toBeNull()
    expect(rulesOf(1, 'forward-backward', true)).toBeNull()
  })
})
