import type { Result } from 'convmark/bench'
import { useState } from 'preact/hooks'
import { useTexts } from '../texts/index.ts'
import { download } from '../ui/download.ts'
import { Notice } from '../ui/notice.tsx'
import { resultHtml } from './ask.ts'

interface ResultDownloadsProps {
  /** What it is about: `bench alexnet`. */
  readonly name: string
  readonly result: () => Promise<Result>
  /** A link that makes it again. */
  readonly link: string
}

/** The same files as the command line's `--json` and `--html` write. */
export function ResultDownloads({ name, result, link }: ResultDownloadsProps) {
  const { benchmark, failed } = useTexts()
  const [fault, setFault] = useState<string | null>(null)
  const fileName = (made: Result, extension: string): string =>
    `convmark-${name.replaceAll(' ', '-')}-${made.environment.date.slice(0, 10)}.${extension}`
  const attempt = (work: () => Promise<void>) => () => {
    setFault(null)
    work().catch((error: Error) => setFault(failed(error.message)))
  }
  const json = attempt(async () => {
    const made = await result()
    download(fileName(made, 'json'), 'application/json', JSON.stringify(made, null, 2))
  })
  const html = attempt(async () => {
    const made = await result()
    download(fileName(made, 'html'), 'text/html', await resultHtml(made, link))
  })
  return (
    <>
      <div class="actions">
        <button type="button" onClick={json}>
          {benchmark.json}
        </button>
        <button type="button" onClick={html}>
          {benchmark.html}
        </button>
      </div>
      {fault !== null && <Notice level="bad">{fault}</Notice>}
    </>
  )
}
