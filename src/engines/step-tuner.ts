// Measures the candidates of one step alone, in memory of its own.
import { FLOAT_BYTES } from '../codegen/program.ts'
import type { Candidate } from '../kernels/kernel.ts'
import { AFTER_ALL, BEFORE_ALL, type Plan } from '../plan/plan.ts'
import { readsOf, type Step, writesOf } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'
import { type ComputeWorker, replyOf } from '../runtime/compute-workers.ts'
import { EVICTED_BYTES } from '../runtime/measure.ts'
import { roundUp } from '../tensor.ts'
import { assemble, byteLengthOf, loadStages } from './assemble.ts'
import type { KeptBlock } from './memory-share.ts'
import type { StepChoices } from './step-choices.ts'
import { type CodeTarget, type CompiledPrograms, collectPrograms } from './target.ts'

/** How many candidates of each family are measured first; the ones that are probably best come first. */
const FIRST_OF_FAMILY = 2
/** A family is dropped if its first candidates take this many times as long as the best. */
const HOPELESS_FACTOR = 1.15
/** Candidates that take up to this many times as long as the fastest may be faster among other steps. */
const RIVAL_FACTOR = 1.6

/** What all steps together read and write may stay in a cache of this size from run to run. */
const WARM_BYTES = 8 * 2 ** 20

const byteLengthOfBuffers = ({ buffers }: Plan): number =>
  buffers.reduce((total, { length }) => total + length * FLOAT_BYTES, 0)

interface StepTunerContext {
  readonly target: CodeTarget
  readonly worker: ComputeWorker
  readonly memory: KeptBlock
  /** The most that `memory` can have. */
  readonly memoryBytes: number
  readonly threads: number
  /** The fastest will be measured again in runs of the whole plan. */
  readonly isPreliminary: boolean
}

class NoMemoryToMeasure extends Error {}

export class StepTuner {
  /** True if some candidates were not measured because there is not enough memory for them. */
  lacksMemory = false
  readonly #plan: Plan
  readonly #step: Step
  readonly #choices: StepChoices
  readonly #target: CodeTarget
  readonly #worker: ComputeWorker
  readonly #memory: KeptBlock
  readonly #memoryBytes: number
  readonly #isCold: boolean
  readonly #threads: number
  readonly #isPreliminary: boolean
  /** The number of images divided by the number that is measured. */
  readonly #repeats: number

  constructor(plan: Plan, step: Step, choices: StepChoices, context: StepTunerContext) {
    const { target, worker, memory, memoryBytes, threads, isPreliminary } = context
    this.#isPreliminary = isPreliminary
    this.#threads = threads
    this.#memory = memory
    this.#memoryBytes = memoryBytes
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
    const fitting = assembled.filter(({ byteLength }) => byteLength <= this.#memoryBytes)
    if (fitting.length < all.length) this.lacksMemory = true
    if (fitting.length === 0) throw new NoMemoryToMeasure()
    const candidates = fitting.map(({ candidate }) => candidate)
    const assemblies = fitting.map(({ assembly }) => assembly)
    const stepBytes = roundUp(
      Math.max(...fitting.map((each) => each.byteLength)),
      Float32Array.BYTES_PER_ELEMENT,
    )
    const isCold = this.#isCold && stepBytes + EVICTED_BYTES <= this.#memoryBytes
    if (isCold !== this.#isCold) this.lacksMemory = true
    const byteLength = stepBytes + (isCold ? EVICTED_BYTES : 0)
    return await this.#memory.with(byteLength, async ({ address, buffer, byteOffset }) => {
      let compiled: CompiledPrograms | null = null
      try {
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
          isPreliminary: this.#isPreliminary,
        })
        const { estimatesMs } = await replyOf(this.#worker, 'measured')
        return new Map(candidates.map((candidate, i) => [candidate, estimatesMs[i]!]))
      } finally {
        compiled?.free()
      }
    })
  }
}

/** The fastest of a step's candidates, and its time when it was last measured beside others. */
export interface Fastest {
  readonly candidate: Candidate
  readonly ms: number
  /** Itself, then those that took little longer, the fastest first. */
  readonly rivals: readonly Candidate[]
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
  const best = Math.min(...times.values())
  const limit = HOPELESS_FACTOR * best
  const hopeful = all.filter((family) =>
    family.slice(0, first).some((candidate) => times.get(candidate)! <= limit),
  )
  const rest = hopeful.flatMap((family) => family.slice(first))
  if (rest.length === 0 || isBudgetSpent()) return inOrder([times], rest.length > 0)
  const [fastest] = [...times].find(([, ms]) => ms === best)!
  return inOrder([await measure([fastest, ...rest]), times], false)
}

/**
 * The fastest of the first measurement. Only times of the same measurement are compared, since the machine may have
 * been busy during another: each candidate counts by how many times as long it took as the fastest then.
 */
function inOrder(rounds: readonly ReadonlyMap<Candidate, number>[], isCutShort: boolean): Fastest {
  const factors = new Map<Candidate, number>()
  for (const times of rounds) {
    const best = Math.min(...times.values())
    for (const [candidate, ms] of times) if (!factors.has(candidate)) factors.set(candidate, ms / best)
  }
  const sorted = [...factors].sort(([, a], [, b]) => a - b)
  const candidate = sorted[0]![0]
  const near = sorted.filter(([, factor]) => factor <= RIVAL_FACTOR)
  return { candidate, ms: rounds[0]!.get(candidate)!, rivals: near.map(([rival]) => rival), isCutShort }
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
