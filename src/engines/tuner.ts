import { type Candidate, candidateName } from '../kernels/kernel.ts'
import type { LayOutMemory } from '../plan/memory.ts'
import type { Plan } from '../plan/plan.ts'
import type { Step } from '../plan/steps.ts'
import type { ComputeWorker } from '../runtime/compute-workers.ts'
import type { Tuning } from '../runtime/tuning.ts'
import type { PrepareOptions, UnmeasuredSteps } from './engine.ts'
import { KeptBlock, MemoryShare } from './memory-share.ts'
import { runOff, runOffRules } from './run-off.ts'
import type { SegmentsOf } from './segments.ts'
import type { StepChoices } from './step-choices.ts'
import { costliestFirst } from './step-cost.ts'
import { StepTuner } from './step-tuner.ts'
import type { CodeTarget } from './target.ts'
import { type CachedChoice, openTuningCache } from './tuning-cache.ts'
import type { DoubtfulStep } from './tuning-watch.ts'

export interface TunerContext {
  readonly target: CodeTarget
  readonly processor: string
  readonly workers: readonly ComputeWorker[]
  /** The most memory that may be used for measuring at any time. */
  readonly memoryBytes: number
  readonly layOut?: LayOutMemory | undefined
  readonly findSegments?: SegmentsOf | undefined
}

/** The choices for a plan, and how long its steps are expected to take with them. */
export interface Tuned {
  readonly tuning: Tuning
  /** Null if all were measured for which neither the given tuning nor the cache has a choice. */
  readonly unmeasured: UnmeasuredSteps | null
  /**
   * For each step: how long its tile took when it was chosen, and how long the step took in the runs that made an
   * earlier choice doubtful. Empty if it has no choice, or if the caller made the choice.
   */
  readonly expectedMs: readonly (readonly number[])[]
  /**
   * Removes the choices of these steps, by index, from the cache, so that they are measured again at the next start.
   * How long they took in runs is stored: a step that always takes longer than when it is measured alone is then not
   * doubted at every start.
   */
  forget(doubtful: readonly DoubtfulStep[]): Promise<void>
}

/** Steps of one key, which share a choice. */
interface OpenChoice {
  readonly key: string
  readonly steps: Step[]
}

/**
 * Measures what neither the given tuning nor the cache contains, as many steps at a time as there are workers, until the
 * budget is spent. A step whose measuring has begun is finished, except that its second round is left out.
 */
