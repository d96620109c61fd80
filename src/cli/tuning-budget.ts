// `--tuning-budget`, for every command that opens an engine.
import { unmeasuredWarnings } from '../bench/tuning-warnings.ts'
import type { Session } from '../session.ts'
import { float32From } from './command.ts'
import { complain } from './errors.ts'

/** Over eleven days: whoever wants more wants no budget. */
const LIMIT_SECONDS = 1e6

export const TUNING_BUDGET = [
  '--tuning-budget <seconds>',
  'time for measuring tiles: the rest use their first tile; 0 measures none; no limit by default',
  float32From('--tuning-budget', 0, { below: LIMIT_SECONDS }),
] as const

export interface TuningBudgetOptions {
  /** In seconds. */
  readonly tuningBudget?: number
}

/** The library's option; none if the command has none. */
export const tuningBudgetOf = ({ tuningBudget }: TuningBudgetOptions): { tuningBudgetMs?: number } =>
  tuningBudget === undefined ? {} : { tuningBudgetMs: 1000 * tuningBudget }

/**
 * Says on stderr that the budget did not suffice for a session, if so. Not for a benchmark, whose result has that warning:
 * elsewhere it says nothing about the results. `what` the session is for is named if a command opens several.
 */
export function warnOfUnmeasured(session: Pick<Session, 'prepared'>, what?: string): void {
  const of = what === undefined ? '' : `${what}: `
  for (const warning of unmeasuredWarnings(session)) complain(new Error(`warning: ${of}${warning}`))
}
