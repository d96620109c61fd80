// Training and evaluation in the terminal.
import { withPlainTexts } from '../plain-text.ts'
import type { Evaluation } from '../records/evaluation.ts'
import type { EpochRecord, RunRecord } from '../records/training-log.ts'
import { accuracyInterval, confusedPairs, worstClasses } from './confusion.ts'
import { formatCount, formatDuration, formatImageRate, formatLoss, formatPercent } from './format.ts'
import { extentText, outcomeOf, saysTop5, splitText, unpredictedCount } from './outcome.ts'
import type { Palette } from './palette.ts'
import { type Alignment, alignColumns } from './table.ts'
import { type NamedRun, settingsOf } from './variants.ts'

/** `epoch 2/10  loss 0.0312  train 99.1%  test 98.7% (top-5 100.0%)  12,345 images/s  waited 0.3%` */
export function epochLine(
  record: EpochRecord,
  epochs: number,
  testedOn: RunRecord['testedOn'] = 'test',
): string {
  const { epoch, trainLoss, trainAccuracy, testTop1, testTop5, imagesPerSecond } = record
  const { waitedMs, trainMs, skippedImages } = record
  return [
    `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`,
    `loss ${formatLoss(trainLoss)}`,
    `train ${formatPercent(trainAccuracy)}`,
    ...(testTop1 === null ? [] : [`${testedOn} ${formatPercent(testTop1)}${top5Text(testTop5)}`]),
    `${formatImageRate(imagesPerSecond)} images/s`,
    ...(trainMs > 0 ? [`waited ${formatPercent(waitedMs / trainMs)}`] : []),
    ...(skippedImages > 0 ? [`skipped ${formatCount(skippedImages)} images`] : []),
  ].join('  ')
}

const top5Text = (top5: number | null): string => (top5 === null ? '' : ` (top-5 ${formatPercent(top5)})`)

/** A run from a log: what is trained, its epochs, and how it ended. */
export function trainingLines(named: NamedRun, palette: Palette): string[] {
  const { name, run } = withPlainTexts(named)
  const { network, data, settings, testedOn, classNames } = run.run
  const { ending, isDone } = outcomeOf(run)
  const end = `${ending}, ${extentText(run)}`
  return [
    palette.bold(`${name}: ${network} on ${data}, ${settingsOf(run).get('engine')}`),
    ...run.epochs.map((epoch) =>
      epochLine(
        saysTop5(classNames?.length) ? epoch : { ...epoch, testTop5: null },
        settings.epochs,
        testedOn,
      ),
    ),
    isDone ? end : palette.yellow(end),
  ]
}

const MAX_ROWS = 5

/** An evaluation: top-1, top-5 and loss, the worst classes and the most confused pairs. */
export function evaluationLines(evaluated: Evaluation, palette: Palette): string[] {
  const evaluation = withPlainTexts(evaluated)
  const { model, data, count, tenCrop, elapsedMs, top1, top5, loss, skipped, warnings = [] } = evaluation
  const unpredicted = unpredictedCount(evaluation)
  const accuracyRow = (name: string, fraction: number): string[] => {
    const right = `${formatCount(Math.round(fraction * count))} of ${formatCount(count)}`
    const interval = accuracyInterval(fraction, count).map(formatPercent).join(' to ')
    return [name, formatPercent(fraction), `${right}, 95% interval ${interval}`]
  }
  const crops = tenCrop ? 'ten crops each' : 'one crop each'
  return [
    palette.bold(
      `${model} on ${data}${splitText(evaluation)}: ${formatCount(count)} images, ${crops}, ${formatDuration(elapsedMs)}`,
    ),
    ...alignColumns(
      [
        accuracyRow('top-1', top1),
        ...(saysTop5(evaluation.perClass.length) ? [accuracyRow('top-5', top5)] : []),
        ['loss', formatLoss(loss)],
        ...(unpredicted > 0
          ? [['no prediction', formatCount(unpredicted), 'images, whose logits are NaN or infinite']]
          : []),
      ],
      ['left', 'right', 'left'],
    ),
    ...section(
      ['worst classes', 'images', 'right', 'top-1'],
      ['left', 'right', 'right', 'right'],
      worstClasses(evaluation, MAX_ROWS).map((each) => [
        each.name,
        formatCount(each.count),
        formatCount(each.correct),
        formatPercent(each.top1!),
      ]),
      palette,
    ),
    ...section(
      ['most confused', 'taken for', 'images', 'of the class'],
      ['left', 'left', 'right', 'right'],
      confusedPairs(evaluation, MAX_ROWS).map((pair) => [
        pair.actual,
        pair.predicted,
        formatCount(pair.count),
        formatPercent(pair.fraction),
      ]),
      palette,
    ),
    ...(skipped.length > 0
      ? [palette.yellow(`warning: damaged images skipped: ${formatCount(skipped.length)}`)]
      : []),
    ...warnings.map((warning) => palette.yellow(`warning: ${warning}`)),
  ]
}

/** A table after an empty line; nothing if there is no row. */
function section(
  headings: readonly string[],
  alignments: readonly Alignment[],
  rows: readonly (readonly string[])[],
  palette: Palette,
): string[] {
  if (rows.length === 0) return []
  const [heading, ...body] = alignColumns([headings, ...rows], alignments)
  return ['', palette.bold(heading!), ...body]
}
