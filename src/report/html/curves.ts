// Training runs as one page: what came of them, what differs between them, and their curves over each other.
import { mean } from 'd3-array'
import type { StepRecord, TrainingRun } from '../../records/training-log.ts'
import { formatCount, formatDuration, formatImageRate, formatLoss, formatPercent } from '../format.ts'
import { extentText, type Outcome, outcomeOf } from '../outcome.ts'
import { movingMean, type Point } from '../points.ts'
import {
  differingSettings,
  type NamedLog,
  type NamedRun,
  runsOf,
  settingsOf,
  type Variant,
  variantsOf,
} from '../variants.ts'
import { ACROSS, line, point, type Strip, stripFigure } from './chart.ts'
import { trainCommand } from './commands.ts'
import { type CurveChart, curveFigure, markShape, markStyle, type Series } from './curve-chart.ts'
import { dateText, environmentFacts } from './environment.ts'
import { type Content, html, type Markup } from './markup.ts'
import {
  commandBlock,
  type Facts,
  type Figure,
  factList,
  figureList,
  type Notice,
  noticeList,
  pageHtml,
  type ReportOptions,
  warn,
} from './page.ts'
import { extentOf, linearScale, type Scale } from './scales.ts'
import { tableRegion } from './table.ts'

/** Logs of training as one HTML file that needs no other and runs no script. */
export function renderCurves(logs: readonly NamedLog[], options: ReportOptions): string {
  const runs = runsOf(logs)
  const variants = variantsOf(runs)
  return pageHtml({
    title: logs.map(({ name }) => name).join(', '),
    heading: 'convmark training',
    contents: [
      { id: 'results', text: 'Results' },
      { id: 'curves', text: 'Curves' },
      ...runs.map(({ name }, i) => ({ id: idOf(i), text: name })),
    ],
    main: html`<h2 id="results">Results</h2>
<section class="card">${headline(runs, variants)}
${noticeList(noticesOf(logs, runs), 'Warnings')}</section>
${runs.length > 1 && html`<div class="card">${overview(runs)}</div>`}
${differences(runs)}
<h2 id="curves">Curves</h2>
<section class="card">${curves(runs, variants)}</section>
<h2>Runs</h2>
${runs.map(runSection)}`,
    command: options.command,
  })
}

const idOf = (i: number): string => `run-${i + 1}`
const NONE = '-'
const percentOr = (fraction: number | null | undefined): string =>
  fraction == null ? NONE : formatPercent(fraction)

