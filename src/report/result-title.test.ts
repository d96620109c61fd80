import { expect, it } from 'vitest'
import { exampleResult, exampleRun } from '../../test/support/run.ts'
import type { ComparisonResult } from '../bench/result.ts'
import { titleOf } from './result-title.ts'

const named = (name: string) => exampleRun({ engine: { ...exampleRun().engine, name } })
const beside = (baseline: string): ComparisonResult => ({
  pass: 'forward',
  engine: 'x64',
  baseline,
  ratio: 2,
  interval: [1.9, 2.1],
  pValue: 0.002,
  detectable: 0.02,
  verdict: 'faster',
  text: '',
})

it('a result is titled by what is in it', () => {
  expect(titleOf(exampleResult())).toEqual({ kind: 'benchmark', text: 'alexnet on wasm' })
  const runs = [named('wasm'), named('x64')]
  const comparisons = ['wasm', 'wasm@1'].map(beside)
  expect(titleOf(exampleResult({ runs, comparisons }))).toEqual({
    kind: 'comparison',
    text: 'x64, wasm and wasm@1 compared on alexnet',
  })
  // Stopped before there was a verdict
  const turns = runs.map((run) => ({ ...run, rounds: [2, 2] }))
  expect(titleOf(exampleResult({ runs: turns, comparisons: [] }))).toEqual({
    kind: 'comparison',
    text: 'wasm and x64 compared on alexnet',
  })
  // `bench --rounds 2`
  expect(titleOf(exampleResult({ runs: [turns[1]!] }))).toEqual({
    kind: 'benchmark',
    text: 'alexnet on x64',
  })
  expect(titleOf(exampleResult({ runs: [] })).text).toBe('no run')
})
