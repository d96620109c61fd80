// The library in each browser that is installed, in a page and in its worker, isolated or not.
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseResult, type Result } from '../../src/bench/result.ts'
import { encodeModel } from '../../src/train/model-file.ts'
import { CERTAIN, colourModel } from '../support/colour-model.ts'
import type { Results, Stopped, Trained } from './page/jobs.js'
import { expectReferenceResults, expectReferenceTraining } from './support/agreement.ts'
import { browsers, NO_BROWSER, type OpenBrowser } from './support/browsers.ts'
import { bundlers } from './support/bundlers.ts'
import { makeUserProject, type UserProject } from './support/user.ts'
import { type Job, type Outcome, visit } from './support/visit.ts'

/** As a share of a benchmark's time; a page that computed itself would not answer at all. */
const LONGEST_PAUSE = 1 / 3

let user: UserProject
let bundle = ''

beforeAll(async () => {
  if (browsers.length === 0) throw new Error(NO_BROWSER)
  user = makeUserProject()
  bundle = join(user.folder, 'vite')
  await bundlers.vite(user.folder, bundle)
})

afterAll(() => user?.remove())

describe.each(browsers.map((browser) => [browser.name, browser] as const))('%s', (name, installed) => {
  let browser: OpenBrowser

  beforeAll(async () => {
    browser = await installed.open()
  })

  afterAll(() => browser?.close())

  describe.each([
    ['isolated', true],
    ['not isolated', false],
  ] as const)('%s', (_, isIsolated) => {
    const threads = isIsolated ? 2 : 1
    const outcomeOf = <Value>(job: Job): Promise<Outcome<Value>> =>
      visit<Value>(browser, bundle, isIsolated, job)
    const done = async <Value>(job: Job): Promise<Outcome<Value>> => {
      const outcome = await outcomeOf<Value>(job)
      expect(outcome.error).toBeUndefined()
      expect(outcome.complaints).toEqual([])
      return outcome
    }

    it('says which engine it took, and why', async () => {
      const options = { engine: 'auto@2', pass: 'forward' }
      const { value } = await done<Results>({ name: 'results', options, where: 'page' })
      const { name, reason, v8Flags } = value.engine
      expect([name, value.engine.threads, v8Flags]).toEqual(['wasm', threads, []])
      expect(reason).toMatch(/^the fastest engine here; this is a browser; 128-bit SIMD, (relaxed|no) FMA/)
      const isExplained = reason.includes('1 thread, since the page is not cross-origin isolated')
      expect(isExplained).toBe(!isIsolated)
      await expectReferenceResults(value, options.pass)
    })

    it('trains as the reference does', async () => {
      const options = { engine: 'auto@2', epochs: 2 }
      const { value } = await done<Trained>({ name: 'training', options, where: 'worker' })
      await expectReferenceTraining(value, options.epochs)
    })

    it.each(['page', 'worker'] as const)('checks and times an engine from a %s', async (where) => {
      const options = { batch: 8, batches: 12, passes: ['forward', 'forward-backward', 'train'], threads: 2 }
      const { value, longestPauseMs, elapsedMs } = await done<Result & { progress: string[] }>({
        name: 'benchmark',
        options,
        where,
      })
      const { environment, runs } = parseResult(JSON.stringify(value), 'result.json')
      expect(runs.map(({ pass }) => pass)).toEqual(options.passes)
      for (const run of runs) {
        expect(run.check).toMatchObject({ passed: true })
        expect(run.engine.threads).toBe(threads)
        expect(run.samplesMs).toHaveLength(options.batches)
        expect(run.peakGflopsPerSecond).toBeGreaterThan(0)
      }
      expect(value.progress).toEqual(expect.arrayContaining(['check', 'burn-in', 'batches']))
      expect(environment).toMatchObject({ node: 'none', isCrossOriginIsolated: isIsolated })
      expect(environment.browser).toMatch(new RegExp(`^${name} \\d+`))
      expect(environment.cores).toBeGreaterThan(0)
      expect(longestPauseMs).toBeLessThan(LONGEST_PAUSE * elapsedMs)
    })

    it('stops before its end, and can run again', async () => {
      const options = { engine: 'auto', afterMs: 100 }
      const { value } = await done<Stopped>({ name: 'stop', options, where: 'page' })
      expect(value.stopped).toBe('InterruptedError')
      expect(value.sample).toBeGreaterThan(0)
    })

    it('teaches LeNet on images that come as bytes, and saves it', async () => {
      const options = { engine: 'auto', steps: 30, batch: 32 }
      const { value } = await done<Trained>({ name: 'lenet', options, where: 'worker' })
      expect(value.losses).toHaveLength(options.steps)
      const mean = (losses: readonly number[]) => losses.reduce((sum, loss) => sum + loss, 0) / losses.length
      expect(mean(value.losses.slice(-5))).toBeLessThan(0.7 * mean(value.losses.slice(0, 5)))
      expect(value.parameters).toContain('conv1/weights')
    })

    it('says what a picture shows, in a page and in its worker', async () => {
      const model = [...encodeModel(colourModel)]
      for (const where of ['page', 'worker'] as const) {
        const options = { engine: 'auto', model, colour: '#00ff00' }
        const { value } = await done<readonly [string, number][]>({ name: 'classify', options, where })
        expect(value).toEqual(new Array(4).fill(['green', expect.closeTo(CERTAIN, 4)]))
      }
    })

    it('says in a sentence where WASM SIMD is missing', async () => {
      const { error } = await outcomeOf({ name: 'withoutSimd', where: 'page' })
      expect(error).toMatch(/^UnavailableError: wasm: this JavaScript engine has no WASM SIMD/)
      expect(error).toContain('Chrome 91, Firefox 89 and Safari 16.4')
    })
  })

  it('loses no worker to a garbage collector', async () => {
    const options = { engine: 'wasm@1', sessions: 3 }
    const job: Job = { name: 'startsAmongGarbage', options, where: 'worker' }
    const { value, error } = await visit<number>(browser, bundle, false, job)
    expect(error).toBeUndefined()
    expect(value).toBe(options.sessions)
  })

  it('warns of the clock of a page that is not isolated, where samples are short', async () => {
    const options = { batch: 1, batches: 12, passes: ['forward'] }
    const job: Job = { name: 'benchmark', options, where: 'worker' }
    const { value } = await visit<Result>(browser, bundle, false, job)
    expect(value.runs[0]!.warnings!.join()).toMatch(/the clock's step is .* or isolate the page/)
  })

  it('keeps what was measured for the next start', async () => {
    const job: Job = { name: 'starts', options: { engine: 'auto@1' }, where: 'worker' }
    const { value } = await visit<readonly number[]>(browser, bundle, true, job)
    const [first, second] = value
    expect(first).toBeGreaterThan(0)
    expect(second).toBe(0)
  })
})
