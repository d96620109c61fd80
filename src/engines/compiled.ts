import { requireOptions } from '../check-options.ts'
import { InterruptedError } from '../errors.ts'
import { type KernelTable, kernels } from '../kernels/index.ts'
import { type LayOutMemory, layOutMemory } from '../plan/memory.ts'
import { BEFORE_ALL, type Plan, type PlannedTensor } from '../plan/plan.ts'
import { writesOf } from '../plan/steps.ts'
import { type ComputeWorker, startComputeWorkers } from '../runtime/compute-workers.ts'
import type { Executor, LoadedProgram } from '../runtime/executor.ts'
import type { MemoryBlock } from '../runtime/heap.ts'
import { processorMs } from '../runtime/host.ts'
import { OwnMemoryExecutor } from '../runtime/own-memory-executor.ts'
import { SharedExecutor } from '../runtime/shared-executor.ts'
import type { Tuning } from '../runtime/tuning.ts'
import { endAll } from '../runtime/worker-pool.ts'
import { type Grid, pixelAt, type Shape } from '../tensor.ts'
import { type Assembly, assemble, byteLengthOf, type LoadedStages, loadStages } from './assemble.ts'
import {
  type Engine,
  type EngineInfo,
  type Inspection,
  type PreparedPlan,
  type PreparedStep,
  type PrepareOptions,
  prepareRules,
  type RunOptions,
  type TensorView,
  type UnmeasuredSteps,
} from './engine.ts'
import { type FewerThreads, ThreadChoice } from './few-threads.ts'
import { measurePeaks, type PeakOptions, type Peaks, peakRules } from './peak.ts'
import { CopiedPlanMemory, type PlanMemory, SharedPlanMemory } from './plan-memory.ts'
import { makeRoom, type Room } from './room.ts'
import type { SegmentsOf } from './segments.ts'
import { StepChoices } from './step-choices.ts'
import { type CodeTarget, type CompiledPrograms, collectPrograms } from './target.ts'
import { type Tuned, tune } from './tuner.ts'
import { TuningWatch } from './tuning-watch.ts'

/** For tests that plant a wrong kernel, memory layout or segment. */
export interface CompiledEngineDependencies {
  readonly kernels?: KernelTable
  readonly layOutMemory?: LayOutMemory
  readonly segmentsOf?: SegmentsOf
}

export interface CompiledEngineOptions extends CompiledEngineDependencies {
  readonly info: EngineInfo
  readonly target: CodeTarget
  readonly processor: string
}

/** The engine that compiles kernels for this machine and runs them on all its threads. */
export class CompiledEngine implements Engine {
  readonly info: EngineInfo
  readonly lanes: number
  readonly fuses = true
  fallback: Engine['fallback']
  readonly #options: CompiledEngineOptions

  constructor(options: CompiledEngineOptions) {
    this.info = options.info
    this.lanes = options.target.traits.lanes
    this.#options = options
  }

