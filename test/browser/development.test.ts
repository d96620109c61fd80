// The page as its author sees it while at work: by Vite's development server, which bundles dependencies its own way.
import { json } from 'node:stream/consumers'
import { createServer } from 'vite'
import { expect, it } from 'vitest'
import type { Results } from './page/jobs.js'
import { expectReferenceResults } from './support/agreement.ts'
import { browsers, NO_BROWSER } from './support/browsers.ts'
import { ISOLATION } from './support/server.ts'
import { makeUserProject } from './support/user.ts'
import { type Outcome, pageUrl, within } from './support/visit.ts'

it("a page of Vite's development server makes what the reference makes", async () => {
  const [installed] = browsers
  if (!installed) throw new Error(NO_BROWSER)
  const user = makeUserProject()
  let take: (outcome: Outcome<Results>) => void
  const posted = new Promise<Outcome<Results>>((resolve) => {
    take = resolve
  })
  const server = await createServer({
    root: user.folder,
    configFile: false,
    logLevel: 'error',
    server: { host: '127.0.0.1', port: 0, headers: ISOLATION },
    plugins: [
      {
        name: 'takes what the page posts',
        configureServer({ middlewares }) {
          middlewares.use('/result', async (request, response) => {
            take((await json(request)) as Outcome<Results>)
            response.end()
          })
        },
      },
    ],
  })
  const browser = await installed.open()
  try {
    await server.listen()
    const options = { engine: 'auto@2', pass: 'forward-backward' }
    const job = { name: 'results', options, where: 'worker' } as const
    const outcome = within(posted)
    await browser.visit(pageUrl(server.resolvedUrls!.local[0]!, job), outcome)
    const { value, error } = await outcome
    expect(error).toBeUndefined()
    expect(value.engine.threads).toBe(2)
    await expectReferenceResults(value, options.pass)
  } finally {
    await browser.close()
    await server.close()
    user.remove()
  }
})
