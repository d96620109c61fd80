/**
 * Measuring: the benchmark, its check against the plain loops, and the schema of its result.
 *
 * @module convmark/bench
 */
export { type BenchOptions, benchmark } from './bench.ts'
export { benchmarkResult } from './benchmark-result.ts'
export {
  Checker,
  type CheckOptions,
  type CheckResult,
  MAX_RELATIVE_ERROR,
  type OutlierError,
} from './check.ts'
export {
  compareRounds,
  MIN_ROUNDS,
  type RoundComparison,
  type Unseen,
  unseenBy,
  verdictText,
} from './compare-rounds.ts'
export { type RanBenchmark, type StartedEnvironment, startEnvironment } from './environment.ts'
export type { BenchEvent, TimeStamp } from './events.ts'
export { gradientsGivenActivations, lossesGivenActivations, type ShareOfBatch } from './own-decisions.ts'
export * from './result.ts'
export { describeRun, type RunMeasurement, type RunSettings, type SeenPlan, seenPlan } from './run.ts'
export { summarize } from './statistics.ts'
