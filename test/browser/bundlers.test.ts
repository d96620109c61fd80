// The packed package in somebody else's page, by three bundlers; the page's worker runs it.
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Results, Trained } from './page/jobs.js'
import { expectReferenceResults, expectReferenceTraining } from './support/agreement.ts'
import { browsers, NO_BROWSER, type OpenBrowser } from './support/browsers.ts'
import { bundlers } from './support/bundlers.ts'
import { makeUserProject, type UserProject } from './support/user.ts'
import { type Job, visit } from './support/visit.ts'

const [installed] = browsers
let user: UserProject
let browser: OpenBrowser

beforeAll(async () => {
  if (!installed) throw new Error(NO_BROWSER)
  user = makeUserProject()
  browser = await installed.open()
})

afterAll(async () => {
  await browser?.close()
  user?.remove()
})

describe.each(Object.entries(bundlers))('%s', (name, bundle) => {
  let out = ''

  beforeAll(async () => {
    out = join(user.folder, name)
    await bundle(user.folder, out)
  })

  describe.each([
    ['isolated', true],
    ['not isolated', false],
  ] as const)('%s', (_, isIsolated) => {
    const done = async <Value>(job: Job): Promise<Value> => {
      const { value, error, complaints } = await visit<Value>(browser, out, isIsolated, job)
      expect(error).toBeUndefined()
      expect(complaints).toEqual([])
      return value
    }

    it.each(['forward', 'forward-backward'])('%s makes what the reference makes', async (pass) => {
      const options = { engine: 'auto@2', pass }
      const results = await done<Results>({ name: 'results', options, where: 'worker' })
      expect(results.engine).toMatchObject({ name: 'wasm', threads: isIsolated ? 2 : 1 })
      await expectReferenceResults(results, pass)
    })

    it('trains as the reference does', async () => {
      const options = { engine: 'auto@2', epochs: 2 }
      const trained = await done<Trained>({ name: 'training', options, where: 'worker' })
      await expectReferenceTraining(trained, options.epochs)
    })

    it('has the reference engine too', async () => {
      const options = { engine: 'reference', pass: 'forward-backward' }
      const results = await done<Results>({ name: 'results', options, where: 'worker' })
      expect(results.engine.name).toBe('reference')
      await expectReferenceResults(results, options.pass)
    })
  })
})
