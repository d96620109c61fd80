// What comes first: reasons not to trust the numbers, and which engine is faster.
import { type ComparisonResult, notCompared, type Result, type Run } from '../../bench/result.ts'
import { formatFixed, formatMeasured } from '../../digits.ts'
import { checkText } from '../check-text.ts'
import { passName } from '../classic.ts'
import { capitalized } from '../format.ts'
import { line, point, rectangle, type Strip, stripFigure, swatch } from './chart.ts'
import { type Content, html, type Markup } from './markup.ts'
import { type Notice, noticeList, warn } from './page.ts'
import { runTitle } from './run-title.ts'
import { extentOf, logScale, type Pair } from './scales.ts'

/** Only failed checks: no verdict may be read without them. */
export function failureList(result: Result): Content {
  const failures = result.runs.flatMap((run) => {
    const { check } = run
    if (!check || check.passed) return []
    const text = `${titleText(run)}: ${checkText(check)}; do not use its numbers`
    return [{ level: 'bad', word: 'Check failed', text } as const]
  })
  return failures.length > 0 && noticeList(failures, 'Failed checks')
}

/** Missing checks, what can't be done, what was interrupted, and all warnings. */
export function warningList(result: Result): Markup {
  const { runs, unsupported = [], environment, interrupted = false } = result
  const notices = [
    ...runs.flatMap(warningsOf),
    ...unsupported.map((each) =>
      warn('Missing', `${each.engine}, ${passName(each.pass)}: ${notCompared(each)}`),
    ),
    ...(environment.warnings ?? []).map((text) => warn('Warning', text)),
  ]
  if (interrupted && runs.every((run) => !run.interrupted)) {
    notices.push(warn('Interrupted', 'before all runs were made'))
  }
  const isFine = notices.length === 0 && runs.every(({ check }) => check?.passed)
  if (isFine)
    notices.push({ level: 'good', word: 'Checked', text: 'every run passed its check, no warnings' })
  return noticeList(notices, 'Warnings')
}

const titleText = (run: Run): string => {
  const { engine, work } = runTitle(run)
  return `${engine}, ${work}`
}

function warningsOf(run: Run): Notice[] {
  const { check, samplesMs, batches, interrupted, warnings = [] } = run
  const of = (word: string, text: string): Notice => warn(word, `${titleText(run)}: ${text}`)
  const notices = warnings.map((text) => of('Warning', text))
  if (!check && samplesMs.length > 0) notices.push(of('Unchecked', 'nothing says that its results are right'))
  if (interrupted) notices.push(of('Interrupted', `after ${samplesMs.length} of ${batches} samples`))
  return notices
}

/** The verdicts in words, each with its interval on a scale of ratios. */
export function verdicts(comparisons: readonly ComparisonResult[]): Markup {
  const [low, high] = extentOf([1, ...comparisons.flatMap(({ ratio, interval }) => [ratio, ...interval])])
  const room = Math.max(high / low, 1.1) ** 0.06
  const scale = logScale([low / room, high * room], [0, 100])
  return stripFigure({
    title: 'How many times as fast as the baseline',
    description:
      'Ratios of the medians of rounds with their 95% intervals, on a logarithmic scale. An interval that holds 1 is no difference found.',
    x: { scale, label: 'times as fast' },
    strips: comparisons.map((comparison) => verdictStrip(comparison, scale.at)),
    legend: [
      { swatch: swatch('point', 'first', 'diamond'), text: 'ratio' },
      { swatch: swatch('line', 'interval'), text: '95% interval' },
      { swatch: swatch('line', 'reference'), text: 'as fast as the baseline' },
    ],
    table: {
      caption: 'comparisons',
      columns: [
        { heading: 'engine' },
        { heading: 'baseline' },
        { heading: 'pass' },
        { heading: 'ratio', isNumber: true },
        { heading: '95% interval', isNumber: true },
        { heading: 'p', isNumber: true },
        { heading: 'could go unnoticed, times as fast', isNumber: true },
        { heading: 'verdict' },
      ],
      rows: comparisons.map(({ engine, baseline, pass, ratio, interval, pValue, detectable, verdict }) => [
        engine,
        baseline,
        passName(pass),
        ...Object.values(ratioTexts(ratio, interval)),
        pText(pValue),
        formatFixed(1 + detectable, 2),
        verdict,
      ]),
    },
  })
}

const STRIP_HEIGHT_PX = 44

function verdictStrip(comparison: ComparisonResult, at: (ratio: number) => number): Strip {
  const { engine, baseline, pass, ratio, interval, verdict, pValue, text } = comparison
  const middle = STRIP_HEIGHT_PX / 2
  const [from, to] = interval.map(at) as [number, number]
  const texts = ratioTexts(ratio, interval)
  const words = `${texts.ratio}, 95% interval ${texts.interval}`
  return {
    heading: html`<p><strong>${capitalized(verdict)}</strong> · ${passName(pass)}</p>
<p>${text}</p><p class="quiet">${words}, ${pText(pValue)}</p>`,
    title: `${engine} beside ${baseline}, ${passName(pass)}: ${words}`,
    heightPx: STRIP_HEIGHT_PX,
    marks: [
      line('reference', [at(1), 0], [at(1), STRIP_HEIGHT_PX]),
      rectangle('hit', [from, 0], [to, STRIP_HEIGHT_PX], words),
      line('interval', [from, middle], [to, middle]),
      ...[from, to].map((end) => line('interval', [end, middle - 7], [end, middle + 7])),
      point('diamond', 'first', at(ratio), middle, words),
    ],
  }
}

/** With the digits that the interval supports. */
function ratioTexts(ratio: number, interval: Pair): { readonly ratio: string; readonly interval: string } {
  const { value, low, high } = formatMeasured(ratio, interval)
  return { ratio: `${value} x`, interval: `${low} to ${high}` }
}
const pText = (p: number): string => (p < 0.0001 ? 'p < 0.0001' : `p = ${formatFixed(p, 4)}`)
