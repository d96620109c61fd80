import { type ComparisonResult, notCompared, type Run, type Unsupported } from '../bench/result.ts'
import { formatFixed } from '../digits.ts'
import { withPlainTexts } from '../plain-text.ts'
import { passName } from './classic.ts'
import {
  formatMeanRate,
  formatMedianMs,
  formatPeakFraction,
  formatRate,
  formatRelativeError,
  formatSpreadMs,
} from './format.ts'
import type { Palette } from './palette.ts'
import { alignColumns } from './table.ts'
import { isWinograd } from './winograd.ts'

/** What was compared, the fastest first, and the verdicts in words. */
export function compareLines(
  measured: readonly Run[],
  verdicts: readonly ComparisonResult[],
  missing: readonly Unsupported[],
  palette: Palette,
): string[] {
  const [runs, comparisons, unsupported] = withPlainTexts([measured, verdicts, missing] as const)
  const passes = [...new Set([...runs, ...unsupported].map(({ pass }) => pass))]
  return passes.flatMap((pass, i) => [
    ...(i > 0 ? [''] : []),
    ...tableLines(
      pass,
      runs.filter((run) => run.pass === pass),
      palette,
    ),
    ...comparisons
      .filter((comparison) => comparison.pass === pass)
      .map(({ text, verdict }) => (verdict === 'no difference found' ? text : palette.green(text))),
    ...interruptedLines(
      runs.filter((run) => run.pass === pass),
      comparisons.some((comparison) => comparison.pass === pass),
    ).map(palette.yellow),
    ...unsupported
      .filter((each) => each.pass === pass)
      .map((each) => palette.yellow(`${each.engine}: ${notCompared(each)}`)),
  ])
}

/** Empty if the verdicts say everything. */
function interruptedLines(runs: readonly Run[], hasVerdict: boolean): string[] {
  const interrupted = runs.filter((run) => run.interrupted)
  if (hasVerdict || interrupted.length === 0) return []
  const rounds = Math.min(...interrupted.map((run) => run.rounds?.length ?? 0))
  return [`interrupted after ${rounds} ${rounds === 1 ? 'round' : 'rounds'}: too few for a verdict`]
}

function tableLines(pass: Run['pass'], runs: readonly Run[], palette: Palette): string[] {
  const headings = [
    passName(pass),
    'target',
    'threads',
    'used',
    'median ms',
    'sd ms',
    'images/s',
    'GFLOP/s',
    'peak GFLOP/s',
    'share of it',
    'check',
  ]
  const rows = runs
    .filter(({ summary }) => summary !== null)
    .sort((a, b) => a.summary!.medianMs - b.summary!.medianMs)
    .map((run) => {
      const { engine, summary, threadsUsed, peakGflopsPerSecond: peak, peakFraction, check } = run
      return [
        engine.name,
        engine.target,
        String(engine.threads),
        threadsUsed == null ? '-' : formatFixed(threadsUsed, 1),
        formatMedianMs(summary!),
        formatSpreadMs(summary!.sdMs),
        formatMeanRate(run.imagesPerSecond, summary!),
        formatMeanRate(run.gflopsPerSecond, summary!),
        peak === null ? '-' : formatRate(peak),
        peakFraction === null ? '-' : formatPeakFraction(peakFraction, run.layers.some(isWinograd)),
        check ? formatRelativeError(check.maxRelativeError) : 'unchecked',
      ]
    })
  const [heading, ...body] = alignColumns(
    [headings, ...rows],
    headings.map((_, column) => (column < 2 ? 'left' : 'right')),
  )
  return [palette.bold(heading!), ...body]
}
