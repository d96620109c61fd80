import type { Environment, Run, Summary } from '../bench/result.ts'
import { withPlainTexts } from '../plain-text.ts'
import { checkText } from './check-text.ts'
import { passName } from './classic.ts'
import {
  formatLike,
  formatMeanRate,
  formatMedianMs,
  formatMegabytes,
  formatMs,
  formatPeakFraction,
  formatPercent,
  formatRate,
  formatSpreadMs,
  winogradText,
} from './format.ts'
import type { Palette } from './palette.ts'
import { alignColumns } from './table.ts'
import { isWinograd } from './winograd.ts'

/** The lines below the classic ones. A run that was interrupted before its first sample is only reported as such. */
export function summaryLines(measured: readonly Run[], palette: Palette): string[] {
  const runs = withPlainTexts(measured)
  if (runs.length === 0) return []
  const { name, target, threads, reason, v8Flags } = runs[0]!.engine
  const lines = [
    `engine   ${palette.bold(`${name}, ${target}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`)}`,
    `reason   ${reason}`,
  ]
  if (v8Flags.length > 0) lines.push(`V8       ${v8Flags.join(' ')}`)

  lines.push(
    ...tableLines(
      runs.filter(({ summary }) => summary !== null),
      palette,
    ),
  )
  // An interruption before the first sample may have come before the check.
  const isKnown = ({ check, summary }: Run) => check !== null || summary !== null
  for (const run of runs.filter(isKnown)) lines.push(checkLine(run, palette))
  for (const run of runs) lines.push(...winogradLines(run))
  lines.push(...derivedLines(runs))
  for (const run of runs.filter(({ interrupted }) => interrupted)) {
    const name = passName(run.pass)
    const steps = `${run.samplesMs.length} of ${run.batches} steps`
    lines.push(palette.yellow(`${name} was interrupted after ${steps}`))
  }
  return lines
}

/** What about the machine makes the numbers above worse than they could be; empty on a quiet machine. */
export function warningLines(environment: Environment, measured: readonly Run[], palette: Palette): string[] {
  const { warnings = [] } = withPlainTexts(environment)
  const runs = withPlainTexts(measured)
  const isSeveral = new Set(runs.map(({ engine }) => `${engine.name} ${engine.target}`)).size > 1
  const nameOf = ({ engine, pass }: Run): string =>
    isSeveral ? `${engine.name} ${engine.target}, ${passName(pass)}` : passName(pass)
  const ofRuns = runs.flatMap((run) => (run.warnings ?? []).map((warning) => `${nameOf(run)}: ${warning}`))
  return [...ofRuns, ...warnings].map((warning) => palette.yellow(`warning: ${warning}`))
}

/** One column for each pass that has samples. */
function tableLines(runs: readonly Run[], palette: Palette): string[] {
  if (runs.length === 0) return []
  const row = (name: string, cell: (run: Run, summary: Summary) => string): string[] => [
    name,
    ...runs.map((run) => cell(run, run.summary!)),
  ]
  const rows = [
    row('', (run) => passName(run.pass)),
    row('images/s', (run) => formatMeanRate(run.imagesPerSecond, run.summary!)),
    row('GFLOP/s', (run) => formatMeanRate(run.gflopsPerSecond, run.summary!)),
    row('measured peak, GFLOP/s', ({ peakGflopsPerSecond: peak }) =>
      peak === null ? '-' : formatRate(peak),
    ),
    row('share of the peak', ({ peakFraction, layers }) =>
      peakFraction === null ? '-' : formatPeakFraction(peakFraction, layers.some(isWinograd)),
    ),
    row('median, ms', (_, summary) => formatMedianMs(summary)),
    row(
      'spread (sd), ms',
      (_, { sdMs, meanMs }) => `${formatSpreadMs(sdMs)} (${formatPercent(sdMs / meanMs)})`,
    ),
    row('min .. max, ms', (_, summary) => formatRange(summary, formatMedianMs(summary))),
    row('peak memory', ({ peakMemoryBytes }) => formatMegabytes(peakMemoryBytes)),
  ]
  const [heading, ...body] = alignColumns(rows, ['left', ...runs.map(() => 'right' as const)])
  return [palette.bold(heading!), ...body]
}

/** With as many digits as the median. */
const formatRange = ({ minMs, maxMs }: Summary, median: string): string =>
  `${formatLike(minMs, median)} .. ${formatLike(maxMs, median)}`

function checkLine({ pass, check }: Run, palette: Palette): string {
  const name = `check of ${passName(pass)}:`
  if (!check) return `${name} ${palette.yellow('unchecked')}`
  return `${name} ${check.passed ? palette.green('passed') : 'failed'}, ${checkText(check)}`
}

function winogradLines({ pass, peakFraction, layers }: Run): string[] {
  const isPast = peakFraction !== null && peakFraction > 1 && layers.some(isWinograd)
  return isPast ? [`${passName(pass)}: ${winogradText(peakFraction)}`] : []
}

/** The label says that it is derived, not measured. */
function derivedLines(runs: readonly Run[]): string[] {
  const median = (pass: Run['pass']) => runs.find((run) => run.pass === pass)?.summary?.medianMs
  const [forward, both] = [median('forward'), median('forward-backward')]
  if (forward === undefined || both === undefined) return []
  return [`forward-backward minus forward (derived): ${formatMs(both - forward)} ms`]
}
