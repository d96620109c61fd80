// The results of training runs: their key figures or last accuracies, and what to know before trusting them.
import { mean } from 'd3-array'
import type { RunRecord, TrainingRun } from '../../records/training-log.ts'
import {
  capitalized,
  formatCount,
  formatDuration,
  formatImageRate,
  formatLoss,
  formatPercent,
} from '../format.ts'
import { extentText, MAX_WAITED_FRACTION, outcomeOf, saysTop5, testedOnOf } from '../outcome.ts'
import type { NamedLog, NamedRun, Variant } from '../variants.ts'
import { ACROSS, line, point, type Strip, stripFigure } from './chart.ts'
import { markShape, markStyle } from './curve-chart.ts'
import { type Content, html, type Markup } from './markup.ts'
import { type Figure, figureList, type Notice, noticeList, warn } from './page.ts'
import { extentOf, linearScale, PERCENT, type Scale } from './scales.ts'

const NONE = '-'
export const percentOr = (fraction: number | null | undefined): string =>
  fraction == null ? NONE : formatPercent(fraction)

/** The key figures of a single run, or the last test accuracies of all variants in one chart. */
export function headline(runs: readonly NamedRun[], variants: readonly Variant[]): Content {
  if (runs.length === 1) {
    const { run } = runs[0]!
    const { network, data } = run.run
    return html`<h3>${network} on ${data}</h3>${figureList(keyFigures(run))}`
  }
  const testedOn = testedOnOf(runs)
  const tested = variants.filter(({ runs: alike }) => accuraciesOf(alike).length > 0)
  if (tested.length === 0) return html`<p>No run has a test accuracy yet.</p>`
  const bestFirst = [...tested].sort((a, b) => mean(accuraciesOf(b.runs))! - mean(accuraciesOf(a.runs))!)
  const scale = linearScale(
    extentOf(tested.flatMap(({ runs: alike }) => accuraciesOf(alike))),
    ACROSS,
    PERCENT,
  )
  return stripFigure({
    title: `${capitalized(testedOn)} accuracy after the last epoch`,
    description: 'Top-1. A mark is a run, an upright line the mean of runs that differ in their seeds.',
    x: { scale, label: `${testedOn} accuracy, %` },
    strips: bestFirst.map((variant) => accuracyStrip(variant, variants.indexOf(variant), scale)),
    legend: [],
    table: {
      caption: `${testedOn} accuracy after the last epoch`,
      columns: [
        { heading: 'runs' },
        ...['mean', 'lowest', 'highest', 'runs'].map((heading) => ({ heading, isNumber: true })),
      ],
      rows: bestFirst.map(({ name, runs: alike }) => {
        const accuracies = accuraciesOf(alike)
        return [
          name,
          ...[mean(accuracies)!, ...extentOf(accuracies)].map(percentText),
          String(accuracies.length),
        ]
      }),
    },
  })
}

/** After the last epochs, in percent. */
const accuraciesOf = (runs: readonly NamedRun[]): number[] =>
  runs.flatMap(({ run }) => {
    const top1 = outcomeOf(run).last?.testTop1
    return top1 == null ? [] : [100 * top1]
  })

export const percentText = (percent: number): string => formatPercent(percent / 100)

const STRIP_HEIGHT_PX = 40

function accuracyStrip({ name, runs }: Variant, i: number, { at }: Scale): Strip {
  const accuracies = accuraciesOf(runs)
  const [low, high] = extentOf(accuracies)
  const outcomes = runs.map(({ run }) => outcomeOf(run))
  const rates = outcomes.flatMap(({ imagesPerSecond }) => imagesPerSecond ?? [])
  const epochs = [...new Set(outcomes.map(({ last }) => last?.epoch ?? 0))].join(', ')
  const meanMs = mean(runs, ({ run }) => run.elapsedMs)!
  const spread =
    accuracies.length > 1
      ? `mean of ${accuracies.length} runs, ${percentText(low)} to ${percentText(high)}; `
      : ''
  const rate = rates.length > 0 ? `${formatImageRate(mean(rates)!)} images/s, ` : ''
  const middle = STRIP_HEIGHT_PX / 2
  return {
    heading: html`<p><strong>${percentText(mean(accuracies)!)}</strong> ${name}</p>
<p class="quiet">${spread}${epochs} ${epochs === '1' ? 'epoch' : 'epochs'}, ${rate}${formatDuration(meanMs)}</p>`,
    title: `${name}: ${accuracies.map(percentText).join(', ')}`,
    heightPx: STRIP_HEIGHT_PX,
    marks: [
      line('limit', [at(mean(accuracies)!), middle - 12], [at(mean(accuracies)!), middle + 12]),
      ...accuracies.map((accuracy) =>
        point(markShape(i), markStyle(i), at(accuracy), middle, percentText(accuracy)),
      ),
    ],
  }
}