  async prepare(plan: Plan, options: PrepareOptions = {}): Promise<PreparedPlan> {
    requireOptions('prepare', options, prepareRules)
    const { layOutMemory: layOut, segmentsOf: findSegments } = this.#options
    const { target, processor } = this.#options
    const { threads } = this.info
    const choices = this.#choicesFor(plan, options)
    const room = await this.#makeRoom(plan, options)
    let workers: readonly ComputeWorker[]
    try {
      options.signal?.throwIfAborted()
      workers = startComputeWorkers(threads)
    } catch (error) {
      room.settle()
      throw error
    }
    const interrupt = (): void => void endAll(workers)
    options.signal?.addEventListener('abort', interrupt)
    let slab: MemoryBlock | null = null
    let compiled: CompiledPrograms | null = null
    try {
      const memoryBytes = room.ownBytes
      const context = { target, processor, workers, memoryBytes, layOut, findSegments }
      const chosen = await tune(plan, choices, context, options)
      const implementations = choices.chosen(plan, chosen.tuning.choices)
      const fits = (assembly: Assembly): boolean => byteLengthOf(assembly, threads) <= memoryBytes
      // Segments take memory of their own, and a faster tile may need more. What is known to fit has neither.
      const inSegments = assemble(plan, implementations, { layOut, findSegments, threads })
      const tuned = fits(inSegments) ? inSegments : assemble(plan, implementations, { layOut })
      const assembly = fits(tuned) ? tuned : this.#defaults(plan, options)
      const byteLength = byteLengthOf(assembly, threads)
      room.take(byteLength)
      slab = target.allocate(byteLength)
      const programs = collectPrograms(target)
      const stages = stageList(loadStages(assembly, slab.address, programs.add))
      compiled = await programs.compile()
      const program = {
        memory: slab.buffer,
        codes: compiled.codes,
        stages: stages.all,
        threadScratch: slab.address + assembly.layout.byteLength,
        threadScratchByteLength: assembly.threadScratch.byteLength,
      }
      const { byteOffsets } = assembly.layout
      let executor: Executor
      let memory: PlanMemory
      if (slab.buffer) {
        executor = await SharedExecutor.load(workers, program)
        memory = new SharedPlanMemory(plan, slab, slab.buffer, byteOffsets)
      } else {
        const alone = await OwnMemoryExecutor.load(workers[0]!, program)
        executor = alone
        memory = new CopiedPlanMemory(plan, slab, alone, byteOffsets)
      }
      options.signal?.throwIfAborted()
      const watch = new TuningWatch(assembly === tuned ? chosen.expectedMs : [], threads)
      return new CompiledPlan(
        assembly,
        slab,
        room,
        compiled,
        executor,
        memory,
        stages,
        chosen,
        choices,
        watch,
        new ThreadChoice(threads, executor.useThreads !== undefined),
      )
    } catch (error) {
      // Code and memory are freed only when no worker can be running in them.
      await endAll(workers)
      compiled?.free()
      slab?.free()
      room.settle()
      options.signal?.throwIfAborted() // the error of a worker that was ended says less than its cause
      throw error
    } finally {
      options.signal?.removeEventListener('abort', interrupt)
    }
  }

  async requireRoom(plan: Plan, options: PrepareOptions = {}): Promise<void> {
    ;(await this.#makeRoom(plan, options)).settle()
  }

  #makeRoom(plan: Plan, options: PrepareOptions): Promise<Room> {
    const { target, layOutMemory: layOut = layOutMemory } = this.#options
    const { threads } = this.info
    return makeRoom({
      plan,
      threads,
      ownBytes: (plan, mostBytes) => {
        const { byteLength } = layOut(plan.buffers)
        return byteLength > mostBytes ? byteLength : byteLengthOf(this.#defaults(plan, options), threads)
      },
      newBytes: (ownBytes) => target.newBytes(ownBytes),
      options,
      most: { bytes: target.maxByteLength, reason: target.maxReason },
    })
  }

  #choicesFor(plan: Plan, { algorithm = 'auto' }: PrepareOptions): StepChoices {
    const { target, kernels: table = kernels } = this.#options
    return new StepChoices(table, target.traits, { algorithm, weightsChange: plan.pass === 'train' })
  }

  /** An assembly with the first candidate of each step, unmeasured, and without segments: the least that a plan needs. */
  #defaults(plan: Plan, options: PrepareOptions): Assembly {
    const { layOutMemory: layOut } = this.#options
    return assemble(plan, this.#choicesFor(plan, options).defaults(plan), { layOut })
  }

