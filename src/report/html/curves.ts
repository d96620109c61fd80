// Training runs as one page: their results, their curves in common charts, and their differences.

import { formatSignificant } from '../../digits.ts'
import type { StepRecord, TrainingRun } from '../../records/training-log.ts'
import { capitalized, formatImageRate, formatLoss, formatPercent } from '../format.ts'
import { MAX_WAITED_FRACTION, testedOnOf } from '../outcome.ts'
import { movingMean, type Point } from '../points.ts'
import { type NamedLog, type NamedRun, runsOf, type Variant, variantsOf } from '../variants.ts'
import { type CurveChart, curveFigure, type Series } from './curve-chart.ts'
import { html, type Markup } from './markup.ts'
import { pageHtml, type ReportOptions } from './page.ts'
import { PERCENT } from './scales.ts'
import { headline, percentText, trainingNotices } from './training-results.ts'
import { differences, idOf, overview, runSection } from './training-runs.ts'

/** Training logs as one HTML file that needs no other file and runs no script. */
export function renderCurves(logs: readonly NamedLog[], options: ReportOptions): string {
  const runs = runsOf(logs)
  const variants = variantsOf(runs)
  return pageHtml({
    title: logs.map(({ name }) => name).join(', '),
    heading: 'convmark training',
    contents: [
      { id: 'results', text: 'Results' },
      { id: 'curves', text: 'Curves' },
      { id: 'runs', text: 'Runs' },
      ...runs.map(({ name }, i) => ({ id: idOf(i), text: name })),
    ],
    main: html`<h2 id="results">Results</h2>
<section class="card">${headline(runs, variants)}
${trainingNotices(logs, runs)}</section>
<h2 id="curves">Curves</h2>
<section class="card">${curves(runs, variants)}</section>
<h2 id="runs">Runs</h2>
${runs.length > 1 && html`<div class="card">${overview(runs)}</div>`}
${differences(runs)}
${runs.map(runSection)}`,
    command: options.command,
  })
}

/** Raw losses of more runs would hide each other. */
const MAX_RAW_RUNS = 4

function curves(runs: readonly NamedRun[], variants: readonly Variant[]): Markup {
  const hasRaw = runs.length <= MAX_RAW_RUNS
  const testedOn = testedOnOf(runs)
  const figure = (
    chart: Omit<CurveChart, 'series'>,
    pointsOf: (run: TrainingRun) => Pick<Series['curves'][number], 'points' | 'raw'>,
  ): Markup =>
    curveFigure({
      ...chart,
      series: variants.map(({ name, runs: alike }) => ({
        name,
        curves: alike.map((named) => ({ name: named.name, ...pointsOf(named.run) })),
      })),
    })
  const bySteps = (run: TrainingRun, of: (step: StepRecord) => number | null) =>
    pointsBy(run.steps, ({ step }) => step, of)
  const byEpochs = (run: TrainingRun, of: (epoch: TrainingRun['epochs'][number]) => number | null) => ({
    points: pointsBy(run.epochs, ({ epoch }) => epoch, of),
  })
  const raw = hasRaw ? '; the losses themselves are faint' : ''
  return html`${figure(
    {
      title: 'Training loss',
      description: `Of each batch before its update, as a moving mean over some 4% of the run${raw}.`,
      across: 'step',
      yLabel: 'loss',
      yScale: 'log',
      format: formatLoss,
      missing: 'no step has a finite loss',
    },
    (run) => {
      const losses = bySteps(run, ({ loss }) => loss)
      const reach = Math.round(losses.length * SMOOTHING_REACH)
      return { points: movingMean(losses, reach), ...(hasRaw && reach > 0 && { raw: losses }) }
    },
  )}
<div class="pair">${figure(
    {
      title: `${capitalized(testedOn)} accuracy`,
      description: 'Top-1, after each epoch.',
      across: 'epoch',
      yLabel: `${testedOn} accuracy, %`,
      yScale: 'fitted',
      possible: PERCENT,
      format: percentText,
      missing: 'no epoch was tested',
    },
    (run) => byEpochs(run, ({ testTop1 }) => testTop1 && 100 * testTop1),
  )}${figure(
    {
      title: 'Learning rate',
      description: "Of each step's update.",
      across: 'step',
      yLabel: 'learning rate',
      yScale: 'log',
      format: (rate) => formatSignificant(rate, 3),
      missing: 'no step was recorded',
    },
    (run) => ({ points: bySteps(run, ({ rate }) => rate) }),
  )}${figure(
    {
      title: 'Speed',
      description: 'Images a second over the steps of each epoch, without evaluation and saving.',
      across: 'epoch',
      yLabel: 'images/s',
      yScale: 'from zero',
      format: formatImageRate,
      missing: 'no epoch has ended',
    },
    (run) => byEpochs(run, ({ imagesPerSecond }) => imagesPerSecond),
  )}${figure(
    {
      title: 'Waiting for data',
      description: `Share of each epoch's steps in which the engine had no batch; up to ${formatPercent(MAX_WAITED_FRACTION)} is harmless.`,
      across: 'epoch',
      yLabel: '% of the time',
      yScale: 'from zero',
      format: percentText,
      missing: 'no epoch has ended',
    },
    (run) => byEpochs(run, ({ waitedMs, trainMs }) => (trainMs > 0 ? (100 * waitedMs) / trainMs : null)),
  )}</div>`
}

/** As a share of all steps, to either side: the mean covers twice as many. */
const SMOOTHING_REACH = 0.02

/** The points of the records that have the value. */
function pointsBy<Item>(
  items: readonly Item[],
  xOf: (item: Item) => number,
  yOf: (item: Item) => number | null,
): Point[] {
  return items.flatMap((item) => {
    const y = yOf(item)
    return y === null || !Number.isFinite(y) ? [] : [{ x: xOf(item), y }]
  })
}
