// A budget for measuring tiles: what it leaves unmeasured is said, and not stored.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { parseResult } from '../src/bench/result.ts'
import { encodeSafetensors, type Tensor } from '../src/formats/safetensors.ts'
import type { Session, SessionOptions } from '../src/session.ts'
import { built } from './support/built.ts'
import { inProcess } from './support/in-process.ts'
import { ownCache } from './support/own-cache.ts'
import { openUntuned } from './support/untuned.ts'
import { workingFolder } from './support/working-folder.ts'

const cache = join(ownCache(), 'tuning.json')
const folder = workingFolder()
const cached = (): string[] => (existsSync(cache) ? Object.keys(JSON.parse(readFileSync(cache, 'utf8'))) : [])
beforeEach(() => rmSync(cache, { force: true }))

const { initialize, initializeImages, lenet, openSession } =
  await built<typeof import('../src/index.ts')>('index.js')
const { parametersOf } = await built<typeof import('../src/networks/index.ts')>('networks/index.js')

const network = lenet()
const parameters = initialize(network, { seed: 7 })
const images = initializeImages(network, 2, { seed: 7 })

const open = (options: Partial<SessionOptions> = {}): Promise<Session> =>
  openSession(network, { batch: 2, engine: 'wasm@1', ...options })

/** Its logits, and what it says of steps that were not measured. */
async function results(options: Partial<SessionOptions>) {
  let measured = 0
  const session = await open({ ...options, onProgress: () => measured++ })
  try {
    session.write(parameters)
    await session.run(images)
    const { prepared, steps } = session
    const tiles = steps.map(({ algorithm, tile }) => `${algorithm} ${tile}`)
    return { logits: session.read('fc4'), unmeasured: prepared.unmeasuredSteps, tiles, measured }
  } finally {
    await session.dispose()
  }
}

describe('a session', () => {
  it('measures nothing with a budget of 0, stores nothing, and uses the first tiles', async () => {
    const engine = await openUntuned('wasm@1')
    const untuned = await results({ engine, tuningCache: false })
    await engine.dispose()
    const { unmeasured, logits, tiles, measured } = await results({ tuningBudgetMs: 0 })
    expect(measured).toBe(0)
    expect(cached()).toEqual([])
    expect(tiles).toEqual(untuned.tiles)
    expect(logits).toEqual(untuned.logits)
    expect(unmeasured!.count).toBeGreaterThan(0)
    expect(unmeasured).toEqual({ count: unmeasured!.count, of: unmeasured!.count, budgetMs: 0 })
    expect(untuned.unmeasured).toBe(null)
  })

  it('uses what is in the cache with a budget of 0, and what a tuning gives', async () => {
    const all = await open()
    await all.dispose()
    expect(all.prepared.unmeasuredSteps).toBe(null)
    expect(cached().length).toBeGreaterThan(0)
    const again = await open({ tuningBudgetMs: 0 })
    await again.dispose()
    expect(again.prepared.unmeasuredSteps).toBe(null)
    expect(again.tuning).toEqual(all.tuning)
    const given = await open({ tuningBudgetMs: 0, tuning: all.tuning!, tuningCache: false })
    await given.dispose()
    expect(given.prepared.unmeasuredSteps).toBe(null)
    expect(given.tuning).toEqual(all.tuning)
  })

  it('begins no further step once the budget is spent, and stores no step that it cut short', async () => {
    // On one thread the first step is begun, and takes longer than that.
    const session = await open({ tuningBudgetMs: 0.5 })
    await session.dispose()
    const { count, of } = session.prepared.unmeasuredSteps!
    expect(count).toBeGreaterThanOrEqual(of - 1)
    expect(cached().length).toBe(of - count)
    expect(Object.keys(session.tuning!.choices)).toHaveLength(of)
  })

  it('measures the rest at the next start', async () => {
    await (await open({ tuningBudgetMs: 0 })).dispose()
    const next = await results({})
    expect(next.measured).toBeGreaterThan(0)
    expect(next.unmeasured).toBe(null)
  })

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '2'])(
    'refuses a budget of %s',
    async (tuningBudgetMs) => {
      const opening = open({ tuningBudgetMs: tuningBudgetMs as number })
      await expect(opening).rejects.toThrow(/tuningBudgetMs is .*must be a finite number from 0/)
    },
  )
})

const WARNING =
  /the tuning budget of 0 s was spent: (\d+) of the \1 steps to measure use tiles that were not measured, or only in part\n/
const ENGINE = ['--engine', 'wasm@1', '--tuning-budget', '0']
const FEW = ['--batch', '1', '--batches', '1', '--burn-in', '0', '--no-check']

const weights = Object.entries(parametersOf(network)).map(([name, { shape }]): [string, Tensor] => [
  name,
  { shape, data: parameters[name]! },
])
writeFileSync(join(folder, 'weights.safetensors'), encodeSafetensors(Object.fromEntries(weights)))
writeFileSync(
  join(folder, 'images.safetensors'),
  encodeSafetensors({ images: { shape: [2, 28, 28, 1], data: images.images! } }),
)

describe('--tuning-budget', () => {
  it('bench: the result warns', async () => {
    const ended = await inProcess(
      'bench',
      'lenet',
      ...FEW,
      ...ENGINE,
      '--pass',
      'forward',
      '--json',
      'b.json',
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toMatch(WARNING)
    const [run] = parseResult(readFileSync(join(folder, 'b.json'), 'utf8'), 'b.json').runs
    expect(run!.warnings!.map((warning) => `${warning}\n`)).toContainEqual(expect.stringMatching(WARNING))
    expect(cached()).toEqual([])
  })

  it('compare: the results warn', async () => {
    const command = ['compare', 'wasm@1', 'wasm@2', '--network', 'lenet', ...FEW, '--rounds', '6']
    const ended = await inProcess(...command, '--tuning-budget', '0')
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout.match(new RegExp(WARNING, 'g'))).toHaveLength(2)
    expect(cached()).toEqual([])
  })

  it('run: says it on stderr', async () => {
    const files = [
      '--weights',
      'weights.safetensors',
      '--input',
      'images.safetensors',
      '--output',
      'o.safetensors',
    ]
    const ended = await inProcess('run', 'lenet', ...files, ...ENGINE)
    expect(ended.code).toBe(0)
    expect(ended.stderr).toMatch(WARNING)
    expect(cached()).toEqual([])
  })

  it('train and evaluate: say it on stderr, of the training and of its tests once', async () => {
    const options = ['--data', 'synthetic', '--epochs', '2', '--batch', '256', '--out', 'm.safetensors']
    const trained = await inProcess('train', 'lenet', ...options, ...ENGINE)
    expect(trained.code).toBe(0)
    expect(trained.stderr).toMatch(/^convmark: warning: training: the tuning budget of 0 s was spent: /m)
    expect(trained.stderr.match(/^convmark: warning: test set: the tuning budget of 0 s/gm)).toHaveLength(1)
    expect(cached()).toEqual([])
    const evaluated = await inProcess('evaluate', 'm.safetensors', '--data', 'synthetic', ...ENGINE)
    expect(evaluated.code).toBe(0)
    expect(evaluated.stderr).toMatch(WARNING)
    expect(cached()).toEqual([])
  })

  it.each(['-1', 'fast', '1e9', 'Infinity'])('refuses %j', async (text) => {
    const ended = await inProcess('bench', 'lenet', '--tuning-budget', text)
    expect(ended).toEqual({
      code: 2,
      stdout: '',
      stderr: `convmark: --tuning-budget is '${text}'; it must be a number from 0 to below 1000000\n`,
    })
  })
})