  async measurePeaks(options: PeakOptions = {}): Promise<Peaks> {
    requireOptions('measurePeaks', options, peakRules)
    return measurePeaks(this.#options.target, this.info.threads, options)
  }

  async dispose(): Promise<void> {} // plans free their own memory and code
}

/** A plan's stages one after the other, as the executor knows them, and where each of them is. */
interface StageList {
  readonly all: LoadedProgram['stages']
  /** The first stage of each step if it is run alone, then the number of these stages. */
  readonly firstStage: readonly number[]
  /** Stages [first, end). */
  readonly prologue: { readonly first: number; readonly end: number }
  /** They follow the prologue. */
  readonly run: { readonly first: number; readonly firstUpdate: number; readonly end: number }
}

function stageList({ ofSteps, prologue, run, firstUpdate }: LoadedStages): StageList {
  const firstStage = [0]
  for (const stages of ofSteps) firstStage.push(firstStage.at(-1)! + stages.length)
  const all = [...ofSteps.flat(), ...prologue, ...run]
  const first = all.length - run.length
  return {
    all,
    firstStage,
    prologue: { first: first - prologue.length, end: first },
    run: { first, firstUpdate: first + firstUpdate, end: all.length },
  }
}

class CompiledPlan implements PreparedPlan {
  readonly plan: Plan
  readonly slabByteLength: number
  readonly steps: readonly PreparedStep[]
  readonly tuning: Tuning
  readonly inspection: Inspection
  readonly unmeasuredSteps: UnmeasuredSteps | null
  readonly #slab: MemoryBlock
  readonly #room: Room
  readonly #compiled: CompiledPrograms
  readonly #executor: Executor
  readonly #stages: StageList
  readonly #memory: PlanMemory
  readonly #chosen: Tuned
  readonly #watch: TuningWatch
  readonly #threadChoice: ThreadChoice
  /** True after the first `forget`: from then on the cache may contain choices measured after this session. */
  #hasForgotten = false
  /** For each step, the readable buffers that it writes. */
  readonly #results: readonly (readonly number[])[]
  #parametersChanged = true
  #hadPrologue = false

  constructor(
    assembly: Assembly,
    slab: MemoryBlock,
    room: Room,
    compiled: CompiledPrograms,
    executor: Executor,
    memory: PlanMemory,
    stages: StageList,
    chosen: Tuned,
    choices: StepChoices,
    watch: TuningWatch,
    threadChoice: ThreadChoice,
  ) {
    this.#threadChoice = threadChoice
    this.plan = assembly.plan
    this.slabByteLength = assembly.layout.byteLength
    this.steps = assembly.plan.steps.map((step, i) => {
      const { algorithm, tile } = assembly.implementations[i]!
      return { step, algorithm, tile, note: choices.noteOf(step) }
    })
    this.tuning = chosen.tuning
    this.unmeasuredSteps = chosen.unmeasured
    this.#chosen = chosen
    this.#watch = watch
    this.#slab = slab
    this.#room = room
    this.#compiled = compiled
    this.#executor = executor
    this.#stages = stages
    this.#memory = memory
    const kept = new Set(
      Object.values(this.plan.tensors)
        .filter(({ isKept }) => isKept)
        .map(({ view }) => view.buffer),
    )
    this.#results = this.plan.steps.map((step) =>
      writesOf(step)
        .map(({ buffer }) => buffer)
        .filter((buffer) => kept.has(buffer)),
    )
    this.inspection = {
      memory: memory.shared,
      bufferOffsets: memory.bufferOffsets,
      runStep: (index) => this.#runStep(index),
      fetch: (buffers) => memory.fetch(buffers),
      store: (values) => memory.store(values),
    }
  }

  write(tensor: string, values: Float32Array): void {
    const { role, view } = this.plan.tensors[tensor]!
    const grid = this.#memory.gridOf(view)
    const [images, height, width, channels] = grid.shape
    const isRowWhole = grid.pixelPitch === channels
    let from = 0
    for (let n = 0; n < images; n++) {
      for (let y = 0; y < height; y++) {
        const run = isRowWhole ? width * channels : channels
        for (let x = 0; x < (isRowWhole ? 1 : width); x++, from += run) {
          grid.values.set(values.subarray(from, from + run), pixelAt(grid, n, y, x))
        }
      }
    }
    this.#memory.touch(view.buffer)
    if (role === 'parameter') this.#parametersChanged = true
  }

