// Every view, in both languages, light and dark, on a desk and on a phone: nothing wider than the screen, and no fault that
// axe finds.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { en } from '../../web/src/texts/en.ts'
import { zh } from '../../web/src/texts/zh.ts'
import { overflow, violations } from './support/audit.ts'
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

const VIEWS = ['benchmark', 'compare', 'explain', 'train'] as const
const SCREENS = [
  ['a desk, light', { viewport: { width: 1280, height: 800 }, colorScheme: 'light' }],
  ['a phone, dark', { viewport: { width: 360, height: 740 }, colorScheme: 'dark', hasTouch: true }],
] as const

describe.each(SCREENS)('on %s', (_, screen) => {
  it.each(VIEWS.flatMap((view) => [[view, 'en-GB', en] as const, [view, 'zh-CN', zh] as const]))(
    '%s in %s',
    async (view, locale, texts) => {
      const { page, complaints } = await visit(browser, `${served.url}#${view}`, { ...screen, locale })
      if (view === 'explain') await untilStatus(page, /ms|毫秒/)
      expect(
        await page.getByRole('link', { name: texts.views[view], exact: true }).getAttribute('aria-current'),
      ).toBe('page')
      expect(await page.locator('html').getAttribute('lang')).toBe(locale === 'zh-CN' ? 'zh-CN' : 'en')
      expect(await page.title()).toContain(texts.views[view])
      expect(await overflow(page)).toBe(0)
      expect(await violations(page)).toEqual([])
      expect(complaints).toEqual([])
      await page.context().close()
    },
  )

  it('after a run', async () => {
    const settings = 'network=lenet&batch=2&batches=3&burn-in=0'
    const { page } = await visit(browser, `${served.url}#benchmark?${settings}`, screen)
    await page.getByRole('button', { name: 'Run', exact: true }).click()
    await untilStatus(page, /Done/)
    expect(await overflow(page)).toBe(0)
    expect(await violations(page)).toEqual([])
    await page.context().close()
  })
})

describe('the page', () => {
  it('is all reached by keyboard: the skip link, then language, colours, views', async () => {
    const { page } = await visit(browser, served.url)
    const reached: string[] = []
    for (let i = 0; i < 8; i++) {
      await page.keyboard.press('Tab')
      reached.push(await page.evaluate(() => document.activeElement?.textContent?.slice(0, 20) ?? ''))
    }
    expect(reached[0]).toContain(en.skip)
    expect(reached.slice(3, 7)).toEqual(VIEWS.map((view) => en.views[view]))
    await page.context().close()
  })

  it('keeps language and colours for the next visit', async () => {
    const { page } = await visit(browser, served.url)
    await page.getByLabel('Language').selectOption('zh')
    await page.getByLabel(zh.theme).selectOption('dark')
    await page.reload()
    await page.getByRole('heading', { name: zh.platform.heading }).waitFor()
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe('rgb(20, 22, 27)')
    await page.context().close()
  })
})

describe('how it works', () => {
  it('shows each layer’s maps of the built-in picture and of one’s own, and refuses what is none', async () => {
    const { page, complaints } = await visit(browser, `${served.url}#explain`)
    await untilStatus(page, /Computed in/)
    expect(await page.locator('.layer').count()).toBe(10)
    const map = page.locator('.maps canvas').first()
    const before = await map.evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL())
    const png = await page.screenshot({ clip: { x: 0, y: 0, width: 320, height: 240 } })
    await page
      .getByLabel('Choose a picture')
      .setInputFiles({ name: 'own.png', mimeType: 'image/png', buffer: png })
    await page.getByRole('heading', { name: 'Your picture: own.png' }).waitFor()
    await expect
      .poll(() => map.evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL()), { timeout: 20_000 })
      .not.toBe(before)
    const text = { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') }
    await page.getByLabel('Choose a picture').setInputFiles(text)
    await page.getByRole('alert').filter({ hasText: 'notes.txt is not a picture' }).waitFor()
    expect(complaints).toEqual([])
    await page.context().close()
  })
})
