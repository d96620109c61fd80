// What the page weighs on its way, compressed as hosts do it.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { root } from '../support/package.ts'
import { classifier, fileOf as onnxFile } from './support/onnx-files.ts'
import { hostPlainly } from './support/static-host.ts'
import { openBrowser, untilStatus, visit } from './support/visit.ts'

const folder = join(root, 'dist/web')
const kilobytes = (paths: readonly string[]): number =>
  paths.reduce((sum, path) => sum + gzipSync(readFileSync(join(folder, path))).length, 0) / 1000

it('is under 225 kB for a benchmark with its charts, its check and its result', async () => {
  const [browser, host] = await Promise.all([openBrowser(), hostPlainly()])
  try {
    const { page } = await visit(browser, `${host.url}#benchmark?network=lenet&batch=2&batches=2`)
    const first = kilobytes([...host.asked].map(fileOf))
    await page.getByRole('button', { name: 'Run', exact: true }).click()
    await untilStatus(page, /Done: 4 samples/)
    const all = [...host.asked].map(fileOf)
    expect(all.some((path) => path.includes('check-worker'))).toBe(true)
    expect(first).toBeGreaterThan(30)
    expect(first).toBeLessThan(105)
    expect(kilobytes(all)).toBeLessThan(225)
  } finally {
    await browser.close()
    host.end()
  }
})

/** What reads ONNX files; it comes with the first of them. */
const isImporter = (path: string): boolean => /(formats|import-work)-/.test(path)

it('is under 285 kB with all views together, without other libraries, digits and the importer', () => {
  const isApart = (name: string): boolean => name.startsWith('peer-worker') || isImporter(name)
  const scripts = readdirSync(join(folder, 'assets')).filter((name) => !isApart(name))
  const all = kilobytes([...scripts.map((name) => `assets/${name}`), 'index.html', 'service-worker.js'])
  expect(all).toBeGreaterThan(100)
  expect(all).toBeLessThan(285)
})

it('reads ONNX files with under 35 kB more, which are loaded when the first one comes', async () => {
  const [browser, host] = await Promise.all([openBrowser(), hostPlainly()])
  try {
    const { page } = await visit(browser, host.url)
    for (const view of ['Compare', 'How it works', 'Train'])
      await page.getByRole('link', { name: view, exact: true }).click()
    await page.getByRole('button', { name: 'Train', exact: true }).waitFor()
    expect([...host.asked].filter(isImporter)).toEqual([])
    await page.getByRole('link', { name: 'Benchmark', exact: true }).click()
    await page.getByLabel('Choose an ONNX file').setInputFiles(onnxFile('own.onnx', classifier()))
    await page.getByRole('heading', { name: 'own.onnx' }).waitFor()
    const importer = [...host.asked].filter(isImporter).map(fileOf)
    expect(importer.length).toBeGreaterThan(1)
    expect(kilobytes(importer)).toBeLessThan(35)
  } finally {
    await browser.close()
    host.end()
  }
})

const fileOf = (path: string): string => (path === '/' ? 'index.html' : path)
