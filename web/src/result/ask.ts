// The page's side of results as files.
import type { Result } from 'convmark/bench'
import { startTasks } from '../work/start.ts'
import type { ResultAnswer, ResultParts, ResultRequest } from './result-work.ts'

const runner = startTasks<ResultRequest, ResultAnswer>('result')

async function ask(request: ResultRequest): Promise<ResultAnswer> {
  await runner.whenIdle()
  const said: ResultAnswer[] = []
  const end = await runner.run(request, (answers) => said.push(...answers))
  if (end.kind === 'failed') throw new Error(end.message)
  return said[0]!
}

/** Rejects, with a sentence, for a file that is no result. */
export async function parseResultFile(file: File): Promise<Result> {
  const answer = await ask({
    kind: 'parse',
    name: file.name,
    bytes: new Uint8Array(await file.arrayBuffer()),
  })
  return (answer as Extract<ResultAnswer, { kind: 'result' }>).result
}

/** With where and when it was made. */
export async function completeResult(parts: ResultParts): Promise<Result> {
  const answer = await ask({ kind: 'complete', parts })
  return (answer as Extract<ResultAnswer, { kind: 'result' }>).result
}

/** The report as a page of its own. */
export async function resultHtml(result: Result, command: string): Promise<string> {
  const answer = await ask({ kind: 'html', result, command })
  return (answer as Extract<ResultAnswer, { kind: 'html' }>).html
}
