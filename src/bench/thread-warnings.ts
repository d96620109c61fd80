import { formatFixed } from '../digits.ts'
import type { Session } from '../session.ts'

/** Says that a session does not use all threads of its engine, and why. */
export function fewerThreadsWarnings({ prepared }: Pick<Session, 'prepared'>): string[] {
  if (!prepared.fewerThreads) return []
  const { threads, of, isCallingThread, slowdownOnAll } = prepared.fewerThreads
  const factor = formatFixed(slowdownOnAll, 2)
  const where = isCallingThread ? 'the thread that called it' : `${threads} of ${of} threads`
  const others = !isCallingThread ? 'all of them' : of === 1 ? "the engine's own" : `the engine's ${of}`
  return [`it ran on ${where}, since it is small: on ${others} it takes ${factor} times as long`]
}
