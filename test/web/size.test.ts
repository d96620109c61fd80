// What the page weighs on its way, compressed as hosts do it.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { root } from '../support/package.ts'
import { hostPlainly } from './support/static-host.ts'
import { openBrowser, untilStatus, visit } from './support/visit.ts'

const folder = join(root, 'dist/web')
const kilobytes = (paths: readonly string[]): number =>
  paths.reduce((sum, path) => sum + gzipSync(readFileSync(join(folder, path))).length, 0) / 1000

it('is under 180 kB for a benchmark with its charts, its check and its result', async () => {
  const [browser, host] = await Promise.all([openBrowser(), hostPlainly()])
  try {
    const { page } = await visit(browser, `${host.url}#benchmark?network=lenet&batch=2&batches=2`)
    const first = kilobytes([...host.asked].map(fileOf))
    await page.getByRole('button', { name: 'Run', exact: true }).click()
    await untilStatus(page, /Done: 4 samples/)
    const all = [...host.asked].map(fileOf)
    expect(all.some((path) => path.includes('check-worker'))).toBe(true)
    expect(first).toBeGreaterThan(30)
    expect(first).toBeLessThan(95)
    expect(kilobytes(all)).toBeLessThan(180)
  } finally {
    await browser.close()
    host.end()
  }
})

it('is under 235 kB with all views together, without other libraries and digits', () => {
  const scripts = readdirSync(join(folder, 'assets')).filter((name) => !name.startsWith('peer-worker'))
  const all = kilobytes([...scripts.map((name) => `assets/${name}`), 'index.html', 'service-worker.js'])
  expect(all).toBeGreaterThan(100)
  expect(all).toBeLessThan(235)
})

const fileOf = (path: string): string => (path === '/' ? 'index.html' : path)