function keyFigures(run: TrainingRun): Figure[] {
  const { last, best, imagesPerSecond, waitedFraction, ending } = outcomeOf(run)
  const { testCount, settings, classNames, testedOn = 'test' } = run.run
  return [
    {
      name: `${testedOn} accuracy, top-1`,
      value: percentOr(last?.testTop1),
      detail:
        last?.testTop1 == null
          ? 'no epoch was tested'
          : `${formatCount(testCount)} images; best ${percentOr(best?.testTop1)}, epoch ${best?.epoch}`,
    },
    ...(last?.testTop5 != null && saysTop5(classNames?.length)
      ? [{ name: 'top-5', value: percentOr(last.testTop5), detail: null }]
      : []),
    {
      name: `${testedOn} loss`,
      value: last?.testTop1 == null ? NONE : formatLoss(last.testLoss),
      detail: null,
    },
    {
      name: 'training accuracy',
      value: percentOr(last?.trainAccuracy),
      detail: last && `loss ${formatLoss(last.trainLoss)}${handicapText(run.run)}`,
    },
    { name: 'epochs', value: `${last?.epoch ?? 0} of ${settings.epochs}`, detail: ending },
    {
      name: 'images/s',
      value: imagesPerSecond === null ? NONE : formatImageRate(imagesPerSecond),
      detail: waitedFraction === null ? null : `waited for data ${formatPercent(waitedFraction)} of the time`,
    },
    { name: 'time', value: formatDuration(run.elapsedMs), detail: null },
  ]
}

/** What makes an image harder in training than in a test. */
function handicapText({ settings, hasDropout = false }: RunRecord): string {
  const handicaps = [
    ...(hasDropout ? ['dropout'] : []),
    ...(settings.augment === 'none' ? [] : ['augmentation']),
  ]
  return handicaps.length > 0 ? `, with ${handicaps.join(' and ')}` : ''
}

export function trainingNotices(logs: readonly NamedLog[], runs: readonly NamedRun[]): Markup {
  const notices = [
    ...logs.flatMap(({ name, log }) =>
      log.cutShortLines.map((number) =>
        warn('Cut short', `${name}: line ${number} was not finished; it is left out`),
      ),
    ),
    ...runs.flatMap(runNotices),
  ]
  const fine = { level: 'good', word: 'Done', text: 'every run came to its end, no warnings' } as const
  return noticeList(notices.length > 0 ? notices : [fine], 'Warnings')
}

function runNotices({ name, run }: NamedRun): Notice[] {
  const { ending, isDone, skippedImages, waitedFraction } = outcomeOf(run)
  const reason = run.end?.reason
  const isBad = reason === 'nan' || reason === 'error'
  return [
    ...(isDone ? [] : [unfinished(isBad ? 'bad' : 'warn', `${name}: ${ending}, ${extentText(run)}`)]),
    ...(skippedImages > 0
      ? [warn('Skipped', `${name}: damaged images left out: ${formatCount(skippedImages)}`)]
      : []),
    ...((waitedFraction ?? 0) > MAX_WAITED_FRACTION
      ? [
          warn(
            'Waiting',
            `${name}: the engine waited for data ${formatPercent(waitedFraction!)} of the time; images that are decoded faster (sharp installed, smaller files) would speed it up`,
          ),
        ]
      : []),
  ]
}

const unfinished = (level: Notice['level'], text: string): Notice => ({ level, word: 'Not finished', text })
