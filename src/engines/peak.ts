import { abortSignal, optional, type Rules, trueOrFalse } from '../check-options.ts'
import { bandwidthProgram, bandwidthValues, onePartPerThread, peakPrograms } from '../kernels/peak.ts'
import { startComputeWorkers } from '../runtime/compute-workers.ts'
import type { MemoryBlock } from '../runtime/heap.ts'
import { leastMemory } from '../runtime/memory.ts'
import { OwnMemoryExecutor } from '../runtime/own-memory-executor.ts'
import { SharedExecutor } from '../runtime/shared-executor.ts'
import { endAll } from '../runtime/worker-pool.ts'
import { loadStage } from './assemble.ts'
import type { CodeTarget, CompiledPrograms } from './target.ts'

/** The limits of this machine, measured with code of the same target. */
export interface Peaks {
  /** Multiply-adds of all threads together, of which each counts 2, in 10^9 a second. */
  readonly gflopsPerSecond: number
  /** Of memory that is read by all threads, in 10^9 bytes a second; null if it was not asked for. */
  readonly bandwidthGigabytesPerSecond: number | null
}

/** What `measurePeaks` measures. */
export interface PeakOptions {
  /** Measures the memory's bandwidth too; false by default. */
  readonly withBandwidth?: boolean
  /** If aborted, it rejects with InterruptedError. */
  readonly signal?: AbortSignal | undefined
}

export const peakRules: Rules<PeakOptions> = {
  withBandwidth: optional(trueOrFalse),
  signal: optional(abortSignal),
}

/** The first rounds run code of V8's baseline compiler; the best of the others is the peak. */
const ROUNDS = 8
const PEAK_VALUES_EACH = 64

export async function measurePeaks(
  target: CodeTarget,
  threads: number,
  { withBandwidth = false, signal, rounds = ROUNDS }: PeakOptions & { readonly rounds?: number } = {},
): Promise<Peaks> {
  const peaks = peakPrograms(target.traits).map(({ program, flops }) => ({
    program,
    work: flops,
    values: PEAK_VALUES_EACH,
  }))
  const values = await valuesThatFit(target, threads)
  const bandwidth = {
    program: bandwidthProgram(target.traits, values),
    work: 4 * values,
    values,
  }
  const loops = withBandwidth ? [...peaks, bandwidth] : peaks
  const byteLength = 4 * threads * Math.max(...loops.map(({ values }) => values))
  const workers = startComputeWorkers(threads)
  let memory: MemoryBlock | null = null
  let compiled: CompiledPrograms | null = null
  try {
    const block = target.allocate(byteLength)
    memory = block
    // A worker's own memory is zero at first.
    if (block.buffer) new Float32Array(block.buffer, block.byteOffset, byteLength / 4).fill(0)
    block.wasWritten()
    compiled = await target.compile(
      loops.map(({ program }) => ({
        bytes: target.encode(program),
        parameters: program.parameters.length,
      })),
    )
    const stages = loops.map(({ program, values }, i) => {
      const resolve = () => ({ address: block.address, byteLength })
      return loadStage({ parts: [onePartPerThread(program, threads, values)] }, resolve, () => i)
    })
    const program = { memory: block.buffer, codes: compiled.codes, stages }
    const scratch = { threadScratch: 0, threadScratchByteLength: 0 }
    const executor = block.buffer
      ? await SharedExecutor.load(workers, { ...program, ...scratch })
      : await OwnMemoryExecutor.load(workers[0]!, { ...program, ...scratch })
    const best = loops.map(() => 0)
    for (let round = 0; round < rounds; round++) {
      for (const [stage, { work }] of loops.entries()) {
        // Timed by the caller's clock: a thread that woke late would not have seen the others begin.
        const start = performance.now()
        await executor.run(stage, stage + 1, signal)
        const ms = performance.now() - start
        best[stage] = Math.max(best[stage]!, (threads * work) / ms / 1e6)
      }
    }
    return {
      gflopsPerSecond: Math.max(...best.slice(0, peaks.length)),
      bandwidthGigabytesPerSecond: withBandwidth ? best.at(-1)! : null,
    }
  } finally {
    await endAll(workers)
    compiled?.free()
    memory?.free()
  }
}

/** With fewer values they would come from the caches, so no bandwidth is measured. */
const LEAST_BANDWIDTH_VALUES = 1 << 18

/** How many values each thread reads: fewer than wanted if memory is short, perhaps because a session is open. */
async function valuesThatFit(target: CodeTarget, threads: number): Promise<number> {
  const memory = await leastMemory()
  const fits = (values: number): boolean => {
    const byteLength = 4 * threads * values
    if (byteLength > target.maxByteLength) return false
    return memory === null || target.newBytes(byteLength) <= memory.freeBytes / 2
  }
  let values = bandwidthValues(threads)
  while (values > LEAST_BANDWIDTH_VALUES && !fits(values)) values /= 2
  return values
}
