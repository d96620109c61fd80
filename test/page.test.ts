// The short one of the page's tests; test/web/ has the others (npm run test:web).
import { describe, expect, it } from 'vitest'
import { hasBrowser, NO_BROWSER, openBrowser, serve, untilStatus, visit } from './web/support/visit.ts'

if (!hasBrowser) console.log(NO_BROWSER)

describe.skipIf(!hasBrowser)('the page in Chromium', () => {
  it('runs a benchmark from its address, checked, and asks no other host for anything', async () => {
    const [browser, served] = await Promise.all([openBrowser(), serve()])
    try {
      const settings = 'network=lenet&batch=2&batches=3&burn-in=1&pass=forward'
      const { page, complaints } = await visit(browser, `${served.url}#benchmark?${settings}`)
      await page.getByRole('button', { name: 'Run', exact: true }).click()
      await untilStatus(page, /Done: 3 samples/)
      expect(await page.locator('#summary').textContent()).toContain('passed: largest relative error')
      expect(complaints).toEqual([])
    } finally {
      await browser.close()
      served.end()
    }
  })
})