/** A single run's key figures, or the last test accuracy of each variant beside the others. */
function headline(runs: readonly NamedRun[], variants: readonly Variant[]): Content {
  if (runs.length === 1) {
    const { run } = runs[0]!
    const { network, data } = run.run
    return html`<h3>${network} on ${data}</h3>${figureList(keyFigures(run))}`
  }
  const tested = variants.filter(({ runs: alike }) => accuraciesOf(alike).length > 0)
  if (tested.length === 0) return html`<p>No run has a test accuracy yet.</p>`
  const scale = linearScale(extentOf(tested.flatMap(({ runs: alike }) => accuraciesOf(alike))), ACROSS)
  return stripFigure({
    title: 'Test accuracy after the last epoch',
    description: 'Top-1, each run a mark; the mean of runs that differ in their seeds alone is in bold.',
    x: { scale, label: 'test accuracy, %' },
    strips: tested.map((variant) => accuracyStrip(variant, variants.indexOf(variant), scale)),
    legend: [],
    table: {
      caption: 'test accuracy after the last epoch',
      columns: [
        { heading: 'runs' },
        ...['mean', 'lowest', 'highest', 'runs'].map((heading) => ({ heading, isNumber: true })),
      ],
      rows: tested.map(({ name, runs: alike }) => {
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

/** Of the last epochs, in percent. */
const accuraciesOf = (runs: readonly NamedRun[]): number[] =>
  runs.flatMap(({ run }) => {
    const top1 = outcomeOf(run).last?.testTop1
    return top1 == null ? [] : [100 * top1]
  })

const percentText = (percent: number): string => formatPercent(percent / 100)

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
  const { last, imagesPerSecond, waitedFraction, ending } = outcomeOf(run)
  const { testCount, settings } = run.run
  const best = bestEpoch(run)
  return [
    {
      name: 'test accuracy, top-1',
      value: percentOr(last?.testTop1),
      detail:
        last?.testTop1 == null
          ? 'no epoch was tested'
          : `${formatCount(testCount)} images; best ${percentOr(best?.testTop1)}, epoch ${best?.epoch}`,
    },
    { name: 'top-5', value: percentOr(last?.testTop5), detail: null },
    {
      name: 'test loss',
      value: last?.testTop1 == null ? NONE : formatLoss(last.testLoss),
      detail: null,
    },
    {
      name: 'training accuracy',
      value: percentOr(last?.trainAccuracy),
      detail: last && `loss ${formatLoss(last.trainLoss)}, with dropout and augmentation`,
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

const bestEpoch = ({ epochs }: TrainingRun) =>
  epochs.reduce<(typeof epochs)[number] | null>(
    (best, epoch) => ((epoch.testTop1 ?? -1) > (best?.testTop1 ?? -1) ? epoch : best),
    null,
  )

/** Waiting for less than this share of the time is harmless. */
const MAX_WAITED_FRACTION = 0.03

function noticesOf(logs: readonly NamedLog[], runs: readonly NamedRun[]): Notice[] {
  const notices = [
    ...logs.flatMap(({ name, log }) =>
      log.cutShortLines.map((number) =>
        warn('Cut short', `${name}: line ${number} was not finished; it is left out`),
      ),
    ),
    ...runs.flatMap(runNotices),
  ]
  if (notices.length > 0) return notices
  return [{ level: 'good', word: 'Done', text: 'every run came to its end, no warnings' }]
}

function runNotices({ name, run }: NamedRun): Notice[] {
  const { ending, isDone, skippedImages, waitedFraction } = outcomeOf(run)
  const reason = run.end?.reason
  const isBad = reason === 'nan' || reason === 'error'
  return [
    ...(isDone ? [] : [unfinished(isBad ? 'bad' : 'warn', `${name}: ${ending}, ${extentText(run)}`)]),
    ...(skippedImages > 0
      ? [warn('Skipped', `${name}: ${formatCount(skippedImages)} damaged images were left out`)]
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

function overview(runs: readonly NamedRun[]): Markup {
  const numbers = ['test top-1', 'top-5', 'best top-1', 'test loss', 'training accuracy', 'epochs']
  return tableRegion({
    caption: 'All runs',
    columns: [
      { heading: 'run' },
      ...[...numbers, 'images/s', 'waited', 'time'].map((heading) => ({ heading, isNumber: true })),
      { heading: 'end' },
    ],
    rows: runs.map(({ name, run }, i) => {
      const { last, imagesPerSecond, waitedFraction, ending }: Outcome = outcomeOf(run)
      const best = bestEpoch(run)
      return [
        html`<a href="#${idOf(i)}">${name}</a>`,
        percentOr(last?.testTop1),
        percentOr(last?.testTop5),
        best?.testTop1 == null ? NONE : `${formatPercent(best.testTop1)} (${best.epoch})`,
        last?.testTop1 == null ? NONE : formatLoss(last.testLoss),
        percentOr(last?.trainAccuracy),
        `${last?.epoch ?? 0} of ${run.run.settings.epochs}`,
        imagesPerSecond === null ? NONE : formatImageRate(imagesPerSecond),
        percentOr(waitedFraction),
        formatDuration(run.elapsedMs),
        ending,
      ]
    }),
  })
}

/** What the runs were asked for, where it is not the same in all of them. */
function differences(runs: readonly NamedRun[]): Content {
  const names = differingSettings(runs)
  if (names.length === 0) return null
  return html`<div class="card">${tableRegion({
    caption: 'Settings that differ',
    columns: [{ heading: 'run' }, ...names.map((heading) => ({ heading }))],
    rows: runs.map(({ name, run }) => {
      const settings = settingsOf(run)
      return [name, ...names.map((each) => settings.get(each) ?? NONE)]
    }),
  })}</div>`
}

/** Raw losses of more runs would be a fog. */
const MAX_RAW_RUNS = 4

function curves(runs: readonly NamedRun[], variants: readonly Variant[]): Markup {
  const hasRaw = runs.length <= MAX_RAW_RUNS
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
      title: 'Test accuracy',
      description: 'Top-1, after each epoch.',
      across: 'epoch',
      yLabel: 'test accuracy, %',
      yScale: 'fitted',
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
      format: (rate) => String(Number(rate.toPrecision(3))),
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

/** To either side, of all steps: the mean is over twice as many. */
const SMOOTHING_REACH = 0.02

/** Of records that have the value. */
function pointsBy<Item>(
  items: readonly Item[],
  xOf: (item: Item) => number,
  yOf: (item: Item) => number | null,
): Point[] {
  return items.flatMap((item) => {
    const y = yOf(item)
    return y === null ? [] : [{ x: xOf(item), y }]
  })
}

function runSection({ name, run }: NamedRun, i: number): Markup {
  const { environment, tool } = run.run
  return html`<section class="card" id="${idOf(i)}"><h3>${name}</h3>
${factList(runFacts(run))}
${commandBlock('To train it again', [trainCommand(run.run)])}
${environment !== undefined && html`<details><summary>The machine</summary>${factList(environmentFacts({ environment, tool }))}</details>`}</section>
`
}

function runFacts(run: TrainingRun): Facts {
  const { network, data, parameters, trainCount, testCount, classNames, engine, startedAt } = run.run
  const settings = new Map(settingsOf(run))
  // Said in more words
  for (const known of ['network', 'data', 'engine', 'convmark', 'processor']) settings.delete(known)
  const engineText = `${settingsOf(run).get('engine')}: ${engine.reason}`
  return {
    network: `${network}, ${formatCount(parameters)} parameters`,
    data: `${data}, ${formatCount(trainCount)} images to train, ${formatCount(testCount)} to test`,
    classes: classNames ? formatCount(classNames.length) : null,
    engine: engine.v8Flags.length > 0 ? `${engineText}; V8 flags ${engine.v8Flags.join(' ')}` : engineText,
    settings: [...settings].map((each) => each.join(' ')).join(', '),
    started: dateText(startedAt),
    resumed: run.resumes.map(({ step, epoch }) => `after step ${step}, epoch ${epoch}`).join('; ') || null,
    end: `${outcomeOf(run).ending}, ${extentText(run)}`,
  }
}
