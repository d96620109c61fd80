// Tiles that are decided in runs of the whole plan: x64 alone, forward.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { X64_TARGETS } from '../src/codegen/x64/encode.ts'
import { kernelOf, kernels } from '../src/kernels/index.ts'
import { candidateName } from '../src/kernels/kernel.ts'
import { tuningKey } from '../src/runtime/tuning.ts'
import type { Session, SessionOptions } from '../src/session.ts'
import { built } from './support/built.ts'
import { ownCache } from './support/own-cache.ts'
import { runPlainly } from './support/plain-network.ts'
import { runnable } from './support/x64.ts'

const cache = join(ownCache(), 'tuning.json')
const cached = (): string[] => (existsSync(cache) ? Object.keys(JSON.parse(readFileSync(cache, 'utf8'))) : [])

const { conv, defineNetwork, initialize, initializeImages, maxPool, openSession } =
  await built<typeof import('../src/index.ts')>('index.js')
const threads = process.getBuiltinModule('node:worker_threads')
const { Worker: RealWorker } = threads

/** The exits of all workers that were started, in their order. */
const exits: Promise<number>[] = []
/** Called with the number of each worker that answers. */
let onReply: (number: number) => void = () => {}
beforeEach(() => {
  exits.length = 0
  onReply = () => {}
  threads.Worker = class extends RealWorker {
    constructor(...options: ConstructorParameters<typeof RealWorker>) {
      super(...options)
      exits.push(new Promise((resolve) => this.once('exit', resolve)))
      const number = exits.length
      this.once('message', () => onReply(number))
    }
  }
})
afterEach(() => {
  threads.Worker = RealWorker
  vi.restoreAllMocks()
})

const network = defineNetwork('three convolutions', {
  inputs: { images: [28, 28, 8] },
  layers: [
    conv('first', { filters: 64, kernel: 3, padding: 'same' }),
    maxPool('pool', { kernel: 2, stride: 2 }),
    conv('second', { filters: 128, kernel: 3, padding: 'same' }), // has tiles of Winograd, too
    // More weights than values of the image, and enough of them to be asked for ahead
    conv('third', { filters: 1024, kernel: 1 }),
  ],
})
const parameters = initialize(network, { seed: 7 })
const images = initializeImages(network, 1, { seed: 7 })

describe.runIf(runnable.length > 0)('x64 (skipped without AVX2)', () => {
  // Without a name, workers would also measure which target is faster.
  const target = runnable[0]!
  const open = (options: Partial<SessionOptions> = {}): Promise<Session> =>
    openSession(network, { batch: 1, engine: `x64:${target}@1`, tuningCache: false, ...options })

  it('runs the plan on workers of its own, takes candidates of each step, and computes right', async () => {
    const session = await open({ engine: `x64:${target}@2` })
    try {
      expect(exits).toHaveLength(4)
      await Promise.all(exits.slice(2))
      const { lanes, vectorRegisters } = X64_TARGETS[target]
      const traits = { name: `x64:${target}`, lanes, vectorRegisters, prefetches: true }
      const { choices } = session.tuning!
      expect(session.prepared.unmeasuredSteps).toBe(null)
      const { steps } = session.prepared.plan
      for (const step of steps.filter(({ kind }) => kind === 'conv-forward')) {
        const names = kernelOf(kernels, step)
          .candidates(step as never, traits)
          .map(candidateName)
        expect(names.length).toBeGreaterThan(1)
        expect(names).toContain(choices[tuningKey(step)])
      }
      session.write(parameters)
      await session.run(images)
      const expected = Float64Array.from(runPlainly(network, 1, images, parameters, 'forward').third!)
      const actual = session.read('third')
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      expect(actual).toHaveLength(expected.length)
      for (const [i, value] of actual.entries())
        if (!(Math.abs(value - expected[i]!) <= 1e-4 * largest)) expect([i, value]).toEqual([i, expected[i]])
    } finally {
      await session.dispose()
    }
    await Promise.all(exits)
  })

  it('leaves it out with a budget of 0, and says that no step was measured', async () => {
    const session = await open({ tuningBudgetMs: 0 })
    await session.dispose()
    expect(exits).toHaveLength(1)
    const unmeasured = session.prepared.unmeasuredSteps!
    expect(unmeasured.count).toBeGreaterThanOrEqual(3)
    expect(unmeasured).toEqual({ count: unmeasured.count, of: unmeasured.count, budgetMs: 0 })
  })

  it('leaves it out if the budget is spent by then: the steps count as unmeasured, and none is stored', async () => {
    const before = cached()
    const now = performance.now.bind(performance)
    const session = await open({
      tuningCache: true,
      tuningBudgetMs: 1e5,
      // A day later, once the last step was measured alone
      onProgress: ({ done, total }) => {
        if (done === total) vi.spyOn(performance, 'now').mockImplementation(() => now() + 86_400_000)
      },
    })
    vi.restoreAllMocks()
    await session.dispose()
    expect(exits).toHaveLength(1)
    const { count, of } = session.prepared.unmeasuredSteps!
    expect(count).toBeGreaterThanOrEqual(3)
    expect(of - count).toBe(0)
    expect(cached()).toEqual(before)
    expect(Object.keys(session.tuning!.choices)).toHaveLength(of)
  })

  it('stores what won, so that the next session neither measures nor runs', async () => {
    const first = await open({ tuningCache: true })
    await first.dispose()
    expect(exits).toHaveLength(2)
    const steps: number[] = []
    const again = await open({ tuningCache: true, onProgress: ({ done }) => steps.push(done) })
    await again.dispose()
    expect(again.tuning).toEqual(first.tuning)
    expect([exits.length, steps]).toEqual([3, []])
  })

  describe('rejects with the reason of its signal, and leaves no worker behind', () => {
    const reason = new Error('enough')

    it('if that was aborted before', async () => {
      const controller = new AbortController()
      const opening = open({
        signal: controller.signal,
        onProgress: ({ done, total }) => {
          if (done === total) controller.abort(reason)
        },
      })
      await expect(opening).rejects.toBe(reason)
      expect(exits).toHaveLength(2)
      await Promise.all(exits)
    })

    it('if that is aborted while it runs', async () => {
      const controller = new AbortController()
      // The second worker is the run-off's, and says first that it has loaded the plan.
      onReply = (number) => {
        if (number === 2) setTimeout(() => controller.abort(reason), 5)
      }
      await expect(open({ signal: controller.signal })).rejects.toBe(reason)
      expect(exits).toHaveLength(2)
      await Promise.all(exits)
    })
  })
})
