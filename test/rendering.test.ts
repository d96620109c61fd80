// Whatever a file holds that its schema takes, the terminal and the page show it as words and numbers.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseResult, type Result } from '../src/bench/result.ts'
import { FormatError } from '../src/errors.ts'
import { parseClassification } from '../src/records/classification.ts'
import { parseEvaluation } from '../src/records/evaluation.ts'
import { parseTrainingLog } from '../src/records/read-training-log.ts'
import { passLine } from '../src/report/classic.ts'
import { classificationLines } from '../src/report/classification.ts'
import { compareLines } from '../src/report/compare.ts'
import { renderClassification } from '../src/report/html/classification.ts'
import { renderCurves } from '../src/report/html/curves.ts'
import { renderEvaluation } from '../src/report/html/evaluation.ts'
import { reportHtml } from '../src/report/html/report.ts'
import { layerLines } from '../src/report/layers.ts'
import { PLAIN } from '../src/report/palette.ts'
import { summaryLines, warningLines } from '../src/report/summary.ts'
import { evaluationLines, trainingLines } from '../src/report/training.ts'
import { runsOf } from '../src/report/variants.ts'
import { anyClassification, anyEvaluation, anyLog, anyResult } from './support/any-record.ts'
import { exampleEnvironment } from './support/environment.ts'
import { attribute, elementsOf, withTag } from './support/page.ts'
import { exampleBackward, exampleResult, exampleRun } from './support/run.ts'
import { exampleEvaluation, exampleRecords, logText } from './support/training.ts'

