import { VERSION } from 'convmark'
import { verdictText as plainVerdict, type Run, unseenBy } from 'convmark/bench'
import { formatMeanRate, formatMeasured, formatMedianMs, formatRelativeError } from 'convmark/report'
import { completeResult } from '../result/ask.ts'
import { ResultDownloads } from '../result/result-downloads.tsx'
import type { ResultParts } from '../result/result-work.ts'
import { type Texts, useTexts } from '../texts/index.ts'
import { DataTable } from '../ui/data-table.tsx'
import { LineChart } from '../ui/line-chart.tsx'
import { fastestFirst, type Measured, medianOfTurn, runOf, type Verdict, verdictsOf } from './compare.ts'
import { type CompareState, reasonOf } from './state.ts'

/** Every round as it comes, then the table and the verdicts. */
export function CompareResults({ state }: { readonly state: CompareState }) {
  const texts = useTexts()
  const { compare, benchmark } = texts
  const { phase, settings } = state
  const measured = state.measured.filter(({ turns }) => turns.length > 0)
  if (!settings || measured.length === 0) return null
  const length = Math.max(...measured.map(({ turns }) => turns.length))
  const isOver = phase === 'done' || phase === 'stopped'
  const verdicts = isOver ? verdictsOf(measured) : []
  const ranked = fastestFirst(measured).map((each) => ({ ...each, run: runOf(each, settings) }))
  return (
    <>
      <section class="card">
        <LineChart
          title={compare.chart}
          description={compare.chartText}
          xLabel={compare.round}
          yLabel="ms"
          isLogarithmic={areFarApart(measured)}
          xValues={Array.from({ length }, (_, round) => round + 1)}
          lines={measured.map(({ engine, turns }) => ({
            name: compare.names[engine],
            values: Array.from({ length }, (_, round) => (turns[round] ? medianOfTurn(turns[round]) : null)),
            hasPoints: true,
          }))}
        />
      </section>
      <section class="card" id="compared">
        {isOver && (
          <>
            <h2>{compare.verdicts}</h2>
            {verdicts.length === 0 && measured.length > 1 && <p>{compare.tooFew}</p>}
            <ul class="verdicts">
              {verdicts.map((verdict) => (
                <li key={verdict.baseline}>{verdictText(compare, verdict)}</li>
              ))}
            </ul>
          </>
        )}
        <DataTable
          caption={compare.table}
          columns={[
            compare.engine,
            compare.threads,
            benchmark.median,
            benchmark.imagesPerSecond,
            benchmark.samples,
            benchmark.check,
          ]}
          rows={ranked.map(({ engine, run }) => [
            <>
              {compare.names[engine]}
              <small class="quiet reason">{run.engine.reason}</small>
            </>,
            run.engine.threads,
            formatMedianMs(run.summary!),
            formatMeanRate(run.imagesPerSecond, run.summary!),
            run.samplesMs.length,
            run.check ? formatRelativeError(run.check.maxRelativeError) : benchmark.checkNone,
          ])}
        />
        {isOver && (
          <ResultDownloads
            name="compare"
            link={location.href}
            result={() =>
              completeResult(
                partsOf(
                  state,
                  ranked.map(({ run }) => run),
                  verdicts,
                  compare,
                ),
              )
            }
          />
        )}
      </section>
    </>
  )
}

/** Then a common scale would press the fast ones onto the axis. */
const FAR = 8

function areFarApart(measured: readonly Measured[]): boolean {
  const medians = measured.flatMap(({ turns }) => turns.map(medianOfTurn))
  return Math.max(...medians) > FAR * Math.min(...medians)
}

/** As the command line's `compare` writes it, but for the environment. */
function partsOf(
  { unsupported, phase, settings }: CompareState,
  runs: readonly Run[],
  verdicts: readonly Verdict[],
  compare: Texts['compare'],
): ResultParts {
  const pass = settings?.pass ?? 'forward'
  return {
    schemaVersion: 1,
    tool: { name: 'convmark', version: VERSION },
    runs: [...runs],
    unsupported: unsupported.map((each) => ({
      engine: each.engine,
      pass,
      reason: reasonOf(each, compare),
      ...(each.afterRounds > 0 && { afterRounds: each.afterRounds }),
    })),
    comparisons: verdicts.map(({ engine, baseline, comparison }) => ({
      pass,
      engine,
      baseline,
      ...comparison,
      interval: [...comparison.interval],
      text: plainVerdict(engine, baseline, comparison),
    })),
    interrupted: phase === 'stopped',
  }
}

function verdictText(compare: Texts['compare'], { engine, baseline, comparison }: Verdict): string {
  const { ratio, interval, verdict } = comparison
  const [name, other] = [compare.names[engine], compare.names[baseline]]
  if (verdict === 'no difference found') return compare.same(name, other, unseenBy(comparison))
  const [from, to] = interval
  const isFaster = verdict === 'faster'
  const { value, low, high } = isFaster
    ? formatMeasured(ratio, interval)
    : formatMeasured(1 / ratio, [1 / to, 1 / from])
  return (isFaster ? compare.faster : compare.slower)(name, other, value, low, high)
}
