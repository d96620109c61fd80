import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  exampleEnd,
  exampleEpoch,
  exampleRecords,
  exampleStep,
  exampleTraining,
  logText,
} from '../../test/support/training.ts'
import { FormatError } from '../errors.ts'
import { parseTrainingLog } from './read-training-log.ts'
import { type LogRecord, logLine } from './training-log.ts'

const parse = (text: string) => parseTrainingLog(text, 'run.jsonl')
const parseRecords = (...records: LogRecord[]) => parse(logText(records))
const stepsOf = (text: string): number[] => parse(text).runs[0]!.steps.map(({ step }) => step)

function errorOf(text: string): string {
  try {
    parse(text)
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError)
    return (error as FormatError).message
  }
  return expect.fail('it was parsed')
}

it('reads a whole run', () => {
  const { runs, cutShortLines } = parseRecords(...exampleRecords())
  expect(runs).toHaveLength(1)
  const [{ run, steps, epochs, resumes, end, elapsedMs }] = runs as [(typeof runs)[number]]
  expect(run.settings.rate).toBe(0.1)
  expect([steps.length, epochs.length, resumes.length]).toEqual([20, 2, 0])
  expect(end).toEqual(exampleEnd())
  expect(elapsedMs).toBe(2000)
  expect(cutShortLines).toEqual([])
})

it('reads null for what is not finite, not there or not asked for', () => {
  const settings = { microBatch: null, momentum: null, activation: null, clip: null }
  const step = exampleStep(1, { loss: null, gradientNorm: null })
  const epoch = exampleEpoch(1, { trainLoss: null, testLoss: null, testTop1: null, testTop5: null })
  const { runs } = parseRecords(exampleTraining(settings), step, epoch)
  expect(runs).toMatchObject([{ run: { settings }, steps: [step], epochs: [epoch] }])
})

it('took as long as its last record says, whatever that is', () => {
  const [first, second] = [exampleStep(1, { elapsedMs: 150 }), exampleStep(2, { elapsedMs: 270 })]
  const third = exampleStep(3, { elapsedMs: 390 })
  const elapsedMsOf = (...records: LogRecord[]) =>
    parseRecords(exampleTraining(), ...records).runs.map(({ elapsedMs }) => elapsedMs)
  expect(elapsedMsOf()).toEqual([0])
  expect(elapsedMsOf(first)).toEqual([150])
  expect(elapsedMsOf(first, second, third)).toEqual([390])
  expect(elapsedMsOf(first, exampleEpoch(1, { elapsedMs: 700 }))).toEqual([700])
  expect(elapsedMsOf(first, exampleEnd({ elapsedMs: 800 }))).toEqual([800])
  // A run that has only begun
  expect(elapsedMsOf(first, exampleTraining({ seed: 8 }))).toEqual([150, 0])
})

it('passes over lines without text', () => {
  const [begin, step] = [logLine(exampleTraining()), logLine(exampleStep(1))]
  expect(stepsOf(`${begin}\n  \n${step} \n\t\n`)).toEqual([1])
})

it('keeps unknown fields and passes over unknown kinds', () => {
  const run = {
    ...exampleTraining(),
    colour: 'green',
    settings: { ...exampleTraining().settings, nesterov: true },
  }
  const text = `${JSON.stringify(run)}\n{"kind":"weather","sun":true}\n${logLine(exampleStep(1))}`
  const [parsed] = parse(text).runs
  expect(parsed!.run).toEqual(run)
  expect(parsed!.steps).toHaveLength(1)
})

it('holds a loss that is not finite as null', () => {
  const line = logLine(exampleStep(1, { loss: Number.NaN, gradientNorm: Number.POSITIVE_INFINITY }))
  expect(line).toMatch(/^\{.*"loss":null.*\}\n$/)
  const [run] = parse(logLine(exampleTraining()) + line).runs
  expect(run!.steps[0]!.loss).toBeNull()
})

describe('a resumed run', () => {
  const again = exampleTraining({ epochs: 3 })
  const resumed = logText([
    exampleTraining(),
    ...[1, 5, 10].map((step) => exampleStep(step)),
    exampleEpoch(1),
    exampleStep(15, { loss: 9 }),
    exampleEnd({ reason: 'interrupted', elapsedMs: 1700 }),
    again,
    { kind: 'resume', epoch: 1, step: 10 },
    exampleStep(15, { loss: 0.5, elapsedMs: 500 }),
    exampleEpoch(2, { elapsedMs: 1000 }),
  ])

  it('is one run, whose steps after the checkpoint are those of the second command', () => {
    const { runs } = parse(resumed)
    expect(runs).toHaveLength(1)
    const [{ run, steps, epochs, resumes, end }] = runs as [(typeof runs)[number]]
    expect(run).toEqual(again)
    expect(steps.map(({ step, loss }) => [step, loss])).toEqual([
      [1, 2],
      [5, 0.4],
      [10, 0.2],
      [15, 0.5],
    ])
    expect(epochs.map(({ epoch }) => epoch)).toEqual([1, 2])
    expect(resumes).toEqual([{ kind: 'resume', epoch: 1, step: 10 }])
    expect(end).toBeNull()
  })

  it('has one clock over its commands, without what was replaced', () => {
    const [{ steps, epochs, elapsedMs }] = parse(resumed).runs as [ReturnType<typeof parse>['runs'][number]]
    expect(steps.map((step) => step.elapsedMs)).toEqual([100, 500, 1000, 1500])
    expect(epochs.map((epoch) => epoch.elapsedMs)).toEqual([1000, 2000])
    expect(elapsedMs).toBe(2000)
  })

  it('may have its beginning in another file', () => {
    const { runs } = parseRecords(again, { kind: 'resume', epoch: 1, step: 10 }, exampleStep(11))
    expect(runs).toMatchObject([{ steps: [{ step: 11 }], resumes: [{ step: 10 }] }])
  })

  it('has no epoch after the checkpoint either', () => {
    const { runs } = parseRecords(
      exampleTraining(),
      exampleEpoch(1),
      exampleEpoch(2),
      again,
      { kind: 'resume', epoch: 1, step: 10 },
      exampleStep(11),
    )
    expect(runs).toMatchObject([{ epochs: [{ epoch: 1 }], steps: [{ step: 11 }] }])
  })

  it('is another run where it does not go on', () => {
    expect(parseRecords(...exampleRecords(), ...exampleRecords({ seed: 8 })).runs).toHaveLength(2)
  })
})

