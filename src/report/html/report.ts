import type { Result, Run } from '../../bench/result.ts'
import { requireOptions } from '../../check-options.ts'
import { passName } from '../classic.ts'
import { formatMeanRate, formatMedianMs, formatPeakFraction, formatRate } from '../format.ts'
import { titleOf } from '../result-title.ts'
import { isWinograd } from '../winograd.ts'
import { dateText, environmentSection } from './environment.ts'
import { html, type Markup } from './markup.ts'
import { pageHtml, type ReportOptions, reportRules } from './page.ts'
import { runSection } from './run.ts'
import { runTitle } from './run-title.ts'
import { tableRegion } from './table.ts'
import { failureList, verdicts, warningList } from './verdicts.ts'

/** A result and the name of its file. */
export interface NamedResult {
  /** Null if it was not read from a file. */
  readonly name: string | null
  readonly result: Result
}

/** A result that was read from a file. */
export interface ResultOfFile extends NamedResult {
  readonly name: string
}

/** A run and its position in the report. */
interface Placed {
  readonly run: Run
  readonly id: string
  readonly file: string
}

/** Results as one HTML file that needs no other file and runs no script. */
export function reportHtml(results: readonly NamedResult[], options: ReportOptions): string {
  requireOptions('reportHtml', options, reportRules)
  const placed = results.flatMap(({ name, result }, i) =>
    result.runs.map(
      (run, j): Placed => ({ run, id: `run-${i + 1}-${j + 1}`, file: name ?? titleOf(result).text }),
    ),
  )
  const isSeveral = results.length > 1
  const titles = results.map(({ result }) => titleOf(result))
  const kinds = new Set(titles.map(({ kind }) => kind))
  const verdictsHeading = results.some(({ result }) => result.comparisons?.length) ? 'Verdicts' : 'Results'
  return pageHtml({
    title: titles.map(({ text }) => text).join('; '),
    heading: kinds.size === 1 ? `convmark ${[...kinds][0]}` : 'convmark report',
    contents: [
      { id: 'verdicts', text: verdictsHeading },
      ...placed.map(({ run, id, file }) => ({
        id,
        text: `${linkText(run)}${isSeveral ? ` (${file})` : ''}`,
      })),
      { id: 'environment', text: 'Environment' },
    ],
    main: html`<h2 id="verdicts">${verdictsHeading}</h2>
${results.map(resultSection)}
${isSeveral && html`<p class="quiet">Runs of different files were made at different times and are not compared here; convmark compare lets engines take turns and tells differences from noise.</p>`}
${placed.length > 0 && html`<div class="card">${overview(placed, isSeveral)}</div><h2>Runs</h2>`}
${placed.map(({ run, id, file }) => runSection(run, id, isSeveral ? file : null))}
<h2 id="environment">Environment</h2>
${results.map(({ name, result }) => environmentSection(isSeveral ? (name ?? titleOf(result).text) : null, result))}`,
    command: options.command,
  })
}

/** What was measured, what the reader should know about it, and the verdicts. */
function resultSection({ name, result }: NamedResult): Markup {
  const { comparisons = [], environment } = result
  return html`<section class="card"><h3>${titleOf(result).text}</h3><p>${measuredText(result)} On ${environment.processor}, ${dateText(environment.date)}.${name !== null && html` <span class="quiet">${name}</span>`}</p>
${failureList(result)}
${comparisons.length > 0 && verdicts(comparisons)}
${warningList(result)}</section>
`
}

function measuredText({ runs }: Result): string {
  if (runs.length === 0) return 'No run was made.'
  const all = (textOf: (run: Run) => string): string => [...new Set(runs.map(textOf))].join(', ')
  const networks = all(
    ({ network, imageSize, imageWidth, batch }) =>
      `${network} at ${imageSize} x ${imageWidth ?? imageSize}, batch ${batch}`,
  )
  return `${networks}: ${all(({ pass }) => passName(pass))} by ${all(({ engine }) => engine.name)}.`
}

function linkText(run: Run): string {
  const { engine, work } = runTitle(run)
  return `${work}: ${engine}`
}

function overview(placed: readonly Placed[], isSeveral: boolean): Markup {
  return tableRegion({
    caption: 'All runs',
    columns: [
      { heading: 'run' },
      ...(isSeveral ? [{ heading: 'file' }] : []),
      ...['median, ms', 'images/s', 'GFLOP/s', 'peak, GFLOP/s', 'share of it'].map((heading) => ({
        heading,
        isNumber: true,
      })),
      { heading: 'check' },
    ],
    rows: placed.map(({ run, id, file }) => {
      const { summary, peakGflopsPerSecond: peak, peakFraction, check, layers } = run
      const numbers = summary
        ? [
            formatMedianMs(summary),
            formatMeanRate(run.imagesPerSecond, summary),
            formatMeanRate(run.gflopsPerSecond, summary),
            peak === null ? '-' : formatRate(peak),
            peakFraction === null ? '-' : formatPeakFraction(peakFraction, layers.some(isWinograd)),
          ]
        : ['-', '-', '-', '-', '-']
      return [
        html`<a href="#${id}">${linkText(run)}</a>`,
        ...(isSeveral ? [file] : []),
        ...numbers,
        check ? (check.passed ? 'passed' : 'FAILED') : 'unchecked',
      ]
    }),
  })
}
