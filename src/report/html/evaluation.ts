// Evaluations as one page: how often a model is right, for each class, and which classes it confuses.
import { max } from 'd3-array'
import type { ClassResult, Evaluation } from '../../records/evaluation.ts'
import { accuracyInterval, confusedPairs, worstClasses } from '../confusion.ts'
import { formatCount, formatDuration, formatImageRate, formatLoss, formatPercent } from '../format.ts'
import { saysTop5, splitText, unpredictedCount } from '../outcome.ts'
import { ACROSS, label, rectangle, stripFigure, swatch } from './chart.ts'
import { environmentFacts } from './environment.ts'
import { type Content, html, type Markup } from './markup.ts'
import { type Figure, factList, figureList, noticeList, pageHtml, type ReportOptions, warn } from './page.ts'
import { linearScale, PERCENT } from './scales.ts'
import { tableRegion } from './table.ts'

/** An evaluation and the name of its file. */
export interface NamedEvaluation {
  readonly name: string
  readonly evaluation: Evaluation
}

/** With more classes neither bars nor a matrix would be readable. */
const MAX_DRAWN_CLASSES = 30
const MAX_PAIRS = 20
const MAX_SKIPPED_NAMED = 20

/** Evaluations as one HTML file that needs no other file and runs no script. */
export function renderEvaluation(evaluations: readonly NamedEvaluation[], options: ReportOptions): string {
  return pageHtml({
    title: evaluations.map(({ name }) => name).join(', '),
    heading: 'convmark evaluation',
    contents: evaluations.map(({ name }, i) => ({ id: idOf(i), text: name })),
    main: evaluations.map(section),
    command: options.command,
  })
}

const idOf = (i: number): string => `evaluation-${i + 1}`

function section({ name, evaluation }: NamedEvaluation, i: number): Markup {
  const { network, model, data } = evaluation
  return html`<h2 id="${idOf(i)}">${name}</h2>
<section class="card"><h3>${model} on ${data}${splitText(evaluation)}</h3><p class="quiet">Network ${network}.</p>
${figureList(keyFigures(evaluation))}
${notices(evaluation)}</section>
<section class="card">${classFigure(evaluation)}</section>
<section class="card">${confusion(evaluation)}</section>
<section class="card"><h3>Environment</h3>${factList(environmentFacts(evaluation))}</section>`
}

function keyFigures(evaluation: Evaluation): Figure[] {
  const { top1, top5, loss, count, elapsedMs, tenCrop, perClass } = evaluation
  const unpredicted = unpredictedCount(evaluation)
  const accuracy = (name: string, fraction: number): Figure => ({
    name,
    value: formatPercent(fraction),
    detail: `${formatCount(Math.round(fraction * count))} of ${formatCount(count)} images; 95% interval ${accuracyInterval(
      fraction,
      count,
    )
      .map(formatPercent)
      .join(' to ')}`,
  })
  return [
    accuracy('top-1', top1),
    ...(saysTop5(perClass.length) ? [accuracy('top-5', top5)] : []),
    { name: 'loss', value: formatLoss(loss), detail: 'mean cross-entropy' },
    ...(unpredicted > 0
      ? [
          {
            name: 'no prediction',
            value: formatCount(unpredicted),
            detail: 'images, whose logits are NaN or infinite',
          },
        ]
      : []),
    {
      name: 'crops',
      value: tenCrop ? 'ten' : 'one',
      detail: tenCrop ? 'corners and centre, with their mirror images' : null,
    },
    {
      name: 'time',
      value: formatDuration(elapsedMs),
      detail: elapsedMs > 0 ? `${formatImageRate((1000 * count) / elapsedMs)} images/s` : null,
    },
  ]
}

function notices({ skipped, warnings = [] }: Evaluation): Content {
  if (skipped.length + warnings.length === 0) return null
  const more = skipped.length - MAX_SKIPPED_NAMED
  return noticeList(
    [
      ...warnings.map((text) => warn('Doubtful', text)),
      ...skipped.slice(0, MAX_SKIPPED_NAMED).map((text) => warn('Skipped', text)),
      ...(more > 0 ? [warn('Skipped', `damaged images not named here: ${formatCount(more)}`)] : []),
    ],
    warnings.length > 0 ? 'Warnings' : 'Skipped images',
  )
}

const ROW_PX = 22

