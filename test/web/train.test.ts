import { readFile } from 'node:fs/promises'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { decodeModel } from '../../src/train/model-file.ts'
import { openBrowser, type Served, serve, untilStatus, type Visit, visit } from './support/visit.ts'

let browser: Browser
let served: Served
let trained: Visit

beforeAll(async () => {
  ;[browser, served] = await Promise.all([openBrowser(), serve()])
  trained = await visit(browser, `${served.url}#train?epochs=1`)
  const { page } = trained
  await page.getByRole('button', { name: 'Train', exact: true }).click()
  await page.locator('.filters canvas').first().waitFor()
  await untilStatus(page, /Trained/)
})
afterAll(async () => {
  await browser?.close()
  served?.end()
})

async function drawOne(page: Page): Promise<void> {
  const canvas = page.locator('.drawing')
  await canvas.scrollIntoViewIfNeeded()
  const { x, y } = (await canvas.boundingBox())!
  await page.mouse.move(x + 112, y + 40)
  await page.mouse.down()
  await page.mouse.move(x + 112, y + 180, { steps: 10 })
  await page.mouse.up()
}

it('learns digits: most of the test digits are right after one epoch', async () => {
  const { page, complaints } = trained
  const [, percent] = /Trained: ([\d.]+)%/.exec((await page.locator('.status').textContent())!)!
  expect(Number(percent)).toBeGreaterThan(75)
  expect(await page.locator('.filters canvas').count()).toBe(32)
  expect(complaints).toEqual([])
})

it('says what was drawn, or taken from the test digits', async () => {
  const { page } = trained
  await drawOne(page)
  await page.locator('.answer').filter({ hasText: 'It sees a 1' }).waitFor()
  expect(await page.locator('.bars li').count()).toBe(10)
  await page.getByRole('button', { name: 'Clear' }).click()
  await page.getByText('Nothing is drawn yet').waitFor()
  await page.getByRole('button', { name: 'Take a test digit' }).click()
  await page
    .locator('.answer')
    .filter({ hasText: /It sees a \d/ })
    .waitFor()
  await page.getByText(/The test set says it is a \d/).waitFor()
})

it('saves a model that the library reads, and opens it in a new page', async () => {
  const { page } = trained
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: /Save the model/ }).click(),
  ])
  const bytes = await readFile(await download.path())
  const model = decodeModel(bytes, download.suggestedFilename())
  expect(model.network.name).toBe('lenet')
  const other = await visit(browser, `${served.url}#train`)
  await other.page
    .getByLabel('Open a model')
    .setInputFiles({ name: 'mine.safetensors', mimeType: 'application/octet-stream', buffer: bytes })
  await other.page.getByText('mine.safetensors is open').waitFor()
  await drawOne(other.page)
  await other.page.locator('.answer').filter({ hasText: 'It sees a 1' }).waitFor()
  expect(other.complaints).toEqual([])
  await other.page.context().close()
})

it('refuses a file that is no model', async () => {
  const { page } = trained
  const file = {
    name: 'no.safetensors',
    mimeType: 'application/octet-stream',
    buffer: Buffer.from('nothing'),
  }
  await page.getByLabel('Open a model').setInputFiles(file)
  await page.getByRole('alert').filter({ hasText: 'no.safetensors' }).waitFor()
})

it('stops, keeps what was learned, and trains on', async () => {
  const { page } = trained
  await page.getByLabel('Epochs').fill('50')
  await page.getByRole('button', { name: 'Train on' }).click()
  await untilStatus(page, /Epoch \d+ of 50/)
  await page.getByRole('button', { name: 'Stop' }).click()
  await page
    .locator('.status')
    .filter({ hasText: /Stopped after step/ })
    .waitFor()
  await page.getByLabel('Epochs').fill('1')
  await page.getByRole('button', { name: 'Train on' }).click()
  await untilStatus(page, /Trained/)
})
