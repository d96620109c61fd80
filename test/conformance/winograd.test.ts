import { expect, it } from 'vitest'
import { kernelOf, kernels } from '../../src/kernels/index.ts'
import type { WinogradCandidate } from '../../src/kernels/winograd/convolution.ts'
import { conv, l2Loss } from '../../src/layers/index.ts'
import { alexnet } from '../../src/networks/alexnet.ts'
import { defineNetwork } from '../../src/networks/network.ts'
import { createPlan } from '../../src/plan/plan.ts'
import { checkSteps } from '../support/check-steps.ts'
import { wasmTarget } from '../support/inline.ts'
import { winogradConformance } from './winograd-suite.ts'

// test/slow/winograd.test.ts tries more shapes, and every set of points
winogradConformance(8, false)

it('agrees with float64 where the images are transformed in several groups, one after another', () => {
  const network = defineNetwork('wide', {
    inputs: { images: [20, 20, 3] },
    layers: [
      conv('before', { filters: 128, kernel: 1 }),
      conv('tested', { filters: 128, kernel: 3, padding: 'same' }),
      l2Loss('loss'),
    ],
  })
  const target = wasmTarget(false)
  const steps = checkSteps(target, network, 28, 0, {
    choose: (candidates) =>
      candidates.find(
        (each) =>
          each.algorithm === 'winograd' && ((each as Partial<WinogradCandidate>).bandRows ?? null) === null,
      ) ?? candidates[0]!,
  })
  const stagesOf = steps.flatMap(({ step, candidate }) => {
    if (candidate.algorithm !== 'winograd') return []
    const { name, lanes, vectorRegisters } = target
    const rule = kernelOf(kernels, step)
    const { stages } = rule.build(step as never, { name, lanes, vectorRegisters }, candidate)
    return [[step.kind, stages.length]]
  })
  // Of each group: tiles, products (and what they make); of the weights gradient once what all sum to
  const [convolution, weightsGradient] = [2 * 3, 2 * 2 + 1]
  expect(Object.fromEntries(stagesOf)).toEqual({
    'conv-forward': convolution,
    'conv-input-gradient': convolution,
    'conv-weights-gradient': weightsGradient,
  })
})

it.each([4, 8, 16])("AlexNet's scratch is under 64 MB at batch 32, with vectors of %i", (lanes) => {
  const traits = { name: 'any', lanes, vectorRegisters: lanes === 16 ? 32 : 16 }
  const plan = createPlan(alexnet(), { batch: 32, pass: 'forward-backward', lanes })
  const families = new Set<string>()
  for (const step of plan.steps) {
    const rule = kernelOf(kernels, step)
    for (const candidate of rule.candidates(step as never, traits)) {
      const family = `${step.kind} ${step.layer} ${candidate.family}`
      if (candidate.algorithm !== 'winograd' || families.has(family)) continue
      families.add(family)
      const { privateBuffers, threadScratch } = rule.build(step as never, traits, candidate)
      const ofStep = privateBuffers.filter(({ lifetime }) => lifetime === 'step')
      const values = ofStep.reduce((sum, { length }) => sum + length, 2 * threadScratch)
      expect(4 * values, family).toBeLessThan(64e6)
    }
  }
  expect(families.size).toBeGreaterThan(28)
})
