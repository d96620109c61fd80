import { describe, expect, it } from 'vitest'
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
    'forward: the result has samples that its clock measured as 0; use a larger batch',
  ])
  expect(
    gate(resultOf(100), { ...exampleResult(), runs: [exampleRun({ samplesMs: unseen })] }, 0.05),
  ).toEqual({
    kind: 'not comparable',
    reasons: [expect.stringMatching(/^forward: the baseline has samples that its clock measured as 0/)],
  })
  const elsewhere = resultOf(100)
  const moved = { ...elsewhere, environment: { ...elsewhere.environment, processor: 'another' } }
  expect(gate(moved, elsewhere, 0.05)).toMatchObject({
    kind: 'not comparable',
    reasons: [expect.stringContaining("the machine is 'another'")],
  })
})

/** All samples of a round are the same here, so its median is obvious. */
const inRounds = (...roundsMs: number[]): Partial<Run> => ({
  samplesMs: roundsMs.flatMap((ms) => [ms, ms]),
  rounds: roundsMs.map(() => 2),
})

it.each([
  ['noise above the limit is none', [94, 97, 106, 109, 112, 115, 118, 121], false],
  ['rounds that are all slower are one', [104, 105, 106, 109, 112, 115, 118, 121], true],
  ['rounds that are all slower, within the limit, are none', [101, 102, 103, 103, 104, 104, 105, 105], false],
])('what is a regression: %s', (_, roundsMs, isRegression) => {
  const baseline = resultOf(100, inRounds(96, 97, 98, 99, 101, 102, 103, 104))
  const found = gate(resultOf(100, inRounds(...roundsMs)), baseline, 0.05)
  expect(found).toMatchObject({ kind: 'compared', findings: [{ isRegression }] })
})

it('compares each run with that of the same pass and engine, wherever it stands', () => {
  const runOf = (pass: Run['pass'], threads: number, meanMs: number) => {
    const { engine } = exampleRun()
    return resultOf(meanMs, { ...ROUNDS, pass, engine: { ...engine, threads } }).runs[0]!
  }
  const runs = [runOf('forward', 1, 10), runOf('forward', 2, 20), runOf('forward-backward', 2, 40)]
  const slower = [runOf('forward-backward', 2, 40), runOf('forward', 2, 26), runOf('forward', 1, 10)]
  const found = gate({ ...exampleResult(), runs: slower }, { ...exampleResult(), runs }, 0.05)
  if (found.kind !== 'compared') throw new Error(found.reasons.join())
  const told = found.findings.map(({ pass, engine, slowdown, isRegression }) => [
    `${pass} on ${engine}`,
    slowdown.toFixed(3),
    isRegression,
  ])
  expect(told).toEqual([
    ['forward-backward on wasm simd128, 2 threads', '1.000', false],
    ['forward on wasm simd128, 2 threads', '1.300', true],
    ['forward on wasm simd128, 1 thread', '1.000', false],
  ])
})

describe('what must agree', () => {
  const { engine } = exampleRun()
  it.each<[string, Partial<Run>]>([
    ['network', { network: 'alexnet-full' }],
    ['imageSize', { imageSize: 64 }],
    ['batch', { batch: 8 }],
    ['algorithm', { algorithm: 'direct' }],
    ['pass', { pass: 'forward-backward' }],
    ['engine', { engine: { ...engine, name: 'x64' } }],
    ['target', { engine: { ...engine, target: 'avx2' } }],
    ['threads', { engine: { ...engine, threads: 1 } }],
  ])('%s', (_, changes) => {
    const own = resultOf(100, { ...ROUNDS, algorithm: 'winograd' })
    const other = resultOf(100, { ...ROUNDS, algorithm: 'winograd', ...changes })
    for (const [result, baseline] of [
      [own, other],
      [other, own],
    ] as const) {
      const found = gate(result, baseline, 0.05)
      expect(found).toEqual({ kind: 'not comparable', reasons: [expect.any(String)] })
    }
  })

  it('in every run, not in the first alone', () => {
    const second = { ...ROUNDS, pass: 'forward-backward' } as const
    const withSecond = (changes: Partial<Run>) => {
      const runs = [...resultOf(100, ROUNDS).runs, ...resultOf(300, { ...second, ...changes }).runs]
      return { ...exampleResult(), runs }
    }
    expect(gate(withSecond({ batch: 8 }), withSecond({}), 0.05)).toEqual({
      kind: 'not comparable',
      reasons: ["forward-backward: batch is 8, the baseline's 32"],
    })
  })
})

describe('the interval', () => {
  const [own, others] = [
    [100, 104, 109, 113, 118, 124, 131, 137],
    [100, 101, 103, 106, 110, 115, 121, 128],
  ] as const
  const findingOf = (result: Partial<Run>, baseline: Partial<Run>) => {
    const found = gate(resultOf(100, result), resultOf(100, baseline), 0.05)
    if (found.kind !== 'compared') throw new Error(found.reasons.join())
    return found.findings[0]!
  }

  it('leaves out 13 of 64 ratios at each end, and the median ratio is the slowdown', () => {
    const ratios = own.flatMap((a) => others.map((b) => a / b)).sort((a, b) => a - b)
    const { slowdown, interval, hasRounds } = findingOf(inRounds(...own), inRounds(...others))
    expect(hasRounds).toBe(true)
    expect(slowdown).toBeCloseTo(Math.sqrt(ratios[31]! * ratios[32]!), 10)
    expect(interval).toEqual([expect.closeTo(ratios[13]!, 10), expect.closeTo(ratios[50]!, 10)])
  })

  it('reaches twice as far where one of the two has no rounds, or too few', () => {
    const both = findingOf(inRounds(...own), inRounds(...others))
    const tooFew = { ...inRounds(...own), rounds: [4, 2, 2, 2, 2, 2, 2] }
    for (const [result, baseline] of [
      [{ ...inRounds(...own), rounds: undefined }, inRounds(...others)],
      [inRounds(...own), { ...inRounds(...others), rounds: undefined }],
      [tooFew, inRounds(...others)],
    ] as const) {
      const one = findingOf(result as Partial<Run>, baseline as Partial<Run>)
      expect(one.hasRounds).toBe(false)
      expect(one.slowdown).toBeCloseTo(both.slowdown, 10)
      expect(one.interval).toEqual(
        both.interval.map((end) => expect.closeTo(both.slowdown * (end / both.slowdown) ** 2, 10)),
      )
    }
  })

  it('takes eight samples as they are, and no fewer', () => {
    const eight = { samplesMs: [...own], rounds: undefined } as Partial<Run>
    const others8 = { samplesMs: [...others], rounds: undefined } as Partial<Run>
    expect(findingOf(eight, others8).slowdown).toBeCloseTo(
      findingOf(inRounds(...own), inRounds(...others)).slowdown,
      10,
    )
    const seven = { samplesMs: own.slice(1), rounds: undefined } as Partial<Run>
    expect(gate(resultOf(100, seven), resultOf(100, others8), 0.05).kind).toBe('not comparable')
  })
})

it('a result without a run is no good one', () => {
  const empty = { ...exampleResult(), runs: [] }
  expect(gate(empty, resultOf(100), 0.05)).toEqual({
    kind: 'not comparable',
    reasons: ['the result has no run'],
  })
})
