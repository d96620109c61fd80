import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { bandwidthValues, peakPrograms } from '../kernels/peak.ts'
import type { MemoryBlock } from '../runtime/heap.ts'
import { OwnMemoryExecutor } from '../runtime/own-memory-executor.ts'
import { SharedExecutor } from '../runtime/shared-executor.ts'
import { measurePeaks } from './peak.ts'
import type { CodeTarget } from './target.ts'

vi.mock('../runtime/compute-workers.ts', () => ({ startComputeWorkers: () => [] }))

const traits = { name: 'fake', lanes: 4, vectorRegisters: 16 }
const target = (buffer: (byteLength: number) => ArrayBufferLike | null): CodeTarget => ({
  traits,
  tiersUp: false,
  version: 'fake',
  maxByteLength: Infinity,
  maxReason: '',
  allocate: (byteLength) =>
    ({
      address: 0,
      buffer: buffer(byteLength),
      byteOffset: 0,
      wasWritten: () => {},
      free: () => {},
    }) as unknown as MemoryBlock,
  newBytes: () => 0,
  encode: () => new Uint8Array(),
  compile: async () => ({ codes: [], free: () => {} }),
})
const shared = target((byteLength) => new SharedArrayBuffer(byteLength))
const own = target(() => null)

/** Time of a stage, by round: the first rounds are slow, and the best is neither the first nor the last. */
const ROUNDS_MS = [40, 30, 20, 25]
const BEST_MS = 20
const PEAK_STAGES = peakPrograms(traits).length
/** Each stage takes longer than the one before it; the last, which measures the bandwidth, is far faster. */
const factorOf = (stage: number): number => (stage < PEAK_STAGES ? 1 + stage / 50 : 0.01)

beforeEach(() => {
  let now = 0
  const runs = new Map<number, number>()
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  const executor = {
    run: async (stage: number, end: number) => {
      expect(end).toBe(stage + 1)
      const round = runs.get(stage) ?? 0
      runs.set(stage, round + 1)
      now += ROUNDS_MS[round]! * factorOf(stage)
    },
  }
  vi.spyOn(SharedExecutor, 'load').mockResolvedValue(executor as unknown as SharedExecutor)
  vi.spyOn(OwnMemoryExecutor, 'load').mockResolvedValue(executor as unknown as OwnMemoryExecutor)
})
afterEach(() => void vi.restoreAllMocks())

function peakOf(threads: number): number {
  const each = peakPrograms(traits).map(({ flops }, stage) => flops / (BEST_MS * factorOf(stage)))
  return (threads * Math.max(...each)) / 1e6
}

it.each([1, 2, 5])('a peak is the best of all threads together: %i', async (threads) => {
  const { gflopsPerSecond } = await measurePeaks(shared, threads, { rounds: ROUNDS_MS.length })
  expect(gflopsPerSecond).toBeCloseTo(peakOf(threads), 6)
})

it.each([1, 2, 5])('so is the bandwidth, in gigabytes: %i', async (threads) => {
  const peaks = await measurePeaks(own, threads, { rounds: ROUNDS_MS.length, withBandwidth: true })
  const ms = BEST_MS * factorOf(PEAK_STAGES)
  const bytes = threads * bandwidthValues(threads) * 4
  expect(peaks.bandwidthGigabytesPerSecond).toBeCloseTo(bytes / 1e9 / (ms / 1000), 6)
  expect(peaks.gflopsPerSecond).toBeCloseTo(peakOf(threads), 6)
  expect((await measurePeaks(own, threads, { rounds: 1 })).bandwidthGigabytesPerSecond).toBe(null)
})