/** Words and numbers, without what a value that is none turns into. */
function expectReadable(text: string): void {
  expect(text.replaceAll('loss is NaN', '')).not.toMatch(/NaN|Infinity|undefined|\[object|null|e\+\d+%|-%/)
  expect(text).not.toMatch(/(?<![\w.-])-0(\.0+)?(?![\w.])/)
}

/** What stands in the page is readable, and what is drawn is within some distance of its plot. */
function expectPage(page: string): void {
  const elements = elementsOf(page)
  const texts = elements
    .filter(({ tagName }) => tagName !== 'style')
    .map((element) => element.childNodes.flatMap((node) => ('value' in node ? [node.value] : [])).join(' '))
  expectReadable(texts.join('\n'))
  const places = ['x', 'y', 'x1', 'y1', 'x2', 'y2', 'cx', 'cy', 'width', 'height', 'dx', 'dy', 'd', 'viewbox']
  for (const element of elements) {
    for (const name of places) {
      for (const number of attribute(element, name)?.match(/[^\s%MLahvz-]+/g) ?? []) {
        expect(Math.abs(Number(number)), `${name} of ${element.tagName}`).toBeLessThan(10_000)
      }
    }
    expect(attribute(element, 'style') ?? '').not.toMatch(/NaN|Infinity|undefined/)
  }
  expect(withTag(elements, 'script')).toEqual([])
}

const OPTIONS = { command: 'convmark report' }

function expectResultShown(result: Result): void {
  const { runs, comparisons = [], unsupported = [], environment } = result
  const lines = [
    ...summaryLines(runs, PLAIN),
    ...runs.flatMap((run) => layerLines(run, PLAIN)),
    ...runs.map((run) => passLine(run, 0) ?? ''),
    ...compareLines(runs, comparisons, unsupported, PLAIN),
    ...warningLines(environment, runs, PLAIN),
  ]
  expectLines(lines)
  expectPage(reportHtml([{ name: 'a.json', result }], OPTIONS))
}

/** Each is one line, without what would steer a terminal. */
function expectLines(lines: readonly string[]): void {
  for (const line of lines) expect(line).not.toMatch(/\p{Cc}/u)
  expectReadable(lines.join('\n'))
}

const RUNS = { numRuns: 25 }

describe('any record that its schema takes is shown', () => {
  it('a result', () => {
    fc.assert(
      fc.property(anyResult, (result) => expectResultShown(parseResult(JSON.stringify(result), 'a.json'))),
      RUNS,
    )
  })

  it('an evaluation', () => {
    fc.assert(
      fc.property(anyEvaluation, (made) => {
        const evaluation = parseEvaluation(JSON.stringify(made), 'a.json')
        expectLines(evaluationLines(evaluation, PLAIN))
        expectPage(renderEvaluation([{ name: 'a.json', evaluation }], OPTIONS))
      }),
      RUNS,
    )
  })

  it('a classification', () => {
    fc.assert(
      fc.property(anyClassification, (made) => {
        const classification = parseClassification(JSON.stringify(made), 'a.json')
        expectLines(classificationLines(classification, PLAIN))
        expectPage(
          renderClassification([{ name: 'a.json', classification }], { ...OPTIONS, thumbnails: new Map() }),
        )
      }),
      RUNS,
    )
  })

  it('a training log', () => {
    fc.assert(
      fc.property(anyLog, (records) => {
        const log = parseTrainingLog(logText(records), 'a.jsonl')
        for (const run of runsOf([{ name: 'a.jsonl', log }])) expectLines(trainingLines(run, PLAIN))
        expectPage(renderCurves([{ name: 'a.jsonl', log }], OPTIONS))
      }),
      RUNS,
    )
  })
})

/** A record with one of its numbers replaced, for each of its numbers and each replacement; as JSON, with what was replaced. */
function damaged(record: unknown, replacements: readonly string[]): { json: string; field: string }[] {
  const fields: string[] = []
  const marked = JSON.stringify(record, (key, value) => {
    if (typeof value !== 'number') return value
    fields.push(key)
    return `#${fields.length - 1}#`
  })
  const numbers: string[] = []
  JSON.stringify(record, (_, value) => {
    if (typeof value === 'number') numbers.push(String(value))
    return value
  })
  return fields.flatMap((field, damagedAt) =>
    replacements.map((replacement) => ({
      field,
      json: marked.replace(/"#(\d+)#"/g, (_, i) => (Number(i) === damagedAt ? replacement : numbers[i]!)),
    })),
  )
}

describe('a number that can not be is refused with its field in one line, or shown sensibly', () => {
  const REPLACEMENTS = ['1e300', '1e15', '5e-324', '-0', '-1', 'null', '"NaN"', '1e999']
  const fullRun = exampleRun({
    rounds: [2, 2],
    bandwidthGigabytesPerSecond: 20,
    threadsUsed: 1.9,
    weightsMs: 1,
    summary: { ...exampleRun().summary!, meanIntervalMs: [395, 405], medianIntervalMs: [396, 404], madMs: 3 },
    layers: exampleRun().layers.map((layer) => ({ ...layer, bytes: 1e8, backwardBytes: 2e8, updateMs: 1 })),
  })
  const result = exampleResult({
    environment: exampleEnvironment(),
    runs: [fullRun, exampleBackward],
    comparisons: [
      {
        pass: 'forward',
        engine: 'x64',
        baseline: 'wasm',
        ratio: 2.1,
        interval: [2.05, 2.17],
        pValue: 0.001,
        detectable: 0.02,
        verdict: 'faster',
        text: 'x64 is 2.1x faster than wasm',
      },
    ],
  })

  /** The outcomes, to see that there are both. */
  function outcomesOf(record: unknown, show: (json: string) => string): Set<string> {
    return new Set(
      damaged(record, REPLACEMENTS).map(({ json, field }) => {
        try {
          const page = show(json)
          expect(page.slice(page.indexOf('<body>')), field).not.toMatch(
            /NaN|Infinity|undefined|\[object|e\+\d+%/,
          )
          return 'shown'
        } catch (error) {
          if (!(error instanceof FormatError)) throw error
          expect(error.message).toMatch(/^a\.json[^\n]*: /)
          return 'refused'
        }
      }),
    )
  }
  const BOTH = new Set(['shown', 'refused'])

  it('in a result', () => {
    const show = (json: string): string => {
      const parsed = parseResult(json, 'a.json')
      const { runs, comparisons = [], environment } = parsed
      expectReadable(
        [
          ...summaryLines(runs, PLAIN),
          ...runs.flatMap((run) => layerLines(run, PLAIN)),
          ...compareLines(runs, comparisons, [], PLAIN),
          ...warningLines(environment, runs, PLAIN),
        ].join('\n'),
      )
      return reportHtml([{ name: 'a.json', result: parsed }], OPTIONS)
    }
    expect(outcomesOf(result, show)).toEqual(BOTH)
  })

  it('in an evaluation', () => {
    const show = (json: string): string => {
      const evaluation = parseEvaluation(json, 'a.json')
      expectReadable(evaluationLines(evaluation, PLAIN).join('\n'))
      return renderEvaluation([{ name: 'a.json', evaluation }], OPTIONS)
    }
    expect(outcomesOf(exampleEvaluation(), show)).toEqual(BOTH)
  })

  it('in a training log', () => {
    const [run, ...rest] = exampleRecords({ clip: 1, microBatch: 10 })
    const show = (json: string): string => {
      const log = parseTrainingLog(linesOf(json), 'a.json')
      for (const each of runsOf([{ name: 'a.json', log }]))
        expectReadable(trainingLines(each, PLAIN).join('\n'))
      return renderCurves([{ name: 'a.json', log }], OPTIONS)
    }
    const few = [run, rest[0], rest.find(({ kind }) => kind === 'epoch'), rest.at(-1)]
    expect(outcomesOf(few, show)).toEqual(BOTH)
  })

  /** A JSON array's items, a line each, numbers as they are written. */
  const linesOf = (json: string): string => `${json.slice(1, -1).replaceAll('},{"kind"', '}\n{"kind"')}\n`
})

it('a number that is none in memory is shown as a dash', () => {
  for (const none of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const summary = { meanMs: none, sdMs: none, medianMs: none, minMs: none, maxMs: none, p95Ms: none }
    const run = exampleRun({ summary, gflopsPerSecond: none, peakFraction: none, imagesPerSecond: none })
    expectReadable(
      [...summaryLines([run], PLAIN), ...layerLines(run, PLAIN), ...compareLines([run], [], [], PLAIN)].join(
        '\n',
      ),
    )
    expectPage(reportHtml([{ name: null, result: exampleResult({ runs: [run] }) }], OPTIONS))
  }
})

it('hundreds of thousands of samples, rounds and epochs are shown, in a page of a sane size', () => {
  // More than a call takes as arguments
  const count = 130_000
  const samplesMs = Array.from({ length: count }, (_, i) => 400 + (i % 97) / 10)
  const startsMs = samplesMs.map((_, i) => 410 * i)
  const sizes = { samplesMs, startsMs, batches: count }
  for (const rounds of [undefined, samplesMs.map(() => 1)]) {
    const run = exampleRun({ ...sizes, ...(rounds && { rounds }) })
    const page = reportHtml([{ name: null, result: exampleResult({ runs: [run] }) }], OPTIONS)
    expect(page.length).toBeLessThan(300_000)
  }
  const [run] = parseTrainingLog(logText(exampleRecords()), 'a.jsonl').runs
  const [epoch] = run!.epochs
  const epochs = Array.from({ length: count }, (_, i) => ({ ...epoch!, epoch: i + 1, step: i + 1 }))
  const log = { runs: [{ ...run!, epochs }], cutShortLines: [] }
  expect(renderCurves([{ name: 'a.jsonl', log }], OPTIONS).length).toBeLessThan(300_000)
})