function classFigure(evaluation: Evaluation): Markup {
  const { perClass } = evaluation
  const isCut = perClass.length > MAX_DRAWN_CLASSES
  const drawn = isCut ? worstClasses(evaluation, MAX_DRAWN_CLASSES) : perClass
  const scale = linearScale(PERCENT, ACROSS, PERCENT)
  return stripFigure({
    title: 'Accuracy by class',
    description: isCut
      ? `Top-1 of the ${MAX_DRAWN_CLASSES} worst of ${formatCount(perClass.length)} classes.`
      : 'Top-1, classes in the order of the data.',
    x: { scale, label: '% of the images of a class' },
    rowTexts: drawn.map(accuracyText).map((text) => ({ text, short: text })),
    strips: drawn.map((each) => ({
      heading: html`<p><strong>${each.name}</strong> <span class="quiet">${rightText(each)}</span></p>`,
      title: `${each.name}: ${accuracyText(each)}, ${rightText(each)}`,
      heightPx: ROW_PX,
      marks: classBar(each, scale.at),
    })),
    legend: [{ swatch: swatch('area', 'bar'), text: 'right answers' }],
    table: {
      caption: 'classes',
      columns: [
        { heading: 'class' },
        ...['images', 'right', 'top-1'].map((heading) => ({ heading, isNumber: true })),
      ],
      rows: perClass.map((each) => [
        each.name,
        formatCount(each.count),
        formatCount(each.correct),
        accuracyText(each),
      ]),
    },
  })
}

const accuracyText = ({ top1 }: ClassResult): string => (top1 === null ? '-' : formatPercent(top1))
const rightText = ({ count, correct }: ClassResult): string =>
  count === 0 ? 'no image' : `${formatCount(correct)} of ${formatCount(count)}`

function classBar(each: ClassResult, at: (percent: number) => number): Markup {
  const end = at(100 * (each.top1 ?? 0))
  return html`${each.top1 !== null && rectangle('bar', [0, 3], [end, ROW_PX - 3], rightText(each))}
${label([end, ROW_PX / 2], accuracyText(each), { dx: 6 })}`
}

function confusion(evaluation: Evaluation): Markup {
  const pairs = confusedPairs(evaluation, MAX_PAIRS)
  return html`<h4>What is taken for what</h4>
${evaluation.perClass.length <= MAX_DRAWN_CLASSES && heatMap(evaluation)}
${
  pairs.length === 0
    ? html`<p>No image was taken for another class.</p>`
    : tableRegion({
        caption: `The most confused pairs${pairs.length === MAX_PAIRS ? `, the first ${MAX_PAIRS}` : ''}`,
        columns: [
          { heading: 'class' },
          { heading: 'taken for' },
          { heading: 'images', isNumber: true },
          { heading: 'of the class', isNumber: true },
        ],
        rows: pairs.map(({ actual, predicted, count, fraction }) => [
          actual,
          predicted,
          formatCount(count),
          formatPercent(fraction),
        ]),
      })
}`
}

/** A table with coloured cells: right answers by their share of the class, wrong ones relative to the worst of them. */
function heatMap({ confusion, perClass }: Evaluation): Markup {
  const shares = confusion.map((row, i) => row.map((count) => count / Math.max(1, perClass[i]!.count)))
  const worst = max(shares.flatMap((row, i) => row.filter((_, j) => j !== i))) ?? 0
  const cell = (actual: number, predicted: number): Markup => {
    const count = confusion[actual]![predicted]!
    const share = shares[actual]![predicted]!
    if (count === 0) return html`<td class="none">0</td>`
    const isRight = actual === predicted
    const depth = Math.round(100 * (isRight ? share : share / worst))
    const title = `${perClass[actual]!.name} taken for ${perClass[predicted]!.name}: ${formatPercent(share)}`
    return html`<td class="${isRight ? 'right' : 'wrong'}" style="--share: ${depth}%" title="${title}">${formatCount(count)}</td>`
  }
  return html`<p class="quiet">Rows are what an image is, columns what it was taken for. Right answers are blue, by their share of the class; wrong ones orange, deepest where the largest share of a class (${formatPercent(worst)}) went wrong the same way.</p>
<div class="scroll" role="region" tabindex="0" aria-label="Confusion matrix"><table class="heat">
<caption>Confusion matrix: images</caption>
<thead><tr><th scope="col">is \\ taken for</th>${perClass.map(
    ({ name }) => html`<th scope="col" title="${name}"><span>${name}</span></th>`,
  )}</tr></thead>
<tbody>${perClass.map(
    ({ name }, actual) =>
      html`<tr><th scope="row">${name}</th>${perClass.map((_, predicted) => cell(actual, predicted))}</tr>\n`,
  )}</tbody></table></div>
`
}