  async run({ signal, part = 'all' }: RunOptions = {}): Promise<void> {
    const { prologue, run } = this.#stages
    const end = part === 'gradients' ? run.firstUpdate : run.end
    const hasUpdate = end > run.firstUpdate
    if (part !== 'update') this.#hadPrologue = this.#parametersChanged
    const first = part === 'update' ? run.firstUpdate : this.#parametersChanged ? prologue.first : run.first
    // After a run that may have changed parameters, finished or not, what was prepared from them must be prepared
    // again.
    this.#parametersChanged ||= hasUpdate
    this.#memory.send()
    const isWatched = part !== 'update' && this.#watch.isWatching
    const startProcessorMs = isWatched ? processorMs() : null
    this.#executor.useThreads?.(this.#threadChoice.next)
    const startMs = performance.now()
    try {
      await this.#executor.run(first, end, signal)
    } catch (error) {
      // An interrupted run has written results too.
      if (error instanceof InterruptedError) await this.#receive(part)
      throw error
    }
    const elapsedMs = performance.now() - startMs
    this.#threadChoice.add(elapsedMs, part !== 'gradients')
    if (isWatched) {
      const used = startProcessorMs === null ? null : processorMs()! - startProcessorMs
      this.#watch.add(this.stepTimesMs(), elapsedMs, used)
    }
    await this.#receive(part)
    if (!hasUpdate) this.#parametersChanged = false
    this.#slab.wasWritten()
    this.#room.settle()
  }

  get isChoosingThreads(): boolean {
    return this.#threadChoice.isTrying
  }

  get fewerThreads(): FewerThreads | null {
    return this.#threadChoice.fewer
  }

  async forgetDoubtfulTiles(): Promise<boolean> {
    const doubtful = this.#hasForgotten ? [] : this.#watch.doubtfulSteps()
    if (doubtful.length === 0) return false
    this.#hasForgotten = true
    await this.#chosen.forget(doubtful)
    return true
  }

  #receive(part: RunOptions['part']): Promise<void> {
    const { firstUpdate } = this.plan
    const results = part === 'update' ? this.#results.slice(firstUpdate) : this.#results
    const run = part === 'gradients' ? results.slice(0, firstUpdate) : results
    return this.#memory.receive([...new Set(run.flat())])
  }

  async #runStep(index: number): Promise<void> {
    const { prologue, firstStage } = this.#stages
    this.#memory.send()
    if (index === BEFORE_ALL) await this.#executor.run(prologue.first, prologue.end)
    else await this.#executor.run(firstStage[index]!, firstStage[index + 1]!)
  }

  view(tensor: string): TensorView {
    const { role, view, shape } = this.plan.tensors[tensor]!
    const grid = this.#memory.gridOf(view)
    return { data: grid.values, offset: grid.offset, shape, strides: stridesOf(role, shape, grid) }
  }

  stepTimesMs(): readonly number[] {
    const { firstStage, run } = this.#stages
    const stages = this.#executor.stageTimesMs(run.first, run.end)
    return this.steps.map((_, step) =>
      stages.slice(firstStage[step], firstStage[step + 1]).reduce((total, ms) => total + ms, 0),
    )
  }

  weightsTimeMs(): number {
    if (!this.#hadPrologue) return 0
    const { first, end } = this.#stages.prologue
    return this.#executor.stageTimesMs(first, end).reduce((total, ms) => total + ms, 0)
  }

  async dispose(): Promise<void> {
    await this.forgetDoubtfulTiles()
    await this.#executor.dispose()
    this.#compiled.free()
    this.#slab.free()
    this.#room.settle()
  }
}

/**
 * Strides of a tensor as its user sees it: an activation (N, H, W, C), (N, C) or (N), a parameter (..., F) with pitched
 * rows, or a few values of the whole batch.
 */
function stridesOf(role: PlannedTensor['role'], shape: Shape, grid: Grid): number[] {
  if (role === 'input' || role === 'activation') {
    if (shape.length === 1 && grid.shape[0] === 1) return [1]
    const all = [grid.imagePitch, grid.rowPitch, grid.pixelPitch, 1]
    return shape.length === all.length ? all : [grid.imagePitch, 1].slice(0, shape.length)
  }
  const rows = [grid.pixelPitch]
  for (let axis = shape.length - 2; axis > 0; axis--) rows.unshift(rows[0]! * shape[axis]!)
  return shape.length === 1 ? [1] : [...rows, 1]
}
