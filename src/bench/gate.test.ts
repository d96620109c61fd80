import { expect, it } from 'vitest'
import { noise } from '../../test/support/noise.ts'
import { exampleResult, exampleRun } from '../../test/support/run.ts'
import { gate } from './gate.ts'
import type { Run } from './result.ts'
import { summarize } from './statistics.ts'

/** Samples with some percent of noise. */
function samples(count: number, meanMs: number, seed = 1): number[] {
  const { uniform } = noise(seed)
  return Array.from({ length: count }, () => meanMs * (1 + 0.03 * (uniform() - 0.5)))
}

function resultOf(meanMs: number, changes: Partial<Run> = {}, seed = 1) {
  const samplesMs = samples(80, meanMs, seed)
  const startsMs = samplesMs.map((_, i) => i * meanMs)
  const run = exampleRun({ samplesMs, startsMs, summary: summarize(samplesMs), ...changes })
  return { ...exampleResult(), runs: [run] }
}
const ROUNDS = { rounds: new Array<number>(8).fill(10) }

it('finds a regression beyond the limit, and none within it', () => {
  const baseline = resultOf(100, ROUNDS)
  const compared = (meanMs: number) => {
    const found = gate(resultOf(meanMs, ROUNDS, 2), baseline, 0.05)
    if (found.kind !== 'compared') throw new Error(found.reasons.join())
    return found.findings[0]!
  }
  expect(compared(100).isRegression).toBe(false)
  expect(compared(103).isRegression).toBe(false)
  expect(compared(80).isRegression).toBe(false)
  const slower = compared(110)
  expect(slower).toMatchObject({ isRegression: true, hasRounds: true, engine: 'wasm simd128, 2 threads' })
  expect(slower.slowdown).toBeCloseTo(1.1, 1)
  expect(slower.interval[0]).toBeLessThan(slower.slowdown)
  expect(slower.interval[1]).toBeGreaterThan(slower.slowdown)
})

it('is more cautious without rounds', () => {
  const [withRounds, without] = [ROUNDS, {}].map((changes) => {
    const found = gate(resultOf(110, changes, 2), resultOf(100, changes), 0.05)
    if (found.kind !== 'compared') throw new Error(found.reasons.join())
    return found.findings[0]!
  })
  expect(without!.hasRounds).toBe(false)
  expect(without!.interval[0]).toBeLessThan(withRounds!.interval[0])
  expect(without!.isRegression).toBe(true)
})

it('says what can not be compared', () => {
  const reasonsOf = (changes: Partial<Run>) => {
    const found = gate(resultOf(100, changes), resultOf(100), 0.05)
    return found.kind === 'not comparable' ? found.reasons : []
  }
  expect(reasonsOf({ batch: 8 })).toEqual(["forward: batch is 8, the baseline's 32"])
  expect(reasonsOf({ network: 'alexnet-full' })).toEqual([
    "forward: network is alexnet-full, the baseline's alexnet",
  ])
  expect(reasonsOf({ pass: 'forward-backward' })).toEqual([
    'the baseline has no forward-backward on wasm simd128, 2 threads',
  ])
  expect(reasonsOf({ samplesMs: [1, 2] })).toEqual([
    'forward: the result has 2 samples; 8 or more are compared',
  ])
  const unseen = [...new Array<number>(60).fill(0), ...new Array<number>(20).fill(1)]
  expect(reasonsOf({ samplesMs: unseen })).toEqual([
    'forward: the result has samples in which its clock saw no time; a larger batch takes longer',
  ])
  expect(
    gate(resultOf(100), { ...exampleResult(), runs: [exampleRun({ samplesMs: unseen })] }, 0.05),
  ).toEqual({
    kind: 'not comparable',
    reasons: [expect.stringMatching(/^forward: the baseline has samples in which its clock saw no time/)],
  })
  const elsewhere = resultOf(100)
  const moved = { ...elsewhere, environment: { ...elsewhere.environment, processor: 'another' } }
  expect(gate(moved, elsewhere, 0.05)).toMatchObject({
    kind: 'not comparable',
    reasons: [expect.stringContaining("the machine is 'another'")],
  })
})
