import type { Run } from 'convmark/bench'
import {
  formatMeanMs,
  formatMeanRate,
  formatMeasured,
  formatMedianMs,
  formatPercent,
  formatRate,
  formatRelativeError,
  formatSpreadMs,
} from 'convmark/report'
import { useTexts } from '../texts/index.ts'
import { DataTable } from '../ui/data-table.tsx'
import { Notice } from '../ui/notice.tsx'
import type { NamedResult } from './beside.tsx'

/** The runs of this browser, and of the results beside it, a column each; their checks and warnings below. */
export function Summary({ columns }: { readonly columns: readonly NamedResult[] }) {
  const texts = useTexts()
  const { benchmark, settings } = texts
  const all = columns.flatMap(({ name, result }) =>
    result.runs.filter(({ summary }) => summary !== null).map((run) => ({ name, run })),
  )
  const isSeveral = columns.length > 1
  const title = (name: string, run: Run): string =>
    [isSeveral && name, `${run.engine.name} @${run.engine.threads}`, settings.passes[run.pass]]
      .filter(Boolean)
      .join(', ')
  const row = (name: string, cell: (run: Run) => string) => [name, ...all.map(({ run }) => cell(run))]
  return (
    <section class="card" id="summary">
      <h2>{benchmark.summary}</h2>
      <DataTable
        caption={benchmark.summary}
        columns={['', ...all.map(({ name, run }) => title(name, run))]}
        rows={[
          row(settings.network, ({ network, batch }) => `${network}, ${settings.batch} ${batch}`),
          row(benchmark.median, ({ summary }) => formatMedianMs(summary!)),
          row(benchmark.interval, (run) => intervalText(run)),
          row(
            benchmark.mean,
            ({ summary }) => `${formatMeanMs(summary!)} ± ${formatSpreadMs(summary!.sdMs)}`,
          ),
          row(benchmark.imagesPerSecond, (run) => formatMeanRate(run.imagesPerSecond, run.summary!)),
          row(benchmark.gflops, (run) => formatMeanRate(run.gflopsPerSecond, run.summary!)),
          row(benchmark.peak, ({ peakGflopsPerSecond: peak }) => (peak === null ? '–' : formatRate(peak))),
          row(benchmark.peakFraction, ({ peakFraction }) =>
            peakFraction === null
              ? '–'
              : peakFraction > 1
                ? benchmark.winograd(formatRate(peakFraction))
                : formatPercent(peakFraction),
          ),
          row(benchmark.samples, ({ samplesMs, interrupted }) =>
            interrupted ? `${samplesMs.length}, ${benchmark.interrupted}` : String(samplesMs.length),
          ),
          row(benchmark.check, ({ check }) =>
            check
              ? benchmark.checkPassed(
                  formatRelativeError(check.maxRelativeError),
                  check.tensor,
                  check.against,
                )
              : benchmark.checkNone,
          ),
        ]}
      />
      {all
        .flatMap(({ name, run }) => (run.warnings ?? []).map((warning) => `${title(name, run)}: ${warning}`))
        .map((warning) => (
          <Notice key={warning} level="warn">
            {benchmark.warnings}: {warning}
          </Notice>
        ))}
      {isSeveral && <p class="quiet hint">{benchmark.notCompared}</p>}
    </section>
  )
}

function intervalText({ summary }: Run): string {
  const { medianMs, medianIntervalMs } = summary!
  if (!medianIntervalMs) return '–'
  const { low, high } = formatMeasured(medianMs, medianIntervalMs)
  return `${low} – ${high}`
}
