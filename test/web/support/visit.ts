// The built page as a user has it: served by the command, in Debian's Chromium, and watched.
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { CHROMIUM_FLAGS, chromiumPath } from '../../support/chromium.ts'
import { root } from '../../support/package.ts'

export async function openBrowser(): Promise<Browser> {
  if (!chromiumPath) throw new Error('these tests need Chromium: apt-get install -y chromium')
  return chromium.launch({ executablePath: chromiumPath, headless: true, args: CHROMIUM_FLAGS })
}

export interface Served {
  readonly url: string
  end(): void
}

/** `convmark serve` on a free port. */
export function serve(): Promise<Served> {
  const command = [join(root, 'dist/cli/main.js'), 'serve', '--port', '0']
  const child: ChildProcess = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] })
  return new Promise((resolve, reject) => {
    let said = ''
    const listen = (chunk: Buffer): void => {
      said += chunk
      const [url] = /http:\S+/.exec(said) ?? []
      if (url) resolve({ url, end: () => child.kill() })
    }
    child.stdout!.on('data', listen)
    child.stderr!.on('data', listen)
    child.once('exit', (code) => reject(new Error(`serve ended with ${code}: ${said}`)))
  })
}

export interface Visit {
  readonly page: Page
  /** What went wrong that a user would not see: errors of the console, requests to other hosts. */
  readonly complaints: readonly string[]
}

/** Of any wait, on a machine that is busy or whose WebGL is computed by its processor. */
const LONGEST_MS = 280_000

/** Opens a view in English, as wide as a desk's screen, unless told otherwise. */
export async function visit(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({ locale: 'en-GB', acceptDownloads: true, ...options })
  context.setDefaultTimeout(LONGEST_MS)
  const page = await context.newPage()
  const complaints: string[] = []
  const { origin } = new URL(url)
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`)
  })
  page.on('pageerror', (error) => complaints.push(`page: ${error.message}`))
  context.on('request', (request) => {
    const asked = request.url()
    if (!asked.startsWith('blob:') && new URL(asked).origin !== origin) complaints.push(`request: ${asked}`)
  })
  await page.goto(url)
  await page.locator('#platform-heading').waitFor()
  return { page, complaints }
}

/** Waits until the status line says this. */
export async function untilStatus(page: Page, text: RegExp): Promise<void> {
  await page.locator('.status').filter({ hasText: text }).waitFor()
}
