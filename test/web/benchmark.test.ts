import { readFile } from 'node:fs/promises'
import type { Browser, Download, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseResult } from '../../src/bench/result.ts'
import { hostPlainly } from './support/static-host.ts'
import { openBrowser, type Served, serve, untilStatus, type Visit, visit } from './support/visit.ts'

let browser: Browser
let served: Served

beforeAll(async () => {
  ;[browser, served] = await Promise.all([openBrowser(), serve()])
})
afterAll(async () => {
  await browser?.close()
  served?.end()
})

const address = (settings: Readonly<Record<string, string | number>>): string =>
  `${served.url}#benchmark?${new URLSearchParams(Object.entries(settings).map(([name, value]) => [name, String(value)]))}`

const SMALL = { network: 'lenet', batch: 4, batches: 12, 'burn-in': 1, pass: 'both' }

const run = (page: Page) => page.getByRole('button', { name: 'Run', exact: true }).click()
const stop = (page: Page) => page.getByRole('button', { name: 'Stop' }).click()

async function downloaded(page: Page, button: string): Promise<{ text: string; download: Download }> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: button }).click(),
  ])
  return { text: await readFile(await download.path(), 'utf8'), download }
}

/** The longest time for which the page drew no frame, while `work` went on. */
async function longestPauseMs(page: Page, work: () => Promise<void>): Promise<number> {
  await page.evaluate(() => {
    const watched = globalThis as unknown as { longest: number; watching: boolean }
    watched.longest = 0
    let last = performance.now()
    const frame = (): void => {
      watched.longest = Math.max(watched.longest, performance.now() - last)
      last = performance.now()
      setTimeout(frame, 10)
    }
    frame()
  })
  await work()
  return page.evaluate(() => (globalThis as unknown as { longest: number }).longest)
}

describe('a run', () => {
  it('shows activations, steps, classic lines, a summary, the check and layers', async () => {
    const { page, complaints } = await visit(browser, address(SMALL))
    await untilStatus(page, /Press Run/)
    await run(page)
    await untilStatus(page, /Done: 24 samples/)
    expect(await page.locator('.shapes li').allTextContents()).toContain('conv1  [4, 28, 28, 32]')
    expect(await page.locator('#path').textContent()).toMatch(/wasm, simd128, \d+ threads?: .*SIMD/)
    const classic = await page.locator('pre').textContent()
    expect(classic).toMatch(/step 0, duration = \d+\.\d{3}\n/)
    expect(classic).toMatch(/Forward-backward across 12 steps, \d+\.\d{3} \+\/- \d+\.\d{3} sec \/ batch/)
    const summary = page.locator('#summary')
    expect(await summary.getByRole('row', { name: /^check/ }).textContent()).toMatch(
      /passed: largest relative error/,
    )
    expect(await summary.getByRole('row', { name: /95% interval/ }).textContent()).toMatch(/\d – \d/)
    expect(await page.locator('.layers').count()).toBe(2)
    expect(await page.locator('.chart canvas').count()).toBe(1)
    expect(complaints).toEqual([])
    await page.context().close()
  })

  it('draws its charts after the run, where that was asked for', async () => {
    const { page } = await visit(browser, address({ ...SMALL, charts: 'after', batches: 10_000 }))
    expect(await page.getByLabel('Charts').inputValue()).toBe('after')
    await run(page)
    await page.getByText(/Measuring, [1-9]\d* of 10000/).waitFor()
    expect(await page.locator('.chart').count()).toBe(0)
    await stop(page)
    await page.locator('.chart canvas').waitFor()
    await page.context().close()
  })

  it('leaves the page free at batch 32', async () => {
    const { page, complaints } = await visit(
      browser,
      address({ network: 'alexnet', batch: 32, batches: 3, 'burn-in': 1, pass: 'forward' }),
    )
    const startMs = performance.now()
    const pauseMs = await longestPauseMs(page, async () => {
      await run(page)
      await untilStatus(page, /Done: 3 samples/)
    })
    // A computation on the page's own thread would hold it most of the time
    expect(pauseMs).toBeLessThan((performance.now() - startMs) / 3)
    expect(complaints).toEqual([])
    await page.context().close()
  })

  it('stops long before its end, and what was measured stays and can be downloaded', async () => {
    const { page } = await visit(browser, address({ ...SMALL, batches: 10_000, pass: 'forward' }))
    await run(page)
    await page.locator('.chart').waitFor()
    await stop(page)
    await page
      .locator('.status')
      .filter({ hasText: /Stopped/ })
      .waitFor()
    const { text, download } = await downloaded(page, 'Download the result (JSON)')
    const { runs } = parseResult(text, download.suggestedFilename())
    expect(runs[0]!.interrupted).toBe(true)
    expect(runs[0]!.samplesMs.length).toBeGreaterThan(0)
    // And once more, in the same page
    await page.getByLabel('Batches').fill('2')
    await run(page)
    await untilStatus(page, /Done: 2 samples/)
    await page.context().close()
  })

  it('stops while it still chooses code, too', async () => {
    const { page } = await visit(
      browser,
      address({ network: 'alexnet', batch: 16, pass: 'forward-backward' }),
    )
    await run(page)
    await page.locator('progress').waitFor()
    await stop(page)
    await page
      .locator('.status')
      .filter({ hasText: /Stopped. 0 samples/ })
      .waitFor()
    await page.context().close()
  })
})

