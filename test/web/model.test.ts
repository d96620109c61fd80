// The user's own network: an ONNX file, dropped or chosen, in every view that takes it.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parseResult } from '../../src/bench/result.ts'
import { root } from '../support/package.ts'
import { overflow, violations } from './support/audit.ts'
import {
  anySize,
  classifier,
  fileOf,
  inTrainingMode,
  type NamedFile,
  unsupported,
  WEIGHTS_FILE,
  withExternalData,
} from './support/onnx-files.ts'
import { openBrowser, type Served, serve, untilStatus, type Visit, visit } from './support/visit.ts'

let browser: Browser
let served: Served
let visited: Visit
let page: Page

beforeAll(async () => {
  ;[browser, served] = await Promise.all([openBrowser(), serve()])
})
afterAll(async () => {
  await browser?.close()
  served?.end()
})
afterEach(() => page.context().close())

async function openPage(hash: string, options: Parameters<typeof visit>[2] = {}): Promise<void> {
  visited = await visit(browser, `${served.url}#${hash}`, options)
  page = visited.page
}

const panel = () => page.locator('section[aria-labelledby=model-heading]')
const choose = (files: readonly NamedFile[]) =>
  panel()
    .getByLabel(/Choose a/)
    .setInputFiles([...files])
const isChosen = (name: string) => panel().getByRole('heading', { name, exact: true }).waitFor()

/** Drops files on what the selector finds, as the system does. */
async function drop(selector: string, files: readonly NamedFile[]): Promise<void> {
  const contents = files.map(({ name, buffer }) => ({ name, base64: buffer.toString('base64') }))
  await page.evaluate(
    ([at, given]) => {
      const dataTransfer = new DataTransfer()
      for (const { name, base64 } of given) {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
        dataTransfer.items.add(new File([bytes], name))
      }
      const event = { dataTransfer, bubbles: true, cancelable: true }
      document.querySelector(at)!.dispatchEvent(new DragEvent('drop', event))
    },
    [selector, contents] as const,
  )
}

const own = fileOf('own.onnx', classifier())

describe('a file', () => {
  beforeEach(() => openPage('benchmark?batch=2&batches=2&burn-in=0'))

  it('dropped anywhere becomes the network of all views, until it is removed', async () => {
    expect(await page.getByLabel('Network').inputValue()).toBe('alexnet')
    await drop('footer', [own])
    await isChosen('own.onnx')
    const text = await panel().textContent()
    expect(text).toMatch(/opset 17/)
    expect(text).toMatch(/images \[N, 3, 32, 24\], NCHW/)
    expect(text).toMatch(/7 \(2 conv, /)
    const fates = panel().locator('details.fates')
    expect(await fates.getAttribute('open')).toBeNull()
    expect(await fates.textContent()).toMatch(/Layers2 Conv, .*Part of another layer/)
    for (const view of ['Benchmark', 'Compare']) {
      await page.getByRole('link', { name: view, exact: true }).click()
      const field = page.getByLabel('Network').and(page.locator(':visible'))
      expect(await field.locator('option:checked').textContent()).toBe('own.onnx (yours)')
    }
    await page.getByRole('link', { name: 'Train', exact: true }).click()
    await page.getByRole('link', { name: 'Benchmark', exact: true }).click()
    await isChosen('own.onnx')
    await panel().getByRole('button', { name: 'Remove own.onnx' }).click()
    await isChosen('Your own model')
    expect(await page.getByLabel('Network').and(page.locator(':visible')).inputValue()).toBe('alexnet')
    expect(visited.complaints).toEqual([])
  })

  it('is taken wherever it is dropped, also on a place for other files', async () => {
    await drop('.drop', [own])
    await isChosen('own.onnx')
    expect(await page.getByRole('alert').count()).toBe(0)
  })

  it('is benchmarked with its own weights, checked, in both passes, and the result has its name', async () => {
    await choose([own])
    await isChosen('own.onnx')
    await page.getByRole('button', { name: 'Run', exact: true }).click()
    await untilStatus(page, /Done: 4 samples/)
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download the result (JSON)' }).click(),
    ])
    expect(download.suggestedFilename()).toContain('own.onnx')
    const { runs } = parseResult(await readFile(await download.path(), 'utf8'), 'own.json')
    expect(
      runs.map(({ network, networkFile, pass, check }) => [network, networkFile, pass, check?.passed]),
    ).toEqual([
      ['own', 'own.onnx', 'forward', true],
      ['own', 'own.onnx', 'forward-backward', true],
    ])
    expect(visited.complaints).toEqual([])
  })

  it('of another size on request', async () => {
    await choose([own])
    await isChosen('own.onnx')
    await panel().locator('summary').first().click()
    await panel().getByLabel('Image size').fill('40 x 16')
    await panel().getByRole('button', { name: 'Use this size' }).click()
    await panel()
      .getByText(/images \[N, 3, 40, 16\]/)
      .waitFor()
  })
})

