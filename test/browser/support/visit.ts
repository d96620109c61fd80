import type { OpenBrowser } from './browsers.ts'
import { servePage } from './server.ts'

export interface Job {
  /** Of page/jobs.js. */
  readonly name: string
  readonly options?: Readonly<Record<string, unknown>>
  readonly where: 'page' | 'worker'
}

export interface Outcome<Value> {
  readonly value: Value
  readonly error?: string
  /** The longest time that the page did not answer. */
  readonly longestPauseMs: number
  /** What the job took. */
  readonly elapsedMs: number
  /** What the console said but should not. */
  readonly complaints: readonly string[]
}

/** Opens a bundled page, lets it do a job, and returns what it posts. */
export async function visit<Value>(
  browser: OpenBrowser,
  folder: string,
  isIsolated: boolean,
  job: Job,
): Promise<Outcome<Value>> {
  const server = await servePage(folder, isIsolated)
  try {
    const result = within(server.result() as Promise<Outcome<Value>>)
    const complaints = await browser.visit(pageUrl(server.url, job), result)
    return { ...(await result), complaints }
  } finally {
    await server.close()
  }
}

export const pageUrl = (url: string, job: Job): string =>
  `${url}?job=${encodeURIComponent(JSON.stringify(job))}`

const LONGEST_MS = 120_000

/** What a page posts; rejects if it takes too long. */
export function within<Value>(posted: Promise<Value>): Promise<Value> {
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`the page had not answered after ${LONGEST_MS / 1000} s`)
    setTimeout(() => reject(error), LONGEST_MS).unref()
  })
  const first = Promise.race([posted, late])
  first.catch(() => {}) // whoever visits is told
  return first
}
