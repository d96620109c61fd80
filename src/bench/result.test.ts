import { describe, expect, it } from 'vitest'
import { exampleBackward, exampleRun } from '../../test/support/run.ts'
import { FormatError } from '../errors.ts'
import { describeEnvironment } from './environment.ts'
import { parseResult, type Result } from './result.ts'

const result: Result = {
  schemaVersion: 1,
  tool: { name: 'convmark', version: '0.1.0' },
  environment: await describeEnvironment(),
  runs: [
    exampleRun(),
    exampleBackward,
    exampleRun({ samplesMs: [], startsMs: [], summary: null, interrupted: true }),
  ],
}

describe('parseResult', () => {
  it('gives back what was written', () => {
    expect(parseResult(JSON.stringify(result), 'a.json')).toEqual(result)
  })

  it('accepts fields that it does not know', () => {
    const newer = { ...result, comment: 'x', runs: [{ ...exampleRun(), temperature: 40 }] }
    expect(() => parseResult(JSON.stringify(newer), 'a.json')).not.toThrow()
  })

  const changed = (change: (result: { runs: Record<string, unknown>[] }) => void): string => {
    const copy = structuredClone(result) as never
    change(copy)
    return JSON.stringify(copy)
  }
  it.each([
    ['cut short', JSON.stringify(result, null, 2).slice(0, 500), /JSON/],
    ['empty', '', /JSON/],
    ['another version', JSON.stringify({ ...result, schemaVersion: 2 }), /version.*2.*1/],
    ['something else', '[1]', /./],
    ['null', 'null', /./],
    ['without a field', changed(({ runs }) => delete runs[1]!.batch), /runs.*1.*batch/],
    ['with text for a number', changed(({ runs }) => (runs[0]!.flops = 'many')), /runs.*0.*flops/],
    ['with another pass', changed(({ runs }) => (runs[0]!.pass = 'backward')), /runs.*0.*pass/],
  ])('refuses what is %s, in one line with the file', (_, text, message) => {
    let error: unknown
    try {
      parseResult(text, 'a.json')
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(FormatError)
    expect((error as Error).message).toMatch(/^a\.json: [^\n]*$/)
    expect((error as Error).message).toMatch(message)
  })
})