export async function tune(
  plan: Plan,
  stepChoices: StepChoices,
  { target, processor, workers, memoryBytes, layOut, findSegments }: TunerContext,
  options: PrepareOptions,
): Promise<Tuned> {
  const cache = options.tuningCache === false ? null : await openTuningCache(processor, target.version)
  const firstCandidateOf = (step: Step): Candidate => stepChoices.candidatesOf(step)[0]!
  const choices: Record<string, string> = {}
  const measuredMs = new Map<string, number>()
  const open = new Map<string, OpenChoice>()
  const cacheKeys = new Map<string, string>()
  const rules = runOffRules(plan, target)
  const isPreliminary = rules?.isPreliminary ?? false
  for (const step of plan.steps) {
    const names = stepChoices.candidatesOf(step).map(candidateName)
    if (names.length === 1) continue
    const key = stepChoices.keyOf(step)
    const inRuns = rules ? ', in runs' : ''
    const cacheKey = `${key} on ${workers.length}${inRuns} | ${digestOf(names)}`
    cacheKeys.set(key, cacheKey)
    const given = options.tuning?.choices[key]
    const cached = options.retune ? undefined : cache?.get(cacheKey)
    if (given !== undefined && names.includes(given)) choices[key] = given
    else if (typeof cached?.ms === 'number' && names.includes(cached.choice)) {
      choices[key] = cached.choice
      measuredMs.set(key, cached.ms)
    } else if (open.has(key)) open.get(key)!.steps.push(step)
    else open.set(key, { key, steps: [step] })
  }
  const total = open.size
  const unmeasured = new Set(open.values())
  const rivals = new Map<string, readonly Candidate[]>()
  const queue = costliestFirst([...open.values()])
  const budgetMs = options.tuningBudgetMs ?? Infinity
  const startMs = performance.now()
  const isBudgetSpent = (): boolean => performance.now() - startMs >= budgetMs
  const share = new MemoryShare(memoryBytes)
  const threads = workers.length
  const measureOn = async (worker: ComputeWorker, memory: KeptBlock): Promise<void> => {
    while (queue.length > 0 && !isBudgetSpent()) {
      options.signal?.throwIfAborted()
      const next = queue.shift()!
      const { key, steps } = next
      const step = steps[0]!
      const context = { target, worker, memory, memoryBytes, threads, isPreliminary }
      const tuner = new StepTuner(plan, step, stepChoices, context)
      const fastest = await tuner.fastest(isBudgetSpent)
      choices[key] = candidateName(fastest?.candidate ?? firstCandidateOf(step))
      const isCutShort = fastest?.isCutShort ?? false
      if (!isCutShort) unmeasured.delete(next)
      if (fastest && !isCutShort && !tuner.lacksMemory) {
        measuredMs.set(key, fastest.ms / threads)
        rivals.set(key, fastest.rivals)
      }
      options.onProgress?.({ done: total - queue.length, total })
    }
  }
  await Promise.all(
    workers.map(async (worker) => {
      const memory = new KeptBlock(share, (byteLength) => target.allocate(byteLength))
      await measureOn(worker, memory).finally(() => memory.free())
    }),
  )
  for (const { key, steps } of queue) choices[key] = candidateName(firstCandidateOf(steps[0]!))
  const contested = rules ? [...open.values()].filter(({ key }) => rivals.has(key)) : []
  if (rules && contested.length > 0) {
    const winners = isBudgetSpent()
      ? null
      : await runOff(
          plan,
          rules,
          contested.map(({ key, steps }) => ({
            steps: steps.map((step) => plan.steps.indexOf(step)),
            rivals: rivals.get(key)!,
          })),
          plan.steps.map((step) => stepChoices.chosenFor(step, choices)),
          stepChoices,
          {
            target,
            threads,
            memoryBytes,
            layOut,
            findSegments,
            runMs: plan.steps.reduce((sum, step) => sum + (measuredMs.get(stepChoices.keyOf(step)) ?? 0), 0),
            isBudgetSpent,
            signal: options.signal,
          },
        )
    if (winners === null && isBudgetSpent()) for (const each of contested) unmeasured.add(each)
    for (const [i, each] of contested.entries()) {
      const winner = winners?.[i]
      if (winner) choices[each.key] = candidateName(winner.candidate)
      if (winner) measuredMs.set(each.key, winner.ms)
      else measuredMs.delete(each.key)
    }
  }
  if (total > 0) {
    // A choice that was limited by memory or by the budget is not stored: there may be more of it next time.
    const measured = [...open.keys()].flatMap((key) => {
      const ms = measuredMs.get(key)
      if (ms === undefined) return []
      const entry: CachedChoice = { choice: choices[key]!, ms }
      return [[cacheKeys.get(key)!, entry] as const]
    })
    await cache?.change(Object.fromEntries(measured))
  }
  const expectedOf = (step: Step): readonly number[] => {
    const key = stepChoices.keyOf(step)
    const measured = measuredMs.get(key)
    if (measured === undefined) return []
    const inRuns = cache?.get(doubtKey(cacheKeys.get(key)!))?.ms
    return typeof inRuns === 'number' ? [measured, inRuns] : [measured]
  }
  return {
    tuning: { version: 1, processor, engine: target.version, choices },
    unmeasured:
      unmeasured.size === 0 ? null : { count: stepCount(unmeasured), of: stepCount(open.values()), budgetMs },
    expectedMs: plan.steps.map(expectedOf),
    async forget(doubtful) {
      const changes = doubtful.flatMap(({ step, ms }) => {
        const key = stepChoices.keyOf(plan.steps[step]!)
        const cacheKey = cacheKeys.get(key)!
        const inRuns: CachedChoice = { choice: choices[key]!, ms }
        return [[cacheKey, null] as const, [doubtKey(cacheKey), inRuns] as const]
      })
      await cache?.change(Object.fromEntries(changes))
    },
  }
}

const stepCount = (choices: Iterable<OpenChoice>): number =>
  [...choices].reduce((sum, { steps }) => sum + steps.length, 0)

/** The cache key of how long a step took in the runs that made its choice doubtful. */
const doubtKey = (cacheKey: string): string => `${cacheKey} in runs`

/** A cached choice is valid only for the same list of candidates. */
function digestOf(names: readonly string[]): string {
  const digest = new TextEncoder()
    .encode(names.join())
    .reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), 0x811c9dc5)
  return (digest >>> 0).toString(16)
}
