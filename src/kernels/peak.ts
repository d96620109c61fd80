import { type Program, ProgramBuilder, type Vector } from '../codegen/program.ts'
import type { Part, TargetTraits } from './kernel.ts'

/** Sums in flight: 10 hide the latency of two multipliers. Which number suits a compiler best is measured. */
const ACCUMULATORS = [10, 12, 14] as const
const UNROLLED = 4
/** Some ten milliseconds: waking the threads and waiting for them takes a hundredth of that or less. */
const ROUNDS = 1_500_000

/** Loops of nothing but multiply-adds in registers, and their FLOPs: the most that any kernel of this target can reach. */
export function peakPrograms(traits: TargetTraits): { program: Program; flops: number }[] {
  return ACCUMULATORS.filter((count) => count < traits.vectorRegisters).map((count) => {
    const b = new ProgramBuilder(`peak of ${count} sums`, traits.lanes, ['data'])
    const data = b.parameter('data')
    const factor = b.load(data)
    // Each sum is also an operand of its own update, so that no compiler can merge two of them; the factor is 0.
    const sums: Vector[] = Array.from({ length: count }, () => b.broadcast(data))
    b.loop(ROUNDS, () => {
      for (let i = 0; i < UNROLLED; i++) for (const sum of sums) b.fma(sum, sum, factor)
    })
    const total = sums.reduce((all, sum) => b.add(all, sum))
    b.store(data, 0, total)
    return { program: b.finish(), flops: 2 * traits.lanes * count * UNROLLED * ROUNDS }
  })
}

/** Far more than the caches hold. */
const BANDWIDTH_VALUES = 16 << 20
/** 512 MiB, which many threads must share: wasm has only 4 GiB. */
const BANDWIDTH_VALUES_OF_ALL = 128 << 20
const VECTORS_AT_ONCE = 8

/** Values that each of this many threads reads: a power of two, so that any vector divides it. */
export function bandwidthValues(threads: number): number {
  const share = 2 ** Math.floor(Math.log2(BANDWIDTH_VALUES_OF_ALL / threads))
  return Math.min(BANDWIDTH_VALUES, share)
}

/** Reads this many consecutive values from memory and adds them up. */
export function bandwidthProgram(traits: TargetTraits, values: number): Program {
  const b = new ProgramBuilder('read bandwidth', traits.lanes, ['data'])
  const data = b.parameter('data')
  const sums = Array.from({ length: VECTORS_AT_ONCE }, () => b.splat(0))
  b.walk(values / (VECTORS_AT_ONCE * traits.lanes), [[data, VECTORS_AT_ONCE * b.vectorBytes]], () => {
    sums.forEach((sum, v) => {
      b.assign(sum, b.add(sum, b.load(data, v * b.vectorBytes)))
    })
  })
  b.store(
    data,
    0,
    sums.reduce((a, sum) => b.add(a, sum)),
  )
  return b.finish()
}

/** One task for each thread, each on its own range of one private buffer. */
export function onePartPerThread(program: Program, threads: number, valuesEach: number): Part {
  const data = { place: { kind: 'private', index: 0 }, byteOffset: 0, steps: [valuesEach * 4] } as const
  return { program, grid: [threads], arguments: { data } }
}
