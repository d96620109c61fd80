import { VERSION } from 'convmark'
import type { Result, Run } from 'convmark/bench'
import { verdictText } from 'convmark/bench'
import { useTexts } from '../texts/index.ts'
import { download } from '../ui/download.ts'
import type { Verdict } from './compare.ts'
import type { CompareState } from './state.ts'

interface CompareDownloadProps {
  readonly state: CompareState
  readonly runs: readonly Run[]
  readonly verdicts: readonly Verdict[]
}

/** The same file as `convmark compare --json` writes. */
export function CompareDownload({ state, runs, verdicts }: CompareDownloadProps) {
  const { benchmark, compare } = useTexts()
  async function result(): Promise<Result> {
    const { startEnvironment } = await import('convmark/bench')
    const environment = await startEnvironment()
    return {
      schemaVersion: 1,
      tool: { name: 'convmark', version: VERSION },
      environment: await environment.finish({
        threads: Math.max(...runs.map(({ engine }) => engine.threads)),
        calibrationSpread: null,
      }),
      runs: [...runs],
      unsupported: state.unsupported.map(({ engine, reason }) => ({
        engine,
        pass: 'forward' as const,
        reason: reason ?? compare.missing,
      })),
      comparisons: verdicts.map(({ engine, baseline, comparison }) => ({
        pass: 'forward' as const,
        engine,
        baseline,
        ...comparison,
        interval: [...comparison.interval],
        text: verdictText(engine, baseline, comparison),
      })),
      interrupted: state.phase === 'stopped',
    }
  }
  async function json(): Promise<void> {
    download('convmark-compare.json', 'application/json', JSON.stringify(await result(), null, 2))
  }
  async function html(): Promise<void> {
    const { reportHtml } = await import('convmark/report')
    const page = reportHtml([{ name: 'compare', result: await result() }], { command: location.href })
    download('convmark-compare.html', 'text/html', page)
  }
  return (
    <div class="actions downloads">
      <button type="button" onClick={json}>
        {benchmark.json}
      </button>
      <button type="button" onClick={html}>
        {benchmark.html}
      </button>
    </div>
  )
}
