import { expect, it } from 'vitest'
import { built } from '../../test/support/built.ts'
import type { Engine } from '../engines/engine.ts'
import type { BenchOptions } from './bench.ts'
import type { Run } from './result.ts'

const { benchmark } = await built<typeof import('./bench.ts')>('bench/bench.js')
const { openEngine } = await built<typeof import('../engines/index.ts')>('engines/index.js')
const { ConvmarkError, InterruptedError, lenet } = await built<typeof import('../index.ts')>('index.js')

const SMALL = {
  batch: 1,
  batches: 3,
  burnIn: 0,
  check: false,
  passes: ['forward', 'forward-backward'],
} as const
const network = lenet({ imageSize: 12 })

/** The runs that are reported for an engine whose limits are measured this way. */
async function runsWith(
  measurePeaks: NonNullable<Engine['measurePeaks']>,
  options: BenchOptions = {},
): Promise<Run[]> {
  const engine = Object.assign(await openEngine('reference'), { measurePeaks })
  const runs: Run[] = []
  for await (const event of benchmark(network, { ...SMALL, ...options, engine }))
    if (event.kind === 'finished') runs.push(event.run)
  return runs
}

it('has what it timed if the peaks can not be measured', async () => {
  const runs = await runsWith(async () => {
    throw new ConvmarkError('a compute worker failed')
  })
  expect(runs.map(({ pass, samplesMs }) => [pass, samplesMs.length])).toEqual([
    ['forward', 3],
    ['forward-backward', 3],
  ])
  expect(runs[0]).toMatchObject({ peakGflopsPerSecond: null, interrupted: false })
})

it('has the pass that was over when it was interrupted, and begins no other', async () => {
  const controller = new AbortController()
  const { signal } = controller
  const runs = await runsWith(
    async (options) => {
      controller.abort()
      expect(options?.signal).toBe(signal)
      throw new InterruptedError('the run was interrupted')
    },
    { signal },
  )
  expect(runs).toMatchObject([{ pass: 'forward', interrupted: false }])
  expect(runs[0]!.samplesMs).toHaveLength(3)
})

it('stops measuring the peaks when it is interrupted', async () => {
  const engine = await openEngine('wasm@1')
  const signal = AbortSignal.abort()
  await expect(engine.measurePeaks!({ withBandwidth: true, signal })).rejects.toThrow(InterruptedError)
  await engine.dispose()
})
