import type { Session } from '../session.ts'

/** Says how many steps of a session may be slower than they could be, because the budget for tuning was spent. */
export function unmeasuredWarnings({ prepared }: Pick<Session, 'prepared'>): string[] {
  if (!prepared.unmeasuredSteps) return []
  const { count, of, budgetMs } = prepared.unmeasuredSteps
  // Without the rounding errors of the change of units, such as 0.30000000000000004
  const budgetSeconds = Number((budgetMs / 1000).toPrecision(6))
  return [
    `the tuning budget of ${budgetSeconds} s was spent: ` +
      `${count} of the ${of} steps to measure use tiles that were not measured, or only in part`,
  ]
}
