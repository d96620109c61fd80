import { interpret } from '../../src/codegen/interpret.ts'
import type { KernelFunction, Program } from '../../src/codegen/program.ts'
import { encodeWasm } from '../../src/codegen/wasm/encode.ts'
import { type Assembly, assemble, byteLengthOf, loadStages } from '../../src/engines/assemble.ts'
import { kernelOf, kernels } from '../../src/kernels/index.ts'
import type { Candidate } from '../../src/kernels/kernel.ts'
import { BEFORE_ALL, type Plan } from '../../src/plan/plan.ts'
import type { Step } from '../../src/plan/steps.ts'
import { gridOf, type View } from '../../src/plan/views.ts'
import { type LoadedSegment, type LoadedStage, runTasks, slotsOf } from '../../src/runtime/tasks.ts'
import { type Grid, pixelAt } from '../../src/tensor.ts'

/** A target that runs in the test's own thread. */
export interface InlineTarget {
  readonly name: string
  readonly lanes: number
  readonly vectorRegisters: number
  /** Memory of so many bytes, and what makes programs callable on it. */
  open(byteLength: number): {
    readonly memory: ArrayBufferLike
    /** What programs take as the address of the memory's first byte. */
    readonly address: number
    compile(program: Program): KernelFunction
  }
}

export const interpretTarget = (lanes: number): InlineTarget => ({
  name: `interpret at ${lanes} lanes`,
  lanes,
  vectorRegisters: lanes === 16 ? 32 : 16,
  open: (byteLength) => {
    const memory = new ArrayBuffer(Math.ceil(byteLength / 4) * 4)
    return { memory, address: 0, compile: (program) => interpret(program, memory) }
  },
})

export const wasmTarget = (relaxedMadd: boolean): InlineTarget => ({
  name: relaxedMadd ? 'wasm with relaxed FMA' : 'wasm',
  lanes: 4,
  vectorRegisters: 16,
  open: (byteLength) => {
    const memory = new WebAssembly.Memory({
      initial: Math.ceil(byteLength / 65536),
      maximum: 65536,
      shared: true,
    })
    return {
      memory: memory.buffer,
      address: 0,
      compile: (program) => {
        const module = new WebAssembly.Module(encodeWasm(program, { relaxedMadd }))
        return new WebAssembly.Instance(module, { env: { memory } }).exports.run as KernelFunction
      },
    }
  },
})

export interface InlineOptions {
  /** The number of threads that the plan is assembled for; this thread alone runs it. Without, there are no segments. */
  readonly threads?: number
}

/** A plan on an inline target: run step by step or as it is timed, looked at freely. */
export interface InlineRun {
  readonly assembly: Assembly
  readonly candidates: readonly Candidate[]
  look(view: View): Grid
  write(tensor: string, values: ArrayLike<number>): void
  /** Step -1 is what runs when parameters were written. */
  runStep(index: number): void
  /** What runs when parameters were written, then all steps, those of a segment image by image. */
  run(): void
}

/** Everything but what the caller writes begins as NaN: a value that no step wrote can't go unseen. */
export function openInline(
  target: InlineTarget,
  plan: Plan,
  choose: (candidates: readonly Candidate[], step: Step) => Candidate = ([first]) => first!,
  options: InlineOptions = {},
): InlineRun {
  const traits = { name: target.name, lanes: target.lanes, vectorRegisters: target.vectorRegisters }
  const candidates = plan.steps.map((step) =>
    choose(kernelOf(kernels, step).candidates(step as never, traits), step),
  )
  const implementations = plan.steps.map((step, i) =>
    kernelOf(kernels, step).build(step as never, traits, candidates[i]!),
  )
  const assembly = assemble(plan, implementations, options)
  const { memory, address, compile } = target.open(byteLengthOf(assembly, 1))
  const functions: KernelFunction[] = []
  const stages = loadStages(assembly, address, (program) => functions.push(compile(program)) - 1)
  const floats = new Float32Array(memory).fill(Number.NaN)
  const offsetOf = (buffer: number) => assembly.layout.byteOffsets.get(buffer)! / 4
  for (const buffer of plan.buffers) {
    if (buffer.firstStep === BEFORE_ALL)
      floats.fill(0, offsetOf(buffer.id), offsetOf(buffer.id) + buffer.length)
  }
  const look = (view: View): Grid => gridOf(view, floats, offsetOf(view.buffer))
  const threadScratch = address + assembly.layout.byteLength
  const segmentTimes = new Float64Array(slotsOf(stages.run))
  const runner = { kernels: functions, threadScratch, segmentTimes }
  const run = (loaded: readonly (LoadedStage | LoadedSegment)[]): void => {
    for (const stage of loaded) {
      let next = 0
      runTasks(
        stage,
        runner,
        () => next++,
        () => false,
      )
    }
  }
  return {
    assembly,
    candidates,
    look,
    write(tensor, values) {
      const grid = look(plan.tensors[tensor]!.view)
      const [images, height, width, channels] = grid.shape
      let from = 0
      for (let n = 0; n < images; n++) {
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const to = pixelAt(grid, n, y, x)
            for (let c = 0; c < channels; c++) grid.values[to + c] = values[from++]!
          }
        }
      }
    },
    runStep(index) {
      run(index === BEFORE_ALL ? stages.prologue : stages.ofSteps[index]!)
    },
    run() {
      run([...stages.prologue, ...stages.run])
    },
  }
}
