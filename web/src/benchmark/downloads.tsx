import type { Result } from 'convmark/bench'
import { linkTo } from '../route.ts'
import { useTexts } from '../texts/index.ts'
import { download } from '../ui/download.ts'
import type { BenchmarkFields } from './settings.ts'

interface DownloadsProps {
  readonly result: Result
  readonly fields: BenchmarkFields
}

/** The same files as `--json` and `--html` write. */
export function Downloads({ result, fields }: DownloadsProps) {
  const { benchmark } = useTexts()
  const name = `convmark-${fields.network}-${result.environment.date.slice(0, 10)}`
  async function html(): Promise<void> {
    const { reportHtml } = await import('convmark/report')
    const page = reportHtml([{ name: `bench ${fields.network}`, result }], {
      command: linkTo('benchmark', fields),
    })
    download(`${name}.html`, 'text/html', page)
  }
  return (
    <div class="actions downloads">
      <button
        type="button"
        onClick={() => download(`${name}.json`, 'application/json', JSON.stringify(result, null, 2))}
      >
        {benchmark.json}
      </button>
      <button type="button" onClick={html}>
        {benchmark.html}
      </button>
    </div>
  )
}
