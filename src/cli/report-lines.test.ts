import { expect, it } from 'vitest'
import { exampleBackward, exampleResult, exampleRun } from '../../test/support/run.ts'
import { exampleEvaluation } from '../../test/support/training.ts'
import { PLAIN } from '../report/palette.ts'
import { evaluationsLines, resultsLines } from './report-lines.ts'

const bench = exampleResult({ runs: [exampleRun(), exampleBackward] })
const named = (name: string, result = bench) => ({ name, result })

it('prints the summary and the layers of a benchmark', () => {
  const lines = resultsLines([named('a.json')], PLAIN)
  expect(lines[0]).toMatch(/^engine {3}wasm, simd128, 2 threads/)
  expect(lines).toContain('Forward, layer by layer')
  expect(lines).toContain('Forward-backward, layer by layer')
})

it('prints each of several results after its name', () => {
  const lines = resultsLines([named('a.json'), named('b.json')], PLAIN)
  expect(lines[0]).toBe('a.json')
  expect(lines.slice(lines.indexOf('b.json') - 1, lines.indexOf('b.json') + 1)).toEqual(['', 'b.json'])
})

it('prints the verdicts of a comparison, and what could not be compared', () => {
  const comparison = {
    pass: 'forward' as const,
    engine: 'wasm',
    baseline: 'wasm@1',
    ratio: 2,
    interval: [1.9, 2.1] as [number, number],
    pValue: 0.002,
    detectable: 0.05,
    verdict: 'faster' as const,
    text: 'wasm is 2.0x faster than wasm@1, 95% interval 1.9 to 2.1',
  }
  const unsupported = [{ engine: 'onednn', pass: 'forward' as const, reason: 'it needs g++' }]
  const result = exampleResult({ comparisons: [comparison], unsupported })
  const lines = resultsLines([named('c.json', result)], PLAIN)
  expect(lines[0]).toMatch(/^Forward +target +threads/)
  expect(lines).toContain(comparison.text)
  expect(lines).toContain('onednn: not compared: it needs g++')
})

it('prints an evaluation', () => {
  const lines = evaluationsLines([{ name: 'e.json', evaluation: exampleEvaluation() }], PLAIN)
  expect(lines.join('\n')).toMatch(/top-1/)
})

it('prints what was interrupted before its first sample', () => {
  const cut = exampleRun({ samplesMs: [], startsMs: [], summary: null, check: null, interrupted: true })
  const lines = resultsLines([named('d.json', exampleResult({ runs: [exampleRun(), cut] }))], PLAIN)
  expect(lines).toContain('Forward, layer by layer')
})
