// Browsers that are installed here; nothing is fetched.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { CHROMIUM_FLAGS, chromiumPath } from '../../support/chromium.ts'
import { findCommand } from '../../support/find-command.ts'

export interface OpenBrowser {
  /** Opens a page, and closes it when `until` is settled. Returns what the console should not have said. */
  visit(url: string, until: Promise<unknown>): Promise<readonly string[]>
  close(): Promise<void>
}

interface InstalledBrowser {
  readonly name: 'Chromium' | 'Firefox'
  readonly path: string
  open(): Promise<OpenBrowser>
}

async function openChromium(path: string): Promise<OpenBrowser> {
  const browser: Browser = await chromium.launch({
    executablePath: path,
    headless: true,
    args: CHROMIUM_FLAGS,
  })
  return {
    async visit(url, until) {
      const page = await browser.newPage()
      const complaints: string[] = []
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
      })
      const failed = new Promise<never>((_, reject) => {
        page.on('pageerror', reject)
        page.on('crash', () => reject(new Error('the page crashed')))
      })
      try {
        await page.goto(url)
        await Promise.race([until, failed])
      } finally {
        await page.close()
      }
      return complaints
    },
    close: () => browser.close(),
  }
}

/** Nothing but the page is asked for. */
const FIREFOX_PREFERENCES = `
user_pref('app.update.enabled', false)
user_pref('browser.shell.checkDefaultBrowser', false)
user_pref('datareporting.policy.dataSubmissionEnabled', false)
user_pref('network.captive-portal-service.enabled', false)
user_pref('network.connectivity-service.enabled', false)
user_pref('services.settings.server', 'data:,')
user_pref('toolkit.telemetry.reportingpolicy.firstRun', false)
`

/**
 * Playwright can drive only its own build of Firefox. The page itself reports its results, so the browser only has to
 * be started.
 */
async function openFirefox(path: string): Promise<OpenBrowser> {
  const running = new Set<ChildProcess>()
  return {
    async visit(url, until) {
      const profile = mkdtempSync(join(tmpdir(), 'convmark-firefox-'))
      writeFileSync(join(profile, 'user.js'), FIREFOX_PREFERENCES)
      const args = ['--headless', '--no-remote', '--profile', profile, url]
      const firefox = spawn(path, args, { stdio: 'ignore' })
      running.add(firefox)
      const ended = new Promise<void>((resolve) => firefox.once('exit', () => resolve()))
      try {
        await Promise.race([until, ended.then(() => Promise.reject(new Error('Firefox ended')))])
      } finally {
        firefox.kill()
        await ended
        running.delete(firefox)
        rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
      }
      return []
    },
    close: async () => {
      for (const firefox of running) firefox.kill()
    },
  }
}

const firefoxPath = findCommand(['firefox-esr', 'firefox'])

export const browsers: readonly InstalledBrowser[] = [
  ...(chromiumPath
    ? [{ name: 'Chromium', path: chromiumPath, open: () => openChromium(chromiumPath!) } as const]
    : []),
  ...(firefoxPath
    ? [{ name: 'Firefox', path: firefoxPath, open: () => openFirefox(firefoxPath) } as const]
    : []),
]

export const NO_BROWSER = 'the tests in browsers are skipped: neither Chromium nor Firefox is installed'
