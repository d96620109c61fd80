// Results as files: read, completed and made into a page.
import { parseResult, type Result, startEnvironment } from 'convmark/bench'
import { reportHtml } from 'convmark/report'
import type { Work } from '../work/serve.ts'

/** All of a result but where and when it was made. */
export type ResultParts = Pick<
  Result,
  'schemaVersion' | 'tool' | 'runs' | 'unsupported' | 'comparisons' | 'interrupted'
>

export type ResultRequest =
  /** A dropped file. */
  | { readonly kind: 'parse'; readonly name: string; readonly bytes: Uint8Array }
  | { readonly kind: 'complete'; readonly parts: ResultParts }
  | { readonly kind: 'html'; readonly result: Result; readonly command: string }

export type ResultAnswer =
  | { readonly kind: 'result'; readonly result: Result }
  | { readonly kind: 'html'; readonly html: string }

/** Throws FormatError for a file that is no result. */
export const resultWork: Work<ResultRequest, ResultAnswer> = async (request, tell) => {
  if (request.kind === 'parse') {
    tell({ kind: 'result', result: parseResult(request.bytes, request.name) })
  } else if (request.kind === 'html') {
    const { result, command } = request
    tell({ kind: 'html', html: reportHtml([{ name: null, result }], { command }) })
  } else {
    const environment = await startEnvironment()
    const threads = Math.max(0, ...request.parts.runs.map(({ engine }) => engine.threads))
    const completed = await environment.finish({ threads, calibrationSpread: null })
    tell({ kind: 'result', result: { ...request.parts, environment: completed } })
  }
}
