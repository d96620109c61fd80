import { FLOAT_BYTES } from '../codegen/program.ts'
import { type Candidate, candidateName } from '../kernels/kernel.ts'
import { AFTER_ALL, BEFORE_ALL, type Plan } from '../plan/plan.ts'
import { readsOf, type Step, writesOf } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'
import { type ComputeWorker, replyOf } from '../runtime/compute-workers.ts'
import type { MemoryBlock } from '../runtime/heap.ts'
import { EVICTED_BYTES } from '../runtime/measure.ts'
import type { Tuning } from '../runtime/tuning.ts'
import { roundUp } from '../tensor.ts'
import { assemble, byteLengthOf, loadStages } from './assemble.ts'
import type { PrepareOptions, UnmeasuredSteps } from './engine.ts'
import { MemoryShare } from './memory-share.ts'
import type { StepChoices } from './step-choices.ts'
import { costliestFirst } from './step-cost.ts'
import { type CodeTarget, type CompiledPrograms, collectPrograms } from './target.ts'
import { type CachedChoice, openTuningCache } from './tuning-cache.ts'
import type { DoubtfulStep } from './tuning-watch.ts'

export interface TunerContext {
  readonly target: CodeTarget
  readonly processor: string
  readonly workers: readonly ComputeWorker[]
  /** The most memory that may be used for measuring at any time. */
  readonly memoryBytes: number
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
  { target, processor, workers, memoryBytes }: TunerContext,
  options: PrepareOptions,
): Promise<Tuned> {
  const cache = options.tuningCache === false ? null : await openTuningCache(processor, target.version)
  const firstCandidateOf = (step: Step): Candidate => stepChoices.candidatesOf(step)[0]!
  const choices: Record<string, string> = {}
  const measuredMs = new Map<string, number>()
  const open = new Map<string, OpenChoice>()
  const cacheKeys = new Map<string, string>()
  for (const step of plan.steps) {
    const names = stepChoices.candidatesOf(step).map(candidateName)
    if (names.length === 1) continue
    const key = stepChoices.keyOf(step)
    const cacheKey = `${key} on ${workers.length} | ${digestOf(names)}`
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
  const queue = costliestFirst([...open.values()])
  const budgetMs = options.tuningBudgetMs ?? Infinity
  const startMs = performance.now()
  const isBudgetSpent = (): boolean => performance.now() - startMs >= budgetMs
  const memory = new MemoryShare(memoryBytes)
  await Promise.all(
    workers.map(async (worker) => {
      while (queue.length > 0 && !isBudgetSpent()) {
        options.signal?.throwIfAborted()
        const next = queue.shift()!
        const { key, steps } = next
        const step = steps[0]!
        const threads = workers.length
        const tuner = new StepTuner(plan, step, stepChoices, { target, worker, memory, threads })
        const fastest = await tuner.fastest(isBudgetSpent)
        choices[key] = candidateName(fastest?.candidate ?? firstCandidateOf(step))
        const isCutShort = fastest?.isCutShort ?? false
        if (!isCutShort) unmeasured.delete(next)
        if (fastest && !isCutShort && !tuner.lacksMemory) measuredMs.set(key, fastest.ms / threads)
        options.onProgress?.({ done: total - queue.length, total })
      }
    }),
  )
  for (const { key, steps } of queue) choices[key] = candidateName(firstCandidateOf(steps[0]!))
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

/** How many candidates of each family are measured first; the ones that are probably best come first. */
const FIRST_OF_FAMILY = 2
/** A family is dropped if its first candidates take this many times as long as the best. */
const HOPELESS_FACTOR = 1.15

/** What all steps together read and write may stay in a cache of this size from run to run. */
const WARM_BYTES = 8 * 2 ** 20

const byteLengthOfBuffers = ({ buffers }: Plan): number =>
  buffers.reduce((total, { length }) => total + length * FLOAT_BYTES, 0)

interface StepTunerContext {
  readonly target: CodeTarget
  readonly worker: ComputeWorker
  readonly memory: MemoryShare
  readonly threads: number
}

class NoMemoryToMeasure extends Error {}

class StepTuner {
  /** True if some candidates were not measured because there is not enough memory for them. */
  lacksMemory = false
  readonly #plan: Plan
  readonly #step: Step
  readonly #choices: StepChoices
  readonly #target: CodeTarget
  readonly #worker: ComputeWorker
  readonly #memory: MemoryShare
  readonly #isCold: boolean
  readonly #threads: number
  /** The number of images divided by the number that is measured. */
  readonly #repeats: number

  constructor(plan: Plan, step: Step, choices: StepChoices, context: StepTunerContext) {
    const { target, worker, memory, threads } = context
    this.#threads = threads
    this.#memory = memory
    const isWhole = choices.tilesImages(step)
    const measured = onlyStep(plan, isWhole ? step : withFewImages(step))
    this.#step = measured.step
    this.#repeats = isWhole ? 1 : Math.max(1, plan.batch / MEASURED_IMAGES)
    this.#plan = measured.plan
    // With many images, a step finds its weights in the cache from the second image on.
    this.#isCold = plan.batch <= MEASURED_IMAGES && byteLengthOfBuffers(plan) > WARM_BYTES
    this.#choices = choices
    this.#target = target
    this.#worker = worker
  }

  /** Null if there is not enough memory to measure any of the candidates. */
  async fastest(isBudgetSpent: () => boolean): Promise<Fastest | null> {
    try {
      const candidates = this.#choices.candidatesOf(this.#step)
      return await fastestOf(candidates, (some) => this.#measure(some), isBudgetSpent)
    } catch (error) {
      if (!(error instanceof NoMemoryToMeasure)) throw error
      return null
    }
  }

  /**
   * Allocates the step's memory on its own and runs some tasks of every candidate. Returns the times in ms of those
   * that fit into memory; throws NoMemoryToMeasure if none does.
   */
  async #measure(all: readonly Candidate[]): Promise<Map<Candidate, number>> {
    const assembled = all.map((candidate) => {
      const assembly = assemble(this.#plan, [this.#choices.build(this.#step, candidate)])
      return { candidate, assembly, byteLength: byteLengthOf(assembly, 1) }
    })
    const fitting = assembled.filter(({ byteLength }) => byteLength <= this.#memory.totalBytes)
    if (fitting.length < all.length) this.lacksMemory = true
    if (fitting.length === 0) throw new NoMemoryToMeasure()
    const candidates = fitting.map(({ candidate }) => candidate)
    const assemblies = fitting.map(({ assembly }) => assembly)
    const stepBytes = roundUp(
      Math.max(...fitting.map((each) => each.byteLength)),
      Float32Array.BYTES_PER_ELEMENT,
    )
    const isCold = this.#isCold && stepBytes + EVICTED_BYTES <= this.#memory.totalBytes
    if (isCold !== this.#isCold) this.lacksMemory = true
    const byteLength = stepBytes + (isCold ? EVICTED_BYTES : 0)
    await this.#memory.take(byteLength)
    let block: MemoryBlock | null = null
    let compiled: CompiledPrograms | null = null
    try {
      block = this.#target.allocate(byteLength)
      const { address, buffer, byteOffset } = block
      const programs = collectPrograms(this.#target)
      const requests = assemblies.map((assembly) => {
        const { ofSteps, prologue } = loadStages(assembly, address, programs.add)
        return {
          stages: ofSteps.flat(),
          // If the weights change in every run, their preparation counts too.
          prologue: this.#plan.pass === 'train' ? prologue : [],
          threadScratch: address + assembly.layout.byteLength,
        }
      })
      compiled = await programs.compile()
      this.#worker.post({
        kind: 'measure',
        codes: compiled.codes,
        candidates: requests,
        evicted: isCold ? { memory: buffer, byteOffset: byteOffset + stepBytes } : null,
        threads: this.#threads,
        repeats: this.#repeats,
      })
      const { estimatesMs } = await replyOf(this.#worker, 'measured')
      return new Map(candidates.map((candidate, i) => [candidate, estimatesMs[i]!]))
    } finally {
      compiled?.free()
      block?.free()
      this.#memory.giveBack(byteLength)
    }
  }
}

/** The fastest of a step's candidates, and its time when it was last measured beside its rivals. */
interface Timed {
  readonly candidate: Candidate
  readonly ms: number
}

interface Fastest extends Timed {
  /** True if the second round was left out because the budget was spent: another candidate may be faster. */
  readonly isCutShort: boolean
}

/**
 * Measures the candidates that may be the fastest, in at most two rounds. `measure` gives the times of some, taken
 * alternately. There is no second round if `isBudgetSpent` after the first.
 */
export async function fastestOf(
  candidates: readonly Candidate[],
  measure: (candidates: readonly Candidate[]) => Promise<ReadonlyMap<Candidate, number>>,
  isBudgetSpent: () => boolean = () => false,
): Promise<Fastest> {
  const families = new Map<string, Candidate[]>()
  for (const candidate of candidates) {
    const family = `${candidate.algorithm} ${candidate.family ?? ''}`
    families.set(family, [...(families.get(family) ?? []), candidate])
  }
  const first = families.size === 1 ? Infinity : FIRST_OF_FAMILY
  const all = [...families.values()]
  const times = await measure(all.flatMap((family) => family.slice(0, first)))
  const best = fastestIn(times)
  const limit = HOPELESS_FACTOR * best.ms
  const hopeful = all.filter((family) =>
    family.slice(0, first).some((candidate) => times.get(candidate)! <= limit),
  )
  const rest = hopeful.flatMap((family) => family.slice(first))
  if (rest.length === 0) return { ...best, isCutShort: false }
  if (isBudgetSpent()) return { ...best, isCutShort: true }
  // Only times of the same measurement are compared: the machine may have been busy during another.
  return { ...fastestIn(await measure([best.candidate, ...rest])), isCutShort: false }
}

function fastestIn(times: ReadonlyMap<Candidate, number>): Timed {
  const [[candidate, ms]] = [...times].sort(([, a], [, b]) => a - b) as [[Candidate, number]]
  return { candidate, ms }
}

/** Images on which a candidate is measured: enough to fill the caches, few enough for a fast start. */
const MEASURED_IMAGES = 8

/** The step over only the first images. */
function withFewImages(step: Step): Step {
  const cut = (views: Readonly<Record<string, View>>) =>
    Object.fromEntries(
      Object.entries(views).map(([name, view]) => {
        const [images, ...image] = view.shape
        return [name, { ...view, shape: [Math.min(images, MEASURED_IMAGES), ...image] }]
      }),
    )
  return { ...step, reads: cut(step.reads), writes: cut(step.writes) } as unknown as Step
}

/** A plan of a single step, with only its tensors, next to each other in memory. */
function onlyStep(plan: Plan, step: Step): { readonly plan: Plan; readonly step: Step } {
  const lengths = new Map<number, { id: number; length: number }>()
  for (const { buffer, shape, imagePitch } of [...readsOf(step), ...writesOf(step)])
    lengths.set(buffer, { id: lengths.get(buffer)?.id ?? lengths.size, length: shape[0] * imagePitch })
  const moved = (views: Readonly<Record<string, View>>) =>
    Object.fromEntries(
      Object.entries(views).map(([name, view]) => [name, { ...view, buffer: lengths.get(view.buffer)!.id }]),
    )
  const own = { ...step, reads: moved(step.reads), writes: moved(step.writes) } as unknown as Step
  const buffers = [...lengths].map(([buffer, { id, length }]) => ({
    id,
    name: plan.buffers[buffer]!.name,
    length,
    firstStep: BEFORE_ALL,
    lastStep: AFTER_ALL,
  }))
  return { plan: { ...plan, steps: [own], buffers }, step: own }
}