describe('files and links', () => {
  let opened: Visit
  beforeAll(async () => {
    opened = await visit(browser, address({ ...SMALL, batches: 3 }))
    await run(opened.page)
    await untilStatus(opened.page, /Done/)
  })
  afterAll(() => opened?.page.context().close())

  it('the result is one of the command line’s, and is shown beside this browser’s when it is opened', async () => {
    const { page } = opened
    const { text, download } = await downloaded(page, 'Download the result (JSON)')
    const result = parseResult(text, download.suggestedFilename())
    expect(result.runs.map(({ pass }) => pass)).toEqual(['forward', 'forward-backward'])
    expect(result.runs.every(({ check }) => check!.passed)).toBe(true)
    const file = { name: 'other.json', mimeType: 'application/json', buffer: Buffer.from(text) }
    await page.getByLabel('Choose a file').setInputFiles(file)
    const headings = page.locator('#summary thead th')
    await expect.poll(() => headings.count()).toBe(4)
    expect(await headings.filter({ hasText: 'other.json' }).count()).toBe(2)
    await page.getByRole('button', { name: 'Remove other.json' }).click()
    await expect.poll(() => headings.count()).toBe(2)
  })

  it('the report is a page of its own', async () => {
    const { text } = await downloaded(opened.page, 'Download the report (HTML)')
    expect(text).toMatch(/^<!DOCTYPE html>/)
    expect(text).toContain('lenet')
  })

  it.each([
    ['not JSON', '{', /bad\.json: .*JSON/],
    ['another JSON', '{"a":1}', /bad\.json: /],
  ])('a file that is %s is refused in a sentence', async (_, text, message) => {
    const file = { name: 'bad.json', mimeType: 'application/json', buffer: Buffer.from(text) }
    await opened.page.getByLabel('Choose a file').setInputFiles(file)
    await opened.page.getByRole('alert').filter({ hasText: message }).waitFor()
  })

  it('a link brings the settings back', async () => {
    const { page } = opened
    await page.getByLabel('Batch', { exact: true }).fill('3')
    await page.getByRole('button', { name: 'Copy a link' }).click()
    const link = page.url()
    expect(link).toContain('batch=3')
    const again = await visit(browser, link)
    expect(await again.page.getByLabel('Batch', { exact: true }).inputValue()).toBe('3')
    expect(await again.page.getByLabel('Network').inputValue()).toBe('lenet')
    await again.page.context().close()
  })
})

describe('what can’t be', () => {
  it.each([
    ['Batch', '0', /Batch must be a whole number from 1 to 1024/],
    ['Burn-in', 'x', /Burn-in must be a whole number from 0 to 1000/],
  ])('%s %s is said beside its field', async (label, value, message) => {
    const { page } = await visit(browser, served.url)
    await page.getByLabel(label, { exact: true }).fill(value)
    await page.getByText(message).waitFor()
    expect(await page.getByRole('button', { name: 'Run', exact: true }).isDisabled()).toBe(true)
    await page.context().close()
  })

  it('a batch too large for the memory', async () => {
    const { page } = await visit(browser, address({ network: 'alexnet', batch: 1024 }))
    await page
      .getByRole('alert')
      .filter({ hasText: /more than the 4,096 MB/ })
      .waitFor()
    await page.context().close()
  })

  it('a worker that fails is said, and the next run works', async () => {
    const { page } = await visit(browser, address({ ...SMALL, batches: 2 }))
    await page.route('**/assets/worker-*.js', (route) => route.fulfill({ status: 500, body: '' }))
    await run(page)
    await page
      .getByRole('alert')
      .filter({ hasText: /worker could not be started/ })
      .waitFor()
    await page.unroute('**/assets/worker-*.js')
    await run(page)
    await untilStatus(page, /Done/)
    await page.context().close()
  })
})

describe('on a host that sends no headers', () => {
  let host: Served
  beforeAll(async () => {
    host = await hostPlainly()
  })
  afterAll(() => host?.end())

  it('a service worker gives the page its threads', async () => {
    const { page, complaints } = await visit(browser, host.url)
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
    expect(complaints).toEqual([])
    await page.context().close()
  })

  it('without one it says that it is not isolated, and works on one thread', async () => {
    const { page } = await visit(
      browser,
      `${host.url}#benchmark?network=lenet&batch=2&batches=2&pass=forward`,
      {
        serviceWorkers: 'block',
      },
    )
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false)
    await page.getByText(/served without the headers COOP and COEP/).waitFor()
    await run(page)
    await untilStatus(page, /Done: 2 samples/)
    expect(await page.locator('#path').textContent()).toMatch(/1 thread: .*not cross-origin isolated/)
    await page.context().close()
  })
})
