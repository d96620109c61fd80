import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseResult } from '../../src/bench/result.ts'
import { root } from '../support/package.ts'
import { openBrowser, type Served, serve, untilStatus, visit } from './support/visit.ts'

let browser: Browser
let served: Served

beforeAll(async () => {
  ;[browser, served] = await Promise.all([openBrowser(), serve()])
})
afterAll(async () => {
  await browser?.close()
  served?.end()
})

const compared = (engines: string): string =>
  `${served.url}#compare?network=lenet&batch=2&rounds=6&runs=2&engines=${engines}`

async function compare(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Compare', exact: true }).click()
}

it('lets engines take turns, tells differences from noise, and writes a result', async () => {
  const { page, complaints } = await visit(browser, compared('wasm@all,wasm@1'))
  await compare(page)
  await untilStatus(page, /Done/)
  const text = await page.locator('#compared').textContent()
  expect(text).toMatch(/convmark wasm \(.*(no difference found|times as fast)/)
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download the result (JSON)' }).click(),
  ])
  const result = parseResult(await readFile(await download.path(), 'utf8'), 'compare.json')
  expect(result.runs.map(({ rounds }) => rounds)).toEqual([Array(6).fill(2), Array(6).fill(2)])
  expect(result.comparisons).toHaveLength(1)
  expect(complaints).toEqual([])
  await page.context().close()
})

it('says of a library that the host does not have how it gets there, and goes on with the others', async () => {
  const { page } = await visit(browser, compared('wasm@all,wasm@1,onnxruntime-web'))
  await page.route('**/peers/**', (route) => route.fulfill({ status: 404, body: '' }))
  await compare(page)
  await page
    .getByText(
      /ONNX Runtime Web \(wasm\): not compared: it is not on the host .*: npm i --ignore-scripts onnxruntime-web/,
    )
    .waitFor()
  await untilStatus(page, /Done/)
  await page.context().close()
})

it('gives up a library that never answers, and goes on with the others', async () => {
  const { page } = await visit(browser, compared('wasm@all,wasm@1,onnxruntime-web'))
  await page.clock.install()
  let load = (): void => {}
  const loaded = new Promise<void>((resolve) => {
    load = resolve
  })
  await page.route('**/peers/**', async (route) => {
    await route.fulfill({ contentType: 'text/javascript', body: 'await new Promise(() => {})' })
    if (route.request().method() === 'GET') load()
  })
  await compare(page)
  await loaded
  await page.clock.fastForward('02:01')
  await page.getByText(/ONNX Runtime Web \(wasm\): not compared: it did not answer for 2 minutes/).waitFor()
  await untilStatus(page, /Done/)
  expect(await page.locator('#compared tbody tr').count()).toBe(2)
  await page.context().close()
})

it('stops, and keeps the rounds that were measured', async () => {
  const { page } = await visit(browser, compared('wasm@all,wasm@1').replace('rounds=6', 'rounds=200'))
  await compare(page)
  await page.locator('#compared').waitFor()
  await page.getByRole('button', { name: 'Stop' }).click()
  await page
    .locator('.status')
    .filter({ hasText: /Stopped/ })
    .waitFor()
  expect(await page.locator('#compared tbody tr').count()).toBe(2)
  await page.context().close()
})

// `npm ci --prefix peers` brings them; what this browser can't do (a graphics processor) is not compared, in words
const hasPeers = existsSync(join(root, 'peers/node_modules/onnxruntime-web'))
it.skipIf(!hasPeers)(
  'other libraries are checked and timed, or say why not (skipped without peers)',
  async () => {
    const engines = 'wasm@1,tfjs-wasm,tfjs-webgl,tfjs-webgpu,onnxruntime-web,onnxruntime-web-webgpu'
    const { page } = await visit(browser, compared(engines))
    await compare(page)
    await untilStatus(page, /Done/)
    const text = await page.locator('main').textContent()
    // Chromium computes WebGL itself where there is no graphics processor
    for (const name of ['TensorFlow.js (wasm)', 'TensorFlow.js (WebGL)', 'ONNX Runtime Web (wasm)']) {
      const row = page.locator('#compared tbody tr').filter({ hasText: name })
      expect(await row.textContent()).toMatch(/\de-\d/) // its error, found small enough
    }
    expect(text).toMatch(/TensorFlow.js \(WebGPU\): not compared: .*WebGPU/)
    await page.context().close()
  },
)

it.skipIf(!hasPeers)(
  'gradients are checked and timed too, where a library has them (skipped without peers)',
  async () => {
    const engines = 'wasm@all,wasm@1,tfjs-wasm,tfjs-webgl,onnxruntime-web'
    const address = compared(engines)
      .replace('network=lenet&batch=2', 'network=alexnet-cifar10&batch=3')
      .replace('runs=2', 'runs=1')
    const { page, complaints } = await visit(browser, `${address}&pass=forward-backward`)
    await compare(page)
    await untilStatus(page, /Done/)
    for (const name of [
      'convmark wasm (all threads)',
      'convmark wasm (one thread)',
      'TensorFlow.js (WebGL)',
    ]) {
      const row = page.locator('#compared tbody tr').filter({ hasText: name })
      expect(await row.textContent(), name).toMatch(/\de-\d/)
    }
    const text = await page.locator('main').textContent()
    expect(text).toContain(
      "TensorFlow.js (wasm): not compared: its wasm backend has no gradient of a convolution's filters",
    )
    expect(text).toContain('ONNX Runtime Web (wasm): not compared: it has no gradients')
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download the result (JSON)' }).click(),
    ])
    const { runs, unsupported } = parseResult(await readFile(await download.path(), 'utf8'), 'compare.json')
    expect(new Set([...runs, ...unsupported!].map(({ pass }) => pass))).toEqual(new Set(['forward-backward']))
    expect(complaints).toEqual([])
    await page.context().close()
  },
)
