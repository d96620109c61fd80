// Choices of tiles: kept in the cache with what they took, measured again where that can't be right or when asked.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, it } from 'vitest'
import type { CachedChoice } from '../../src/engines/tuning-cache.ts'
import type { Session, SessionOptions } from '../../src/session.ts'
import { built } from '../support/built.ts'
import { ownCache } from '../support/own-cache.ts'

const folder = ownCache()

const { conv, defineNetwork, initialize, initializeImages, l2Loss, openSession } =
  await built<typeof import('../../src/index.ts')>('index.js')
const { benchmarkTraining } = await built<typeof import('../../src/plan/training.ts')>('plan/training.js')
const { benchmark } = await built<typeof import('../../src/bench/bench.ts')>('bench/bench.js')

/** A step that takes far longer than a barrier, on any machine. */
const network = defineNetwork('one convolution', {
  inputs: { images: [64, 64, 16] },
  layers: [conv('conv', { filters: 32, kernel: 3, padding: 'same' }), l2Loss('loss')],
})
/** Enough for a session to say whether its tiles are what was measured. */
const RUNS = 6
const CHOICE = /^direct \d+x\d+/
/** More than a session looks at. */
const MANY_RUNS = 20
/** No step can be as fast as that. */
const IMPOSSIBLE_MS = 1e-6

const path = join(folder, 'tuning.json')
const entries = (): Record<string, CachedChoice> => JSON.parse(readFileSync(path, 'utf8'))
/** Makes something else of what is cached of the one step. */
const plant = (change: (entry: CachedChoice, key: string) => unknown): void => {
  const changed = Object.entries(entries()).map(([key, entry]) => [key, change(entry, key)])
  writeFileSync(path, JSON.stringify(Object.fromEntries(changed)))
}

/** A session that can run. */
async function open(options: Partial<SessionOptions> = {}): Promise<Session> {
  const session = await openSession(network, {
    batch: 1,
    engine: 'wasm@1',
    algorithm: 'direct',
    ...options,
  })
  session.write({
    ...initialize(network, { seed: 7 }),
    ...initializeImages(network, session.plan.batch, { seed: 7 }),
  })
  return session
}

/** Opens a session, runs it, and says whether anything was measured before. */
async function used({
  runs = 0,
  ...options
}: { runs?: number } & Partial<SessionOptions> = {}): Promise<boolean> {
  let hasMeasured = false
  const session = await open({
    ...options,
    onProgress: () => {
      hasMeasured = true
    },
  })
  for (let i = 0; i < runs; i++) await session.run()
  await session.dispose()
  return hasMeasured
}

beforeEach(async () => {
  rmSync(path, { force: true })
  expect(await used()).toBe(true)
})

it('keeps a choice with what it took, and takes it from there', async () => {
  const [entry, ...others] = Object.values(entries())
  expect(others).toEqual([])
  expect(entry!.choice).toMatch(CHOICE)
  expect(entry!.ms).toBeGreaterThan(IMPOSSIBLE_MS)
  expect(await used({ runs: RUNS })).toBe(false)
})

it('forgets a choice that takes far longer than when it was made: the next session measures it again', async () => {
  plant(({ choice }) => ({ choice, ms: IMPOSSIBLE_MS }))
  const [key] = Object.keys(entries())
  expect(await used({ runs: RUNS })).toBe(false)
  expect(Object.keys(entries())).toEqual([`${key} in runs`])
  expect(await used()).toBe(true)
  expect(Object.keys(entries()).sort()).toEqual([key, `${key} in runs`])
})

it('does not forget it again and again if it always takes longer than when it is measured', async () => {
  const doubt = () =>
    plant((entry, key) => (key.endsWith(' in runs') ? entry : { ...entry, ms: IMPOSSIBLE_MS }))
  doubt()
  expect(await used({ runs: RUNS })).toBe(false)
  expect(await used()).toBe(true)
  doubt()
  expect(await used({ runs: RUNS })).toBe(false)
  expect(await used()).toBe(false)
})

it('writes nothing while a session runs, and says once what it forgot', async () => {
  plant(({ choice }) => ({ choice, ms: IMPOSSIBLE_MS }))
  const before = entries()
  const session = await open()
  for (let i = 0; i < MANY_RUNS; i++) await session.run()
  expect(entries()).toEqual(before)
  expect(await session.prepared.forgetDoubtfulTiles!()).toBe(true)
  expect(entries()).not.toEqual(before)
  writeFileSync(path, JSON.stringify(before)) // measured again by another session
  await session.dispose()
  expect(entries()).toEqual(before)
})

it('a benchmark does not go on with it: it measures again before it takes its samples', async () => {
  plant(({ choice }) => ({ choice, ms: IMPOSSIBLE_MS }))
  const kinds: string[] = []
  const events = benchmark(network, {
    engine: 'wasm@1',
    algorithm: 'direct',
    passes: ['forward'],
    batch: 1,
    batches: 1,
    burnIn: RUNS,
    check: false,
  })
  for await (const event of events) kinds.push(event.kind === 'progress' ? event.phase : event.kind)
  expect(kinds.filter((kind, i) => kind !== kinds[i - 1])).toEqual([
    ...['started', 'prepared', 'burn-in', 'tuning', 'prepared', 'burn-in'],
    ...['step', 'batches', 'finished'],
  ])
  expect(Object.values(entries())[0]!.ms).toBeGreaterThan(IMPOSSIBLE_MS)
})

it('a benchmark goes on with a doubtful tile if nothing may be measured', async () => {
  plant(({ choice }) => ({ choice, ms: IMPOSSIBLE_MS }))
  const [{ choice }] = Object.values(entries()) as [CachedChoice]
  const events = benchmark(network, {
    engine: 'wasm@1',
    algorithm: 'direct',
    tuningBudgetMs: 0,
    passes: ['forward'],
    batch: 1,
    batches: 1,
    burnIn: RUNS,
    check: false,
  })
  const kinds: string[] = []
  for await (const event of events) {
    kinds.push(event.kind)
    if (event.kind !== 'finished') continue
    expect(event.run.warnings).toEqual([])
    expect(Object.values(event.run.tuning!.choices)).toEqual([choice])
  }
  expect(kinds.filter((kind) => kind === 'prepared')).toHaveLength(1)
  expect(kinds.at(-1)).toBe('finished')
})

it('measures anew a choice that is none of the candidates', async () => {
  plant(({ ms }) => ({ choice: 'direct 99x99', ms }))
  expect(await used()).toBe(true)
  expect(Object.values(entries())[0]!.choice).toMatch(CHOICE)
})

it('measures anew when asked, and keeps that in place of what was there', async () => {
  plant(({ choice }) => ({ choice, ms: IMPOSSIBLE_MS }))
  expect(await used({ retune: true })).toBe(true)
  expect(Object.values(entries())[0]!.ms).toBeGreaterThan(IMPOSSIBLE_MS)
})

it.each<[string, Partial<SessionOptions>]>([
  ['other threads', { engine: 'wasm@2' }],
  ['another batch', { batch: 2 }],
  ['other candidates', { algorithm: 'auto' }],
  ['weights that change in every run', { pass: 'train', training: benchmarkTraining(network) }],
])('measures anew for %s, and keeps both', async (_, options) => {
  const before = entries()
  expect(await used(options)).toBe(true)
  const forward = Object.keys(entries()).filter((key) => key.includes('conv-forward'))
  expect(forward).toHaveLength(2)
  expect(entries()).toMatchObject(before)
  expect(await used(options)).toBe(false)
  expect(await used()).toBe(false)
})
