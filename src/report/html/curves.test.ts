import { describe, expect, it } from 'vitest'
import {
  attribute,
  elementsOf,
  expectDescribedFigures,
  expectEvenTables,
  expectNoMarkupOfTexts,
  expectSelfContained,
  HOSTILE,
  poisoned,
  textOf,
  textOfPage,
  withTag,
} from '../../../test/support/page.ts'
import { exampleResult } from '../../../test/support/run.ts'
import {
  exampleEnd,
  exampleEpoch,
  exampleRecords,
  exampleStep,
  exampleTraining,
  logText,
} from '../../../test/support/training.ts'
import { parseTrainingLog } from '../../records/read-training-log.ts'
import type { LogRecord } from '../../records/training-log.ts'
import type { NamedLog } from '../variants.ts'
import { trainCommand } from './commands.ts'
import { renderCurves } from './curves.ts'

const page = (...logs: readonly (readonly LogRecord[])[]): string =>
  renderCurves(
    logs.map((records, i): NamedLog => {
      const name = `run-${i + 1}.jsonl`
      return { name, log: parseTrainingLog(logText(records), name) }
    }),
    { command: 'convmark report run.jsonl --html curves.html' },
  )

const { environment } = exampleResult()
const CHARTS = ['Training loss', 'Test accuracy', 'Learning rate', 'Speed', 'Waiting for data']
const relu = [1, 2, 3].map((seed) => exampleRecords({ seed }, { epoch: { testTop1: 0.98 + 0.001 * seed } }))
const tanh = exampleRecords(
  { seed: 1, activation: 'tanh' },
  { run: { environment }, epoch: { testTop1: 0.95, waitedMs: 200 } },
)

describe('the page', () => {
  const elements = elementsOf(page(...relu, tanh))

  it('may load nothing and run nothing', () => expectSelfContained(elements))

  it('names and describes every chart, and has a table behind it', () => {
    expect(expectDescribedFigures(elements)).toEqual(['Test accuracy after the last epoch', ...CHARTS])
    expect(expectDescribedFigures(elementsOf(page(tanh)))).toEqual(CHARTS)
  })

  it('has rows as long as their heading, in regions that a keyboard can scroll', () =>
    expectEvenTables(elements))

  it('tells variants apart by colour and dashes, and seeds are thin lines of one colour', () => {
    const [loss] = withTag(elements, 'figure').slice(1)
    const styles = withTag(elementsOf(page(...relu, tanh)), 'path')
      .map((path) => attribute(path, 'class')!)
      .filter((style) => style.startsWith('curve'))
    expect(styles.filter((style) => style === 'curve faint series-1')).toHaveLength(5 * 3)
    expect(styles.filter((style) => style === 'curve series-1 dash-1')).toHaveLength(5)
    expect(styles.filter((style) => style === 'curve series-2 dash-2')).toHaveLength(5)
    expect(textOf(loss!)).toContain('activation unchanged (3 runs)')
  })

  it('has at most so many points of a long run, and one that stands out is among them', () => {
    const steps = Array.from({ length: 50_000 }, (_, i) =>
      exampleStep(i + 1, { epoch: 1, loss: i === 12_345 ? 60 : 1 + (i % 7) / 10 }),
    )
    const long = page([exampleTraining(), ...steps])
    expect(long.length).toBeLessThan(200_000)
    const raw = withTag(elementsOf(long), 'path').find((path) =>
      attribute(path, 'class')!.startsWith('curve faint'),
    )!
    const tops = attribute(raw, 'd')!
      .slice(1)
      .split('L')
      .map((place) => Number(place.split(' ')[1]))
    // It is far out, so it is drawn at the edge.
    expect(tops.filter((y) => y === 0)).toHaveLength(1)
  })
})

describe('its words', () => {
  it("are a single run's key figures", () => {
    const text = textOfPage(page(exampleRecords()))
    expect(text).toContain('lenet on mnist')
    expect(text).toContain('test accuracy, top-198.7%500 images; best 98.7%, epoch 2')
    expect(text).toContain('2 of 2done')
    expect(text).toContain('1,000waited for data 0.3% of the time')
    expect(text).toContain('Done: every run came to its end, no warnings')
    expect(text).not.toContain('Settings that differ')
  })

  it('are the accuracies of variants with the spread of their seeds', () => {
    const text = textOfPage(page(...relu, tanh))
    expect(text).toContain(
      '98.2% activation unchanged mean of 3 runs, 98.1% to 98.3%; 2 epochs, 1,000 images/s, 2.0 s',
    )
    expect(text).toContain('95.0% activation tanh 2 epochs')
    expect(text).toContain('Settings that differ runactivationseedprocessor')
    expect(text).toContain('run-4.jsonltanh1Example 3000')
    expect(text).toContain('Waiting: run-4.jsonl: the engine waited for data 20.0% of the time')
  })

  it('say what did not come to its end', () => {
    const begin = exampleRecords().slice(0, 12)
    const text = textOfPage(
      page(
        begin,
        [...begin, exampleEnd({ reason: 'nan', message: 'conv2 was the first' })],
        [
          ...begin,
          exampleEnd({ reason: 'interrupted' }),
          exampleTraining(),
          { kind: 'resume', epoch: 1, step: 10 },
        ],
      ),
    )
    expect(text).toContain(
      'Not finished: run-1.jsonl: no end: killed, or still going on, after 1 of 2 epochs',
    )
    expect(text).toContain('Not finished: run-2.jsonl: loss is NaN: conv2 was the first, after 1 of 2 epochs')
    expect(text).toContain('resumedafter step 10, epoch 1')
    expect(text).not.toContain('every run came to its end')
  })

  it('say what was left out', () => {
    const text = logText(exampleRecords({}, { epoch: { skippedImages: 3 } }))
    const log = parseTrainingLog(`${text}{"kind":"st`, 'cut.jsonl')
    const words = textOfPage(renderCurves([{ name: 'cut.jsonl', log }], { command: 'x' }))
    expect(words).toContain('Cut short: cut.jsonl: line 25 was not finished; it is left out')
    expect(words).toContain('Skipped: cut.jsonl: damaged images left out: 3')
  })
})

