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
import type { PrepareOptions } from './engine.ts'
import { MemoryShare } from './memory-share.ts'
import type { StepChoices } from './step-choices.ts'
import { type CodeTarget, type CompiledPrograms, collectPrograms } from './target.ts'
import { type CachedChoice, openTuningCache } from './tuning-cache.ts'
import type { DoubtfulStep } from './tuning-watch.ts'

export interface TunerParts {
  readonly target: CodeTarget
  readonly processor: string
  readonly workers: readonly ComputeWorker[]
  /** The most that all that is measured at a time may take. */
  readonly memoryBytes: number
}

/** The choices for a plan, and what its steps are expected to take with them. */
export interface Tuned {
  readonly tuning: Tuning
  /**
   * For each step: what its tile took when it was chosen, and what the step took in the runs that made an earlier choice
   * doubtful; empty where it has no choice, or where the caller made it.
   */
  readonly expectedMs: readonly (readonly number[])[]
  /**
   * Takes the choices of these steps, by index, out of the cache: they are measured again at the next start. What they took
   * in runs is kept, so that a step that always takes more than when it is measured is not doubted at every start.
   */
  forget(doubtful: readonly DoubtfulStep[]): Promise<void>
}

/** Measures what neither the given tuning nor the cache knows: step by step, as many at a time as there are workers. */
export async function tune(
  plan: Plan,
  stepChoices: StepChoices,
  { target, processor, workers, memoryBytes }: TunerParts,
  options: PrepareOptions,
): Promise<Tuned> {
  const cache = options.tuningCache === false ? null : await openTuningCache(processor, target.version)
  const choices: Record<string, string> = {}
  const measuredMs = new Map<string, number>()
  const open = new Map<string, Step>()
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
    } else open.set(key, step)
  }
  const total = open.size
  const queue = [...open]
  const memory = new MemoryShare(memoryBytes)
  await Promise.all(
    workers.map(async (worker) => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        options.signal?.throwIfAborted()
        const [key, step] = next
        const threads = workers.length
        const tuner = new StepTuner(plan, step, stepChoices, { target, worker, memory, threads })
        const fastest = await tuner.fastest()
        choices[key] = candidateName(fastest?.candidate ?? stepChoices.candidatesOf(step)[0]!)
        if (fastest && !tuner.lacksMemory) measuredMs.set(key, fastest.ms / threads)
        options.onProgress?.({ done: total - queue.length, total })
      }
    }),
  )
  if (total > 0) {
    // What was chosen for want of memory is not kept: there may be more of it the next time.
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

/** Where the cache has what a step took in the runs that made its choice doubtful. */
const doubtKey = (cacheKey: string): string => `${cacheKey} in runs`

/** A cached choice is valid only for the same list of candidates. */
function digestOf(names: readonly string[]): string {
  const digest = new TextEncoder()
    .encode(names.join())
    .reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), 0x811c9dc5)
  return (digest >>> 0).toString(16)
}

/** Candidates of each family that are measured first: they come with the likely best in front. */
const FIRST_OF_FAMILY = 2
/** A family whose first candidates need so many times the best one's time is not looked at further. */
const HOPELESS_FACTOR = 1.15

/** What all steps together read and write may stay in a cache of this size from run to run. */
const WARM_BYTES = 8 * 2 ** 20

const byteLengthOfBuffers = ({ buffers }: Plan): number =>
  buffers.reduce((total, { length }) => total + length * FLOAT_BYTES, 0)

interface StepTunerParts {
  readonly target: CodeTarget
  readonly worker: ComputeWorker
  readonly memory: MemoryShare
  readonly threads: number
}

class NoMemoryToMeasure extends Error {}

class StepTuner {
  /** Some candidates were not measured: there is no memory for them. */
  lacksMemory = false
  readonly #plan: Plan
  readonly #step: Step
  readonly #choices: StepChoices
  readonly #target: CodeTarget
  readonly #worker: ComputeWorker
  readonly #memory: MemoryShare
  readonly #isCold: boolean
  readonly #threads: number
  /** How many times as many images there are as are measured. */
  readonly #repeats: number

  constructor(plan: Plan, step: Step, choices: StepChoices, parts: StepTunerParts) {
    const { target, worker, memory, threads } = parts
    this.#threads = threads
    this.#memory = memory
    const isWhole = choices.tilesImages(step)
    const measured = onlyStep(plan, isWhole ? step : withFewImages(step))
    this.#step = measured.step
    this.#repeats = isWhole ? 1 : Math.max(1, plan.batch / MEASURED_IMAGES)
    this.#plan = measured.plan
    // Over many images a step has its weights in the cache from the second on.
    this.#isCold = plan.batch <= MEASURED_IMAGES && byteLengthOfBuffers(plan) > WARM_BYTES
    this.#choices = choices
    this.#target = target
    this.#worker = worker
  }

  /** Null if there is no memory to measure any of the candidates. */
  async fastest(): Promise<Timed | null> {
    try {
      return await fastestOf(this.#choices.candidatesOf(this.#step), (some) => this.#measure(some))
    } catch (error) {
      if (!(error instanceof NoMemoryToMeasure)) throw error
      return null
    }
  }

  /**
   * Lays the step's memory out on its own and runs some tasks of every candidate: their times in ms, of those that there is
   * memory for. Throws NoMemoryToMeasure if that is none.
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
        const { all, prologue } = loadStages(assembly, address, programs.add)
        return {
          stages: all.slice(prologue),
          // Where the weights change in every run, what is made of them counts.
          prologue: this.#plan.pass === 'train' ? all.slice(0, prologue) : [],
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

/** The fastest of a step's candidates, and its time as it was measured beside its last rivals. */
interface Timed {
  readonly candidate: Candidate
  readonly ms: number
}

/** Measures the candidates that may be the fastest, in two turns at most. `measure` gives the times of some, taken in turns. */
export async function fastestOf(
  candidates: readonly Candidate[],
  measure: (candidates: readonly Candidate[]) => Promise<ReadonlyMap<Candidate, number>>,
): Promise<Timed> {
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
  if (rest.length === 0) return best
  // Times of different moments are not compared: the machine may have been busy in one of them.
  return fastestIn(await measure([best.candidate, ...rest]))
}

function fastestIn(times: ReadonlyMap<Candidate, number>): Timed {
  const [[candidate, ms]] = [...times].sort(([, a], [, b]) => a - b) as [[Candidate, number]]
  return { candidate, ms }
}

/** Images that a candidate is measured on: enough to fill the caches, few enough for a fast start. */
const MEASURED_IMAGES = 8

/** The step over the first images alone. */
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

/** A step as all of a plan: its tensors, and none else, side by side in memory. */
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
