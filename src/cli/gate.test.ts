import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { describe, expect, it, vi } from 'vitest'
import { exampleResult, exampleRun } from '../../test/support/run.ts'
import type { GateFinding } from '../bench/gate.ts'
import type { Run } from '../bench/result.ts'
import { addGateCommand, findingLine } from './gate.ts'

const finding = (changes: Partial<GateFinding>): GateFinding => ({
  pass: 'forward',
  engine: 'wasm simd128, 2 threads',
  slowdown: 1,
  interval: [0.99, 1.01],
  isRegression: false,
  hasRounds: true,
  ...changes,
})
const HEAD = 'Forward on wasm simd128, 2 threads: '

it('is fine only where no regression beyond the limit can be hidden in the interval', () => {
  expect(findingLine(finding({}), 0.05)).toBe(
    `${HEAD}+0.0% of time, 95% interval -1.0% to +1.0%: within the limit of 5.0%`,
  )
  expect(findingLine(finding({ slowdown: 0.8, interval: [0.7, 0.9] }), 0.05)).toMatch(
    /: within the limit of 5\.0%$/,
  )
  expect(findingLine(finding({ slowdown: 1.02, interval: [0.97, 1.05] }), 0.05)).toMatch(
    /: within the limit of 5\.0%$/,
  )
})

it('says how large a regression it could not have seen', () => {
  expect(findingLine(finding({ slowdown: 0.86, interval: [0.67, 1.12] }), 0.05)).toBe(
    `${HEAD}-14.0% of time, 95% interval -33.0% to +12.0%: no regression beyond 5.0% was found, but one of up to 12.0% could not have ` +
      'been seen; more --rounds or a quieter machine make the interval narrower',
  )
  expect(findingLine(finding({ slowdown: 1.08, interval: [0.99, 1.18], hasRounds: false }), 0.05)).toMatch(
    /: no regression beyond 5\.0% was found, but one of up to 18\.0% could not have been seen; .*; without rounds: compared more cautiously$/,
  )
})

it('names a regression', () => {
  const line = findingLine(finding({ slowdown: 1.1, interval: [1.05, 1.3], isRegression: true }), 0.05)
  expect(line).toBe(`${HEAD}+10.0% of time, 95% interval +5.0% to +30.0%: a regression beyond 5.0%`)
})

describe('the exit code', () => {
  /** Two passes that take this many times as long as the baseline's. */
  const resultOf = (forward: number, backward: number, changes: Partial<Run> = {}) => {
    const runOf = (pass: Run['pass'], meanMs: number) => {
      const samplesMs = Array.from({ length: 40 }, (_, i) => meanMs * (1 + 0.001 * (i % 7)))
      const startsMs = samplesMs.map((_, i) => i * meanMs)
      return exampleRun({ pass, samplesMs, startsMs, rounds: new Array<number>(10).fill(4), ...changes })
    }
    const runs = [runOf('forward', 100 * forward), runOf('forward-backward', 300 * backward)]
    return exampleResult({ runs })
  }

  async function exitCode(result: unknown, ...options: string[]): Promise<number> {
    const folder = mkdtempSync(join(tmpdir(), 'convmark-gate-'))
    const silent = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
    try {
      const [file, baseline] = [join(folder, 'result.json'), join(folder, 'baseline.json')]
      writeFileSync(file, JSON.stringify(result))
      writeFileSync(baseline, JSON.stringify(resultOf(1, 1)))
      const codes: number[] = []
      const program = new Command()
      addGateCommand(program, (code) => codes.push(code))
      await program.parseAsync(['gate', file, '--baseline', baseline, ...options], { from: 'user' })
      expect(codes).toHaveLength(1)
      return codes[0]!
    } finally {
      silent.mockRestore()
      rmSync(folder, { recursive: true })
    }
  }

  it.each([
    ['neither pass regresses', 1, 1, [], 0],
    ['both are faster', 0.8, 0.8, [], 0],
    ['the first regresses', 1.2, 1, [], 3],
    ['the second regresses', 1, 1.2, [], 3],
    ['one regresses, the other is faster', 0.7, 1.2, [], 3],
    ['both regress', 1.2, 1.2, [], 3],
    ['both are slower by less than 5%', 1.04, 1.04, [], 0],
    ['both are slower by less than is asked for', 1.2, 1.2, ['--fail-above', '25%'], 0],
    ['one is slower by more than is asked for', 1.02, 1, ['--fail-above', '0.01'], 3],
    ['one is slower by more percent than is asked for', 1.2, 1, ['--fail-above', '15%'], 3],
  ] as const)('%s', async (_, forward, backward, options, code) => {
    expect(await exitCode(resultOf(forward, backward), ...options)).toBe(code)
  })

  it('is 1 where one of the passes can not be compared', async () => {
    const [forward, backward] = resultOf(1, 1).runs as [Run, Run]
    const result = { ...resultOf(1, 1), runs: [forward, { ...backward, batch: 8 }] }
    await expect(exitCode(result)).rejects.toMatchObject({ name: 'ConvmarkError', exitCode: 1 })
  })
})
