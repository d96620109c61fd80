import type { Program } from '../codegen/program.ts'
import { FLOAT_BYTES } from '../codegen/program.ts'
import { UsageError } from '../errors.ts'
import { type KernelTable, kernelOf, kernels } from '../kernels/index.ts'
import { type Candidate, candidateName, type Implementation } from '../kernels/kernel.ts'
import { type LayOutMemory, layOutMemory } from '../plan/memory.ts'
import { AFTER_ALL, BEFORE_ALL, createPlan, type Plan, type PlannedTensor } from '../plan/plan.ts'
import { readsOf, type Step, writesOf } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'
import { gridOf } from '../plan/views.ts'
import { type ComputeWorker, Executor, replyOf, startComputeWorkers } from '../runtime/executor.ts'
import type { MemoryBlock } from '../runtime/heap.ts'
import { type Tuning, tuningKey } from '../runtime/tuning.ts'
import { type Grid, pixelAt, type Shape } from '../tensor.ts'
import { type Assembly, assemble, byteLengthOf, type LoadedStages, loadStages } from './assemble.ts'
import type {
  Engine,
  EngineInfo,
  Inspection,
  PreparedPlan,
  PreparedStep,
  PrepareOptions,
  TensorView,
} from './engine.ts'
import { measurePeaks, type Peaks } from './peak.ts'
import type { CodeTarget, CompiledPrograms, EncodedProgram } from './target.ts'
import { openTuningCache, type TuningCache } from './tuning-cache.ts'

/** Others than convmark's own: for tests that plant a wrong one. */
export interface CompiledEngineParts {
  readonly kernels?: KernelTable
  readonly layOutMemory?: LayOutMemory
}

export interface CompiledEngineOptions extends CompiledEngineParts {
  readonly info: EngineInfo
  readonly target: CodeTarget
  readonly processor: string
}

/** The engine that compiles kernels for this machine and runs them on all its threads. */
export class CompiledEngine implements Engine {
  readonly info: EngineInfo
  readonly lanes: number
  fallback: Engine['fallback']
  readonly #options: CompiledEngineOptions

  constructor(options: CompiledEngineOptions) {
    this.info = options.info
    this.lanes = options.target.traits.lanes
    this.#options = options
  }

