import { expect, it } from 'vitest'
import { exampleRun } from '../../test/support/run.ts'
import { compareLines } from './compare.ts'
import { PLAIN } from './palette.ts'

const run = (name: string, peakGflopsPerSecond: number | null, peakFraction: number | null) =>
  exampleRun({ engine: { ...exampleRun().engine, name }, peakGflopsPerSecond, peakFraction })

it('shows beside each share the peak that it is a share of, since peaks differ', () => {
  const [heading, ...rows] = compareLines(
    [run('x64', 400, 0.25), run('wasm', 110, 0.909), run('peer', null, null)],
    [],
    [],
    PLAIN,
  )
  expect(heading).toMatch(/GFLOP\/s +peak GFLOP\/s +share of it +check$/)
  expect(rows[0]).toMatch(/^x64 .* 100\.0 +400\.0 +25\.0% +1\.3e-6$/)
  expect(rows[1]).toMatch(/^wasm .* 100\.0 +110\.0 +90\.9% +1\.3e-6$/)
  expect(rows[2]).toMatch(/^peer .* 100\.0 +- +- +1\.3e-6$/)
})

it('leaves out of the table a run that was cut off before its first sample', () => {
  const cut = exampleRun({ samplesMs: [], startsMs: [], summary: null, interrupted: true })
  const [, ...rows] = compareLines([run('x64', 400, 0.25), cut], [], [], PLAIN)
  expect(rows).toEqual([expect.stringMatching(/^x64 /), 'interrupted after 0 rounds: too few for a verdict'])
})

it('says what was not compared, or not to the end', () => {
  const missing = [
    { engine: 'tfjs-wasm', pass: 'forward', reason: 'it has no filter gradient' } as const,
    {
      engine: 'wasm',
      pass: 'forward',
      reason: 'its process ended with signal SIGKILL',
      afterRounds: 8,
    } as const,
    { engine: 'x64', pass: 'forward', reason: 'no answer in 120 s; it was ended', afterRounds: 1 } as const,
  ]
  expect(compareLines([], [], missing, PLAIN).slice(1)).toEqual([
    'tfjs-wasm: not compared: it has no filter gradient',
    'wasm: not compared after 8 rounds: its process ended with signal SIGKILL',
    'x64: not compared after 1 round: no answer in 120 s; it was ended',
  ])
})
