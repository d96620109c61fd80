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
  /** What the console said but should not. */
  readonly complaints: readonly string[]
}

/** Opens a bundled page, has it do a job, and takes what it posts. */
export async function visit<Value>(
  browser: OpenBrowser,
  folder: string,
  isIsolated: boolean,
  job: Job,
): Promise<Outcome<Value>> {
  const server = await servePage(folder, isIsolated)
  try {
    const result = Promise.race([server.result(), late()])
    result.catch(() => {}) // whoever visits is told
    const complaints = await browser.visit(
      `${server.url}?job=${encodeURIComponent(JSON.stringify(job))}`,
      result,
    )
    return { ...((await result) as Outcome<Value>), complaints }
  } finally {
    await server.close()
  }
}

const LONGEST_MS = 120_000

function late(): Promise<never> {
  return new Promise((_, reject) => {
    const error = new Error(`the page had not answered after ${LONGEST_MS / 1000} s`)
    setTimeout(() => reject(error), LONGEST_MS).unref()
  })
}
