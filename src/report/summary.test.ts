import { expect, it } from 'vitest'
import { exampleEnvironment } from '../../test/support/environment.ts'
import { exampleBackward, exampleRun } from '../../test/support/run.ts'
import { PLAIN } from './palette.ts'
import { summaryLines, warningLines } from './summary.ts'

it('has both passes side by side', () => {
  expect(summaryLines([exampleRun(), exampleBackward], PLAIN)).toEqual([
    'engine   wasm, simd128, 2 threads',
    'reason   asked for',
    '                               Forward  Forward-backward',
    'images/s                          80.0              80.0',
    'GFLOP/s                          100.0             100.0',
    'measured peak, GFLOP/s           110.0             110.0',
    'share of the peak                90.9%             90.9%',
    'median, ms                       400.0            1200.5',
    'spread (sd), ms             7.1 (1.8%)         12 (1.0%)',
    'min .. max, ms          390.0 .. 410.0  1180.0 .. 1220.0',
    'peak memory                     283 MB            283 MB',
    'check of Forward: passed, largest relative error 1.3e-6 (conv5), against float64',
    'check of Forward-backward: unchecked',
    'forward-backward minus forward (derived): 800.5 ms',
  ])
})

it('says what was cut off, and derives nothing from it', () => {
  const cut = exampleRun({
    pass: 'forward-backward',
    samplesMs: [],
    summary: null,
    check: null,
    interrupted: true,
  })
  const lines = summaryLines([exampleRun(), cut], PLAIN)
  expect(lines.slice(-2)).toEqual([
    'check of Forward: passed, largest relative error 1.3e-6 (conv5), against float64',
    'Forward-backward was interrupted after 0 of 4 steps',
  ])
  expect(summaryLines([cut], PLAIN)).toEqual([
    'engine   wasm, simd128, 2 threads',
    'reason   asked for',
    'Forward-backward was interrupted after 0 of 4 steps',
  ])
  expect(summaryLines([], PLAIN)).toEqual([])
})

it('says what is past the direct limit, and why', () => {
  const [layer] = exampleRun().layers
  const layers = [{ ...layer!, algorithm: 'winograd' }]
  const lines = summaryLines([exampleRun({ layers, peakFraction: 2.4567 }), exampleBackward], PLAIN)
  expect(lines).toContain('share of the peak               2.46 x             90.9%')
  expect(lines).toContain('Forward: Winograd, 2.46 of the direct limit')
  // A direct step that leaves out its padding's zeros can slightly exceed the peak without being Winograd.
  expect(summaryLines([exampleRun({ peakFraction: 1.012 })], PLAIN).join('\n')).not.toContain('Winograd')
})

it('shows flags of V8, one thread and a peak that is not known', () => {
  const engine = { name: 'reference', target: 'float64', threads: 1, reason: 'asked for', v8Flags: ['--x'] }
  const lines = summaryLines([exampleRun({ engine, peakGflopsPerSecond: null, peakFraction: null })], PLAIN)
  expect(lines.slice(0, 3)).toEqual([
    'engine   reference, float64, 1 thread',
    'reason   asked for',
    'V8       --x',
  ])
  expect(lines.filter((line) => line.endsWith(' -'))).toHaveLength(2)
})

it('shows warnings in yellow, and nothing without one', () => {
  const environment = exampleEnvironment({ warnings: ['it is hot; open a window', 'it is late'] })
  const palette = { ...PLAIN, yellow: (text: string) => `<${text}>` }
  const runs = [exampleRun({ warnings: ['it jumps; hold it'] }), exampleBackward]
  expect(warningLines(environment, runs, palette)).toEqual([
    '<warning: Forward: it jumps; hold it>',
    '<warning: it is hot; open a window>',
    '<warning: it is late>',
  ])
  expect(warningLines(exampleEnvironment(), [exampleRun()], palette)).toEqual([])
})

it('takes its colours from the palette alone', () => {
  const marked = (text: string) => `<${text}>`
  const palette = { bold: marked, dim: marked, green: marked, yellow: marked }
  const runs = [exampleRun(), exampleBackward]
  expect(summaryLines(runs, palette).join('\n').replace(/[<>]/g, '')).toBe(
    summaryLines(runs, PLAIN).join('\n'),
  )
})