describe('what is missing or odd', () => {
  const untested = { testLoss: null, testTop1: null, testTop5: null }
  const still = { trainMs: 0, waitedMs: 0, imagesPerSecond: 0, elapsedMs: 0 }
  it.each<[string, readonly LogRecord[]]>([
    ['no step', [exampleTraining()]],
    ['one step', [exampleTraining(), exampleStep(1)]],
    ['no epoch', exampleRecords().slice(0, 8)],
    ['no test set', exampleRecords({}, { epoch: untested })],
    [
      'no time',
      [exampleTraining(), exampleStep(1, { elapsedMs: 0, imagesPerSecond: 0 }), exampleEpoch(1, still)],
    ],
    [
      'losses that are not finite',
      [exampleTraining(), ...[1, 2, 3].map((step) => exampleStep(step, { loss: null }))],
    ],
    [
      'a loss and a rate of 0',
      [exampleTraining(), ...[1, 2, 3].map((step) => exampleStep(step, { loss: 0, rate: 0 }))],
    ],
    ['no loss but one', [exampleTraining(), exampleStep(1, { loss: null }), exampleStep(2, { loss: 1 })]],
  ])('is a page of numbers: %s', (_, records) => {
    for (const each of [page(records), page(records, tanh)]) {
      expect(elementsOf(each).length).toBeGreaterThan(50)
      expect(each.replaceAll('loss is NaN', '')).not.toMatch(/NaN|Infinity|undefined|\[object/)
    }
  })

  it('is said where a chart would be empty', () => {
    const text = textOfPage(page(exampleRecords({}, { epoch: untested })))
    expect(text).toContain('Test accuracy: not drawn; no epoch was tested.')
  })
})

it('a text of the log is text in the page, wherever it stands', () => {
  const isFixed = (key: string, text: string) => ['kind', 'reason'].includes(key) || text === 'convmark'
  const full = [
    ...exampleRecords(
      { activation: 'x', without: ['x'] },
      { run: { environment: { ...environment, warnings: ['x'] }, classNames: ['x'] } },
    ).slice(0, -1),
    exampleEnd({ reason: 'error', message: 'x' }),
  ]
  const records = poisoned(full, isFixed)
  const log = parseTrainingLog(logText(records), HOSTILE)
  const logs = [HOSTILE, `${HOSTILE}2`].map((name) => ({ name, log }))
  const other = parseTrainingLog(logText(tanh), 'x')
  expectNoMarkupOfTexts(renderCurves([...logs, { name: 'x', log: other }], { command: HOSTILE }))
  expectNoMarkupOfTexts(renderCurves(logs.slice(0, 1), { command: HOSTILE }))
})

describe('the command that trains again', () => {
  it('has what was asked for', () => {
    expect(trainCommand(exampleTraining())).toBe(
      'convmark train lenet --data mnist --epochs 2 --batch 100 --optimizer sgd --rate 0.1 --momentum 0.9 --decay 0.0005 --schedule constant --augment none --init he --seed 7 --engine wasm@2',
    )
    const settings = {
      microBatch: 20,
      clip: 1,
      activation: 'tanh',
      without: ['lrn', 'dropout'],
      momentum: null,
    }
    const command = trainCommand(exampleTraining(settings))
    expect(command).toContain('--micro-batch 20')
    expect(command).toContain('--clip 1')
    expect(command).toContain('--activation tanh --without lrn,dropout')
    expect(command).not.toContain('--momentum')
  })

  it('is safe to paste', () => {
    expect(trainCommand(exampleTraining({}, { data: "folder:it's; rm -rf ~" }))).toContain(
      "--data 'folder:it'\\''s; rm -rf ~' --epochs",
    )
  })
})

describe('a single run', () => {
  const figures = (records: readonly LogRecord[]): string => textOfPage(page(records))

  it.each([
    [{}, { hasDropout: true }, 'loss 0.0312, with dropout'],
    [{ augment: 'flip' }, {}, 'loss 0.0312, with augmentation'],
    [{ augment: 'flip' }, { hasDropout: true }, 'loss 0.0312, with dropout and augmentation'],
    [{}, { hasDropout: false }, 'loss 0.0312'],
  ])('says what made the training harder: %j %j', (settings, run, expected) => {
    const text = figures(exampleRecords(settings, { run }))
    expect(/training accuracy99.1%(.*?) ?epochs/.exec(text)![1]).toBe(expected)
  })

  it('has no top-5 of three classes, nor of epochs that have none', () => {
    expect(figures(exampleRecords())).toContain('top-5100.0%')
    expect(figures(exampleRecords({}, { run: { classNames: ['a', 'b', 'c'] } }))).not.toContain('top-5')
    expect(figures(exampleRecords({}, { epoch: { testTop5: null } }))).not.toContain('top-5')
  })

  it('is tested on its validation set', () => {
    const text = figures(exampleRecords({}, { run: { testedOn: 'validation' } }))
    expect(text).toContain('validation accuracy, top-1')
    expect(text).toContain('Validation accuracy')
    expect(text).toContain('500 to validate on')
    expect(text.toLowerCase()).not.toContain('test accuracy')
  })
})