  async prepare(plan: Plan, options: PrepareOptions = {}): Promise<PreparedPlan> {
    const { layOutMemory: layOut = layOutMemory } = this.#options
    const defaults = plan.steps.map((step) => this.#candidatesOf(step)[0]!)
    const withDefaults = assemble(plan, this.#build(plan, defaults), layOut)
    this.#requireRoom(plan, withDefaults)

    const workers = await startComputeWorkers(this.info.threads)
    let slab: MemoryBlock | null = null
    let compiled: CompiledPrograms | null = null
    try {
      const tuning = await this.#tune(plan, workers, options)
      const chosen = plan.steps.map((step) => this.#chosen(step, tuning))
      const tuned = assemble(plan, this.#build(plan, chosen), layOut)
      // A faster tile may need more scratch: where memory ends, the tiles that were found to fit are taken.
      const fits = byteLengthOf(tuned, this.info.threads) <= this.#options.target.maxByteLength
      const assembly = fits ? tuned : withDefaults
      slab = this.#allocate(plan, assembly)
      const programs = this.#collector()
      const stages = loadStages(assembly, slab.address, programs.add)
      compiled = await programs.compile()
      const executor = await Executor.load(workers, {
        memory: slab.buffer,
        codes: compiled.codes,
        stages: stages.all,
        threadScratch: slab.address + assembly.layout.byteLength,
        threadScratchByteLength: assembly.threadScratchByteLength,
      })
      return new CompiledPlan(assembly, slab, compiled, executor, stages, tuning)
    } catch (error) {
      // Not before nobody runs in them any more.
      await Promise.all(workers.map((worker) => worker.terminate()))
      compiled?.free()
      slab?.free()
      throw error
    }
  }

  measurePeaks({ withBandwidth = false } = {}): Promise<Peaks> {
    return measurePeaks(this.#options.target, this.info.threads, { withBandwidth })
  }

  async dispose(): Promise<void> {} // a plan's memory and code go with the plan

  #candidatesOf(step: Step): readonly Candidate[] {
    return this.#rule(step).candidates(step as never, this.#options.target.traits)
  }

  #rule(step: Step) {
    return kernelOf(this.#options.kernels ?? kernels, step)
  }

  #build(plan: Plan, choices: readonly Candidate[]): Implementation[] {
    return plan.steps.map((step, i) => this.#buildStep(step, choices[i]!))
  }

  #buildStep(step: Step, candidate: Candidate): Implementation {
    return this.#rule(step).build(step as never, this.#options.target.traits, candidate)
  }

  #chosen(step: Step, tuning: Tuning): Candidate {
    const candidates = this.#candidatesOf(step)
    const choice = tuning.choices[tuningKey(step)]
    return candidates.find((candidate) => candidateName(candidate) === choice) ?? candidates[0]!
  }

  #requireRoom(plan: Plan, assembly: Assembly): void {
    const { maxByteLength, maxReason } = this.#options.target
    const needed = byteLengthOf(assembly, this.info.threads)
    if (needed <= maxByteLength) return
    const fits = (batch: number): boolean => {
      const smaller = createPlan(plan.network, {
        batch,
        pass: plan.pass,
        lanes: plan.lanes,
        keep: keptBy(plan),
      })
      const choices = smaller.steps.map((step) => this.#candidatesOf(step)[0]!)
      const { layOutMemory: layOut = layOutMemory } = this.#options
      return (
        byteLengthOf(assemble(smaller, this.#build(smaller, choices), layOut), this.info.threads) <=
        maxByteLength
      )
    }
    let [low, high] = [0, plan.batch]
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (fits(middle)) low = middle
      else high = middle
    }
    const advice = low > 0 ? `the largest batch that fits is ${low}` : 'not even a batch of 1 fits'
    throw new UsageError(
      `batch ${plan.batch} needs ${needed} bytes of memory; ${maxReason} ${maxByteLength}; ${advice}`,
    )
  }

  #allocate(plan: Plan, assembly: Assembly): MemoryBlock {
    const slab = this.#options.target.allocate(byteLengthOf(assembly, this.info.threads))
    // What the caller writes has zeros around and between that no step writes.
    const floats = new Float32Array(slab.buffer)
    for (const buffer of plan.buffers) {
      if (buffer.firstStep !== BEFORE_ALL) continue
      const from = (slab.byteOffset + assembly.layout.byteOffsets.get(buffer.id)!) / FLOAT_BYTES
      floats.fill(0, from, from + buffer.length)
    }
    return slab
  }

  /** Numbers programs as they come; equal ones share a number. */
  #collector() {
    const { target } = this.#options
    const numbers = new Map<string, number>()
    const programs: EncodedProgram[] = []
    const add = (program: Program): number => {
      const bytes = target.encode(program)
      const key = new TextDecoder('latin1').decode(bytes)
      const known = numbers.get(key)
      if (known !== undefined) return known
      numbers.set(key, programs.length)
      return programs.push({ bytes, parameters: program.parameters.length }) - 1
    }
    return { add, compile: () => target.compile(programs) }
  }

  /** Measures what neither the given tuning nor the cache knows: step by step, as many at a time as there are workers. */
  async #tune(plan: Plan, workers: readonly ComputeWorker[], options: PrepareOptions): Promise<Tuning> {
    const { processor, target } = this.#options
    const cache = options.tuningCache === false ? null : await openTuningCache(processor, target.version)
    const choices: Record<string, string> = {}
    const open = new Map<string, Step>()
    for (const step of plan.steps) {
      const names = this.#candidatesOf(step).map(candidateName)
      if (names.length === 1) continue
      const key = tuningKey(step)
      const known = [options.tuning?.choices[key], cache?.get(key)].find(
        (name) => name && names.includes(name),
      )
      if (known) choices[key] = known
      else open.set(key, step)
    }
    const total = open.size
    const queue = [...open]
    await Promise.all(
      workers.map(async (worker) => {
        for (let next = queue.shift(); next; next = queue.shift()) {
          options.signal?.throwIfAborted()
          const [key, step] = next
          choices[key] = await this.#fastest(plan, withFewImages(step), worker)
          options.onProgress?.({ done: total - queue.length, total })
        }
      }),
    )
    await this.#keep(cache, choices, [...open.keys()])
    return { version: 1, processor, engine: target.version, choices }
  }

