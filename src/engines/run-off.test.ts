import { describe, expect, it } from 'vitest'
import { conv, l2Loss } from '../layers/index.ts'
import { defineNetwork } from '../networks/network.ts'
import { createPlan, type Pass } from '../plan/plan.ts'
import { hasRunOff } from './run-off.ts'
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

describe('candidates are decided in runs of the whole plan', () => {
  it('forward', () => {
    expect(hasRunOff(planOf(1), target(false))).toBe(true)
    expect(hasRunOff(planOf(1, 'forward-backward'), target(false))).toBe(false)
  })

  it('not if the code becomes faster while it runs', () => {
    expect(hasRunOff(planOf(1), target(true))).toBe(false)
  })

  it('not if a run takes long: the multiply-adds of all steps count', () => {
    const most = Math.floor(8e9 / MULTIPLY_ADDS_PER_IMAGE)
    expect(most).toBeGreaterThan(1)
    expect(hasRunOff(planOf(most), target(false))).toBe(true)
    expect(hasRunOff(planOf(most + 1), target(false))).toBe(false)
  })
})