describe('a file that asks for more', () => {
  beforeEach(() => openPage('benchmark'))

  it('the size of its images', async () => {
    await choose([fileOf('any.onnx', anySize)])
    await panel()
      .getByText(/any\.onnx takes images of any size/)
      .waitFor()
    await panel().getByLabel('Image size').fill('0')
    await panel()
      .getByText(/height x width/)
      .waitFor()
    expect(await panel().getByRole('button', { name: 'Read it' }).isDisabled()).toBe(true)
    await panel().getByLabel('Image size').fill('16')
    await panel().getByRole('button', { name: 'Read it' }).click()
    await isChosen('any.onnx')
  })

  it('the file with its weights, which may come later or together with it', async () => {
    const { model, data } = withExternalData()
    const [main, beside] = [fileOf('two.onnx', model), fileOf(WEIGHTS_FILE, data)]
    await choose([main])
    await panel()
      .getByText(/two\.onnx has its weights in another file, weights\.bin/)
      .waitFor()
    await drop('main', [beside])
    await isChosen('two.onnx')
    await panel().getByRole('button', { name: 'Remove' }).click()
    await drop('main', [beside, main])
    await isChosen('two.onnx')
  })
})

describe('what is no network leaves everything as it was', () => {
  beforeEach(async () => {
    await openPage('benchmark')
    await choose([own])
    await isChosen('own.onnx')
  })

  it.each([
    ['a web page', [fileOf('page.onnx', '<!doctype html><title>404</title>')], /page\.onnx .*web page/],
    ['an empty file', [fileOf('empty.onnx', '')], /empty\.onnx .*empty/],
    ['bytes', [fileOf('cut.onnx', classifier().subarray(0, 999))], /cut\.onnx could not be read/],
    ['another file', [fileOf('picture.png', 'png')], /No file of these is an ONNX model/],
    ['two models', [own, own], /several ONNX files/],
  ])('%s', async (_, files, message) => {
    await drop('footer', files)
    await panel().getByRole('alert').filter({ hasText: message }).waitFor()
    await isChosen('own.onnx')
    expect(await page.getByLabel('Network').locator('option:checked').textContent()).toContain('own.onnx')
  })

  it('operators without a layer: all are listed, until the user has read it', async () => {
    await drop('footer', [fileOf('other.onnx', unsupported)])
    await panel()
      .getByRole('alert')
      .filter({ hasText: /other\.onnx can’t be used/ })
      .waitFor()
    const table = await panel().locator('tbody').textContent()
    expect(table).toContain('DequantizeLinear')
    expect(table).toContain('Unheard')
    expect(await violations(page)).toEqual([])
    await panel().getByRole('button', { name: 'Dismiss' }).click()
    expect(await panel().locator('table').count()).toBe(0)
    await isChosen('own.onnx')
  })
})

describe('how it works', () => {
  beforeEach(async () => {
    await openPage('explain')
    await choose([own])
    await isChosen('own.onnx')
    await untilStatus(page, /Computed in/)
  })

  it('shows the maps of its layers, and the largest values of those that have none', async () => {
    const card = (name: string) => page.getByRole('region', { name, exact: true })
    expect(await page.locator('.layer').count()).toBe(7)
    await card('b/conv').scrollIntoViewIfNeeded()
    await expect.poll(() => card('b/conv').locator('canvas').count()).toBe(16)
    expect(await card('b/conv').textContent()).toContain('Then silu is applied')
    await card('shares').scrollIntoViewIfNeeded()
    await card('shares')
      .getByText(/The largest of the 10 values of shares.*\d: 0\.\d/)
      .waitFor()
    expect(visited.complaints).toEqual([])
  })

  it('computes anew for other values of the points', async () => {
    const largest = page.getByText(/The largest of the 10 values of shares/)
    await page.getByRole('region', { name: 'shares' }).scrollIntoViewIfNeeded()
    const before = await largest.textContent()
    await page.getByLabel('Values of a point').selectOption('0-255')
    await expect.poll(() => largest.textContent()).not.toBe(before)
  })
})

const SCREENS = [
  ['a desk, light', { viewport: { width: 1280, height: 800 }, colorScheme: 'light' }],
  ['a phone, dark', { viewport: { width: 360, height: 740 }, colorScheme: 'dark', hasTouch: true }],
] as const

describe.each(SCREENS)('on %s', (_, screen) => {
  it.each(['benchmark', 'compare', 'explain'])('%s with a file has no fault', async (view) => {
    await openPage(view, screen)
    await choose([own])
    await isChosen('own.onnx')
    if (view === 'explain') await untilStatus(page, /Computed in/)
    expect(await overflow(page)).toBe(0)
    expect(await violations(page)).toEqual([])
    expect(visited.complaints).toEqual([])
  })
})

// `npm ci --prefix peers` brings them
const hasPeers = existsSync(join(root, 'peers/node_modules/onnxruntime-web'))
describe.skipIf(!hasPeers)('other libraries (skipped without peers)', () => {
  it.each([
    ['the file itself', classifier()],
    ['the file, for this batch and size', classifier({ batch: 1 })],
    [
      "convmark's export of the file, since the file itself can't be run: its BatchNormalization would run in training mode",
      inTrainingMode,
    ],
  ])('are checked and timed, ONNX Runtime on %s', async (what, bytes) => {
    const engines = 'wasm@1,tfjs-wasm,onnxruntime-web'
    await openPage(`compare?batch=2&rounds=6&runs=1&engines=${engines}`)
    await choose([fileOf('own.onnx', bytes)])
    await isChosen('own.onnx')
    await page.getByRole('button', { name: 'Compare', exact: true }).click()
    await untilStatus(page, /Done/)
    for (const name of ['TensorFlow.js (wasm)', 'ONNX Runtime Web (wasm)']) {
      const row = page.locator('#compared tbody tr').filter({ hasText: name })
      expect(await row.textContent()).toMatch(/\de-\d/)
    }
    expect(await page.locator('#compared').textContent()).toContain(`; ${what};`)
    expect(visited.complaints).toEqual([])
  })
})