  async #keep(
    cache: TuningCache | null,
    choices: Readonly<Record<string, string>>,
    measured: readonly string[],
  ) {
    if (!cache || measured.length === 0) return
    await cache.add(Object.fromEntries(measured.map((key) => [key, choices[key]!])))
  }

  /** Lays the step's memory out on its own, runs some tasks of every candidate on one worker, and names the best. */
  async #fastest(plan: Plan, step: Step, worker: ComputeWorker): Promise<string> {
    const candidates = this.#candidatesOf(step)
    const alone = onlyStep(plan, step)
    const assemblies = candidates.map((candidate) => assemble(alone, [this.#buildStep(step, candidate)]))
    const block = this.#options.target.allocate(Math.max(...assemblies.map((each) => byteLengthOf(each, 1))))
    const programs = this.#collector()
    const requests = assemblies.map((assembly) => {
      const { all, prologue } = loadStages(assembly, block.address, programs.add)
      return { stages: all.slice(prologue), threadScratch: block.address + assembly.layout.byteLength }
    })
    let compiled: CompiledPrograms | null = null
    try {
      compiled = await programs.compile()
      worker.post({ kind: 'measure', codes: compiled.codes, candidates: requests })
      const { estimatesMs } = await replyOf(worker, 'measured')
      const best = estimatesMs.indexOf(Math.min(...estimatesMs))
      return candidateName(candidates[best]!)
    } finally {
      compiled?.free()
      block.free()
    }
  }
}

/** Images that a candidate is measured on: enough to fill the caches, few enough for a fast start. */
const MEASURED_IMAGES = 8

/**
 * The step over the first images alone. Which tile is best does not depend on how many follow, but in a dense layer, where
 * images are the tile's rows and share what is read of the weights.
 */
function withFewImages(step: Step): Step {
  if (step.kind.startsWith('dense-')) return step
  const cut = (views: Readonly<Record<string, View>>) =>
    Object.fromEntries(
      Object.entries(views).map(([name, view]) => {
        const [images, ...image] = view.shape
        return [name, { ...view, shape: [Math.min(images, MEASURED_IMAGES), ...image] }]
      }),
    )
  return { ...step, reads: cut(step.reads), writes: cut(step.writes) } as unknown as Step
}

/** A plan of one step, all its tensors at once in memory and none else. */
function onlyStep(plan: Plan, step: Step): Plan {
  const views = [...readsOf(step), ...writesOf(step)]
  const lengths = new Map(views.map(({ buffer, shape, imagePitch }) => [buffer, shape[0] * imagePitch]))
  const buffers = plan.buffers.map((buffer) => ({
    ...buffer,
    length: lengths.get(buffer.id) ?? 0,
    firstStep: BEFORE_ALL,
    lastStep: AFTER_ALL,
  }))
  return { ...plan, steps: [step], buffers }
}

const keptBy = (plan: Plan): string[] =>
  Object.entries(plan.tensors)
    .filter(([name, { role, isKept }]) => role === 'activation' && isKept && !plan.outputs.includes(name))
    .map(([name]) => name)

class CompiledPlan implements PreparedPlan {
  readonly plan: Plan
  readonly slabByteLength: number
  readonly steps: readonly PreparedStep[]
  readonly tuning: Tuning
  readonly inspection: Inspection
  readonly #slab: MemoryBlock
  readonly #compiled: CompiledPrograms
  readonly #executor: Executor
  readonly #stages: LoadedStages
  readonly #floats: Float32Array
  readonly #bufferOffsets: ReadonlyMap<number, number>
  #parametersChanged = true

  constructor(
    assembly: Assembly,
    slab: MemoryBlock,
    compiled: CompiledPrograms,
    executor: Executor,
    stages: LoadedStages,
    tuning: Tuning,
  ) {
    this.plan = assembly.plan
    this.slabByteLength = assembly.layout.byteLength
    this.steps = assembly.plan.steps.map((step, i) => {
      const { algorithm, tile } = assembly.implementations[i]!
      return { step, algorithm, tile }
    })
    this.tuning = tuning
    this.#slab = slab
    this.#compiled = compiled
    this.#executor = executor
    this.#stages = stages
    this.#floats = new Float32Array(slab.buffer)
    const offsets = [...assembly.layout.byteOffsets].map(
      ([id, offset]) => [id, (slab.byteOffset + offset) / FLOAT_BYTES] as const,
    )
    this.#bufferOffsets = new Map(offsets)
    this.inspection = {
      memory: slab.buffer,
      bufferOffsets: this.#bufferOffsets,
      runStep: (index) => this.#runStep(index),
    }
  }

  write(tensor: string, values: Float32Array): void {
    const { role, view } = this.plan.tensors[tensor]!
    const grid = gridOf(view, this.#floats, this.#bufferOffsets.get(view.buffer)!)
    const [images, height, width, channels] = grid.shape
    const isRowWhole = grid.pixelPitch === channels
    let from = 0
    for (let n = 0; n < images; n++) {
      for (let y = 0; y < height; y++) {
        const run = isRowWhole ? width * channels : channels
        for (let x = 0; x < (isRowWhole ? 1 : width); x++, from += run) {
          this.#floats.set(values.subarray(from, from + run), pixelAt(grid, n, y, x))
        }
      }
    }
    if (role === 'parameter') this.#parametersChanged = true
  }

  async run(signal?: AbortSignal): Promise<void> {
    const { prologue, firstStage } = this.#stages
    const first = this.#parametersChanged ? 0 : prologue
    await this.#executor.run(first, firstStage.at(-1)!, signal)
    this.#parametersChanged = false
  }

  async #runStep(index: number): Promise<void> {
    const { prologue, firstStage } = this.#stages
    if (index === BEFORE_ALL) await this.#executor.run(0, prologue)
    else await this.#executor.run(firstStage[index]!, firstStage[index + 1]!)
  }

  view(tensor: string): TensorView {
    const { role, view, shape } = this.plan.tensors[tensor]!
    const grid = gridOf(view, this.#floats, this.#bufferOffsets.get(view.buffer)!)
    return { data: this.#floats, offset: grid.offset, shape, strides: stridesOf(role, shape, grid) }
  }

  stepTimesMs(): readonly number[] {
    const { firstStage } = this.#stages
    const stages = this.#executor.stageTimesMs(firstStage[0]!, firstStage.at(-1)!)
    return this.steps.map((_, step) => {
      const from = firstStage[step]! - firstStage[0]!
      const to = firstStage[step + 1]! - firstStage[0]!
      return stages.slice(from, to).reduce((total, ms) => total + ms, 0)
    })
  }

  async dispose(): Promise<void> {
    await this.#executor.dispose()
    this.#compiled.free()
    this.#slab.free()
  }
}

/** Strides of a tensor as its user sees it: an activation (N, H, W, C) or (N, C), a parameter (..., F) with pitched rows. */
function stridesOf(role: PlannedTensor['role'], shape: Shape, grid: Grid): number[] {
  if (role === 'input' || role === 'activation') {
    const all = [grid.imagePitch, grid.rowPitch, grid.pixelPitch, 1]
    return shape.length === all.length ? all : [grid.imagePitch, 1].slice(0, shape.length)
  }
  const rows = [grid.pixelPitch]
  for (let axis = shape.length - 2; axis > 0; axis--) rows.unshift(rows[0]! * shape[axis]!)
  return shape.length === 1 ? [1] : [...rows, 1]
}
