import { expect } from 'vitest'
import { compareStep } from '../../src/bench/truth.ts'
import type { Candidate } from '../../src/kernels/kernel.ts'
import { initializeImages } from '../../src/networks/initialize.ts'
import { type Network, parametersOf } from '../../src/networks/network.ts'
import { BEFORE_ALL, createPlan } from '../../src/plan/plan.ts'
import type { Step } from '../../src/plan/steps.ts'
import { normal } from '../../src/random.ts'
import { elementCount } from '../../src/tensor.ts'
import { type InlineTarget, openInline } from './inline.ts'

/** Float32 against float64, given the same inputs. A wrong kernel is off by 1e-2 or more. */
const TOLERANCE = 2e-5
/** All terms are near 1; a sum that happens to cancel is not to be more exact than they are. */
const SMALLEST_MEAN_SQUARE = 1

export interface CheckStepsOptions {
  readonly weightSd?: number
  /** The seed's, of all candidates, by default. */
  readonly choose?: (candidates: readonly Candidate[]) => Candidate
}

/** Runs forward-backward step by step and compares each, as the benchmark's check does. Returns what each step took. */
export function checkSteps(
  target: InlineTarget,
  network: Network,
  batch: number,
  seed: number,
  options: CheckStepsOptions = {},
): { step: Step; candidate: Candidate }[] {
  const { weightSd = 1, choose = (candidates) => candidates[seed % candidates.length]! } = options
  const plan = createPlan(network, { batch, pass: 'forward-backward', lanes: target.lanes, keep: 'all' })
  const run = openInline(target, plan, choose)
  const inputs = initializeImages(network, batch, { seed, sd: 1 })
  for (const [name, values] of Object.entries(inputs)) run.write(name, values)
  for (const [name, { shape }] of Object.entries(parametersOf(network))) {
    const values = new Float32Array(elementCount(shape))
    normal(values, { seed, tensor: name, sd: weightSd / Math.sqrt(elementCount(shape.slice(0, -1))) })
    run.write(name, values)
  }
  run.runStep(BEFORE_ALL)
  return plan.steps.map((step, index) => {
    run.runStep(index)
    const candidate = run.candidates[index]!
    const { algorithm, tile } = candidate
    for (const comparison of compareStep(step, run.look, { index: 0, count: 1 })) {
      const { tensor, differenceSquares, truthSquares, values } = comparison
      const error = Math.sqrt(differenceSquares / Math.max(truthSquares, values * SMALLEST_MEAN_SQUARE))
      expect(error, `${step.kind} '${tensor}', ${algorithm} ${tile}`).toBeLessThan(TOLERANCE)
    }
    return { step, candidate }
  })
}
