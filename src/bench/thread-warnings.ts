import { formatFixed } from '../digits.ts'
import type { Session } from '../session.ts'

/** Says that a session does not use all threads of its engine, and why. */
export function fewerThreadsWarnings({ prepared }: Pick<Session, 'prepared'>): string[] {
  if (!prepared.fewerThreads) return []
  const { threads, of, slowdownOnAll } = prepared.fewerThreads
  const factor = formatFixed(slowdownOnAll, 2)
  return [
    `it ran on ${threads} of ${of} threads, since it is small: on all of them it takes ${factor} times as long`,
  ]
}