it('has each step once and in order, wherever it is stopped and resumed', () => {
  const stop = fc.record({ steps: fc.integer({ min: 0, max: 15 }), lost: fc.integer({ min: 0, max: 20 }) })
  fc.assert(
    fc.property(fc.array(stop, { minLength: 1, maxLength: 6 }), (stops) => {
      const records: LogRecord[] = [exampleTraining()]
      let step = 0
      for (const { steps, lost } of stops) {
        for (let i = 0; i < steps; i++) records.push(exampleStep(++step, { elapsedMs: 100 * (i + 1) }))
        step = Math.max(0, step - lost)
        records.push(exampleTraining(), { kind: 'resume', epoch: 1, step })
      }
      const [run] = parseRecords(...records).runs
      expect(run!.steps.map((each) => each.step)).toEqual(Array.from({ length: step }, (_, i) => i + 1))
      // Each step takes 100 ms, whichever command's clock measures it.
      expect(run!.steps.map((each) => each.elapsedMs)).toEqual(run!.steps.map((each) => 100 * each.step))
    }),
  )
})

describe('a line that a killed run did not finish', () => {
  const whole = logText([exampleTraining(), exampleStep(1), exampleStep(2)])

  it('is left out and said at the end, wherever it was cut', () => {
    const start = whole.lastIndexOf('{"kind":"step"')
    for (let length = start + 1; length < whole.length - 1; length++) {
      const { runs, cutShortLines } = parse(whole.slice(0, length))
      expect(runs[0]!.steps).toHaveLength(1)
      expect(cutShortLines).toEqual([3])
    }
  })

  it('may lack the line break alone', () => {
    expect(stepsOf(whole.slice(0, -1))).toEqual([1, 2])
    expect(parse(whole.slice(0, -1)).cutShortLines).toEqual([])
  })

  it('is left out before a resumed run', () => {
    const after = logText([exampleTraining(), { kind: 'resume', epoch: 1, step: 1 }, exampleStep(2)])
    const text = `${whole.slice(0, -20)}\n${after}`
    expect(stepsOf(text)).toEqual([1, 2])
    expect(parse(text).cutShortLines).toEqual([3])
  })

  it('is an error anywhere else', () => {
    const lines = whole.split('\n')
    expect(errorOf([lines[0], lines[1]!.slice(0, 30), lines[2], ''].join('\n'))).toMatch(
      /^run\.jsonl, line 2: not JSON, or cut short: /,
    )
    expect(errorOf(`${whole.slice(0, -20)}\n`)).toMatch(/^run\.jsonl, line 3: not JSON/)
  })
})

describe('refuses in one line', () => {
  const begin = logLine(exampleTraining())
  it.each([
    ['an empty file', '', /^run\.jsonl: not a training log: it holds no run$/],
    ['a file cut in its first line', begin.slice(0, 50), /^run\.jsonl: not a training log: it holds no run$/],
    [
      'another version',
      begin.replace('"schemaVersion":1', '"schemaVersion":2'),
      /^run\.jsonl, line 1: a training log of schema version 2; this convmark reads 1$/,
    ],
    [
      'no run first',
      logLine(exampleStep(1)),
      /^run\.jsonl, line 1: not a training log: it begins with 'step', not with 'run'$/,
    ],
    ['another file', '{"name":"x"}\n', /^run\.jsonl, line 1: not a training log's line: kind: /],
    [
      'an unknown kind first',
      `{"kind":"weather"}\n${begin}`,
      /^run\.jsonl, line 1: not a training log's line: /,
    ],
    ['no object', `${begin}null\n`, /^run\.jsonl, line 2: not a training log's line: /],
    [
      'a wrong field',
      begin + logLine(exampleStep(1)).replace('"rate":0.1', '"rate":"fast"'),
      /^run\.jsonl, line 2: not a training log's line: rate: Invalid input: expected number/,
    ],
    [
      'steps out of order',
      begin + logText([exampleStep(5), exampleStep(5)]),
      /^run\.jsonl, line 3: step at step 5 after one at step 5, without a resume between them$/,
    ],
  ])('%s', (_, text, message) => {
    expect(errorOf(text)).toMatch(message)
    expect(errorOf(text)).not.toContain('\n')
  })
})
