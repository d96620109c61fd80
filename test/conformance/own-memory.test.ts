import '../support/no-shared-memory.ts'
import { describe, expect, it } from 'vitest'
import { lrn } from '../../src/layers/index.ts'
import { defineNetwork } from '../../src/networks/network.ts'
import { built } from '../support/built.ts'
import { NETWORKS } from './suite.ts'

const { openEngine } = await built<typeof import('../../src/engines/index.ts')>('engines/index.js')
const { openSession } = await built<typeof import('../../src/session.ts')>('session.js')
const { benchmark } = await built<typeof import('../../src/bench/index.ts')>('bench/index.js')

describe('without shared memory', () => {
  it('an engine has one thread, and says why', async () => {
    const { info } = await openEngine('wasm@2')
    expect(info.threads).toBe(1)
    expect(info.reason).toContain('1 thread, since the page is not cross-origin isolated')
  })

  it('a benchmark checks every step, and times each', async () => {
    const passes = ['forward', 'forward-backward', 'train'] as const
    const settings = { engine: 'wasm', batch: 2, batches: 2, burnIn: 1, passes }
    const runs = []
    for await (const event of benchmark(NETWORKS[0]!, settings)) {
      if (event.kind === 'finished') runs.push(event.run)
    }
    expect(runs.map(({ pass }) => pass)).toEqual(passes)
    for (const { check, layers, samplesMs } of runs) {
      expect(check).toMatchObject({ passed: true })
      for (const { forwardMs } of layers) expect(forwardMs).toBeLessThan(Math.max(...samplesMs))
    }
  })

  it('a run is stopped between tasks, and can be run again', async () => {
    // At least half a second, and nothing to tune.
    const network = defineNetwork('slow', {
      inputs: { images: [56, 56, 64] },
      layers: Array.from({ length: 40 }, (_, i) => lrn(`lrn${i}`)),
    })
    await using session = await openSession(network, { batch: 32, engine: 'wasm' })
    await session.run({ images: new Float32Array(32 * 56 * 56 * 64).fill(0.5) })
    const before = session.read('lrn39')
    const stopped = session.run({}, { signal: AbortSignal.timeout(20) })
    await expect(stopped).rejects.toThrow('interrupted')
    await session.run()
    const after = session.read('lrn39')
    expect(before.every((value, i) => value === after[i])).toBe(true)
  })
})
