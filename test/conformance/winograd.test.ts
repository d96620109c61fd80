import { expect, it } from 'vitest'
import { kernelOf, kernels } from '../../src/kernels/index.ts'
import { alexnet } from '../../src/networks/alexnet.ts'
import { createPlan } from '../../src/plan/plan.ts'
import { winogradConformance } from './winograd-suite.ts'

// test/slow/winograd.test.ts tries more shapes
winogradConformance(10)

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
