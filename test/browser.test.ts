// The short one of the tests in browsers; test/browser/ has the others (npm run test:browser).
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Results } from './browser/page/jobs.js'
import { expectReferenceResults } from './browser/support/agreement.ts'
import { browsers, NO_BROWSER, type OpenBrowser } from './browser/support/browsers.ts'
import { bundlers } from './browser/support/bundlers.ts'
import { makeUserProject, type UserProject } from './browser/support/user.ts'
import { visit } from './browser/support/visit.ts'

const [installed] = browsers
if (!installed) console.log(NO_BROWSER)

describe.skipIf(!installed)(`somebody's page in ${installed?.name}`, () => {
  let user: UserProject
  let browser: OpenBrowser
  let bundle = ''

  beforeAll(async () => {
    user = makeUserProject()
    bundle = join(user.folder, 'vite')
    await bundlers.vite(user.folder, bundle)
    browser = await installed!.open()
  })

  afterAll(async () => {
    await browser?.close()
    user?.remove()
  })

  it.each([
    ['isolated', true],
    ['not isolated', false],
  ] as const)('%s: its worker makes the gradients of the reference', async (_, isIsolated) => {
    const options = { engine: 'auto@2', pass: 'forward-backward' }
    const job = { name: 'results', options, where: 'worker' } as const
    const { value, error, complaints } = await visit<Results>(browser, bundle, isIsolated, job)
    expect(error).toBeUndefined()
    expect(complaints).toEqual([])
    expect(value.engine).toMatchObject({ name: 'wasm', threads: isIsolated ? 2 : 1 })
    if (!isIsolated) expect(value.engine.reason).toContain('the page is not cross-origin isolated')
    await expectReferenceResults(value, options.pass)
  })
})
