import { expect } from 'vitest'
import { trainingTensors } from '../../src/bench/check-data.ts'
import { denseImage, Scratch } from '../../src/bench/comparison.ts'
import { compareStep } from '../../src/bench/truth.ts'
import type { Candidate } from '../../src/kernels/kernel.ts'
import { initializeImages } from '../../src/networks/initialize.ts'
import { type Network, parametersOf } from '../../src/networks/network.ts'
import { BEFORE_ALL, createPlan } from '../../src/plan/plan.ts'
import { changesOf, type Step } from '../../src/plan/steps.ts'
import type { Training } from '../../src/plan/training.ts'
import type { View } from '../../src/plan/views.ts'
import { normal, uniform } from '../../src/random.ts'
import { elementCount, type Grid } from '../../src/tensor.ts'
import { type InlineTarget, openInline } from './inline.ts'

/** Float32 against float64, given the same inputs. A wrong kernel is off by 1e-2 or more. */
const TOLERANCE = 2e-5
/** All terms are near 1; a sum that happens to cancel is not to be more exact than they are. */
const SMALLEST_MEAN_SQUARE = 1

export interface CheckStepsOptions {
  readonly weightSd?: number
  /** The seed's, of all candidates, by default. */
  readonly choose?: (candidates: readonly Candidate[]) => Candidate
  /** A whole training step instead of forward-backward. */
  readonly training?: Training
  /** Forward alone, with layers fused and nothing kept. */
  readonly isFused?: boolean
}

/**
 * Runs forward-backward, a training step or a fused forward, step by step and compares each, as the benchmark's check
 * does. Returns what each step took.
 */
export function checkSteps(
  target: InlineTarget,
  network: Network,
  batch: number,
  seed: number,
  options: CheckStepsOptions = {},
): { step: Step; candidate: Candidate }[] {
  const {
    weightSd = 1,
    choose = (candidates) => candidates[seed % candidates.length]!,
    training,
    isFused = false,
  } = options
  const plan = createPlan(network, {
    batch,
    pass: isFused ? 'forward' : training ? 'train' : 'forward-backward',
    lanes: target.lanes,
    fuses: isFused,
    keep: isFused ? [] : 'all',
    ...(training && { training }),
  })
  const run = openInline(target, plan, choose)
  const inputs = initializeImages(network, batch, { seed, sd: 1 })
  for (const [name, values] of Object.entries(inputs)) run.write(name, values)
  for (const [name, { shape, role, initial }] of Object.entries(parametersOf(network))) {
    const values = new Float32Array(elementCount(shape))
    const place = { seed, tensor: name }
    // A variance is positive.
    if (role === 'statistic' && initial === 1) uniform(values, place)
    else normal(values, { ...place, sd: weightSd / Math.sqrt(elementCount(shape.slice(0, -1))) })
    run.write(name, values)
  }
  for (const { name, length, fill } of trainingTensors(plan, seed)) {
    const values = new Float32Array(length)
    fill(values, 0)
    run.write(name, values)
  }
  const before = new Map<number, Grid>()
  const look = Object.assign((view: View) => run.look(view), {
    before: {
      has: (view: View) => before.has(view.buffer),
      rows: (view: View) => before.get(view.buffer)!,
      image: (view: View, image: number) => denseImage(before.get(view.buffer)!, image, new Scratch()),
    },
  })
  run.runStep(BEFORE_ALL)
  return plan.steps.map((step, index) => {
    before.clear()
    for (const view of changesOf(step)) {
      const grid = run.look(view)
      before.set(view.buffer, { ...grid, values: grid.values.slice() })
    }
    run.runStep(index)
    const candidate = run.candidates[index]!
    const { algorithm, tile } = candidate
    for (const comparison of compareStep(step, plan, look, { index: 0, count: 1 })) {
      const { tensor, differenceSquares, truthSquares, values } = comparison
      const error = Math.sqrt(differenceSquares / Math.max(truthSquares, values * SMALLEST_MEAN_SQUARE))
      expect(error, `${step.kind} '${tensor}', ${algorithm} ${tile}`).toBeLessThan(TOLERANCE)
    }
    return { step, candidate }
  })
}
