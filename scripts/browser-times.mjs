// The browser's figures: `node scripts/browser-times.mjs`, after a build. Needs Chromium, but no display.
//   --rounds 8         turns of each
//   --node <path>      the Node to compare with, whose V8 should be close to Chromium's; this one by default
//   --peers            also onnxruntime-web and tfjs-wasm in the same page, as far as they are installed in peers/
// AlexNet's tower, forward, batch 32, two threads, as the page itself runs it from a link. Sides take turns, and the ratio
// is the median of the rounds' ratios.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { chromium } from 'playwright-core'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '8' },
    node: { type: 'string', default: process.execPath },
    peers: { type: 'boolean', default: false },
  },
})
const rounds = Number(options.rounds)
const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => existsSync(path),
)
if (!executablePath) throw new Error('there is no Chromium: apt-get install -y chromium')
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))

const BATCH = 32
const BATCHES = 12
const BURN_IN = 3
const THREADS = 2
const STARTS = 10

const server = spawn(process.execPath, [main, 'serve', '--port', '0'], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
const [said] = await once(server.stdout, 'data')
const url = /http:\S+/.exec(said)[0]
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-sync',
]
const browser = await chromium.launch({ executablePath, args: flags })

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}
const fixed = (value, digits = 1) => value.toFixed(digits)

/** Opens this view in a fresh browser context, with nothing stored except the tuning. */
const context = await browser.newContext({ locale: 'en-GB', acceptDownloads: true })
async function opened(view, settings) {
  const page = await context.newPage()
  await page.goto(`${url}#${view}?${new URLSearchParams(settings)}`)
  return page
}

/** Presses a button, and returns the result that can be downloaded at the end. */
async function resultOf(page, button) {
  await page.getByRole('button', { name: button, exact: true }).click()
  await page.locator('.status').filter({ hasText: /Done/ }).waitFor({ timeout: 3_600_000 })
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download the result (JSON)' }).click(),
  ])
  const result = JSON.parse(readFileSync(await download.path(), 'utf8'))
  await page.close()
  return result
}

async function inPage(charts) {
  const settings = { network: 'alexnet', pass: 'forward', batch: BATCH, batches: BATCHES, 'burn-in': BURN_IN }
  const page = await opened('benchmark', { ...settings, engine: 'wasm', threads: THREADS, charts })
  return resultOf(page, 'Run')
}

async function inNode() {
  const args = [main, 'bench', 'alexnet', '--engine', `wasm@${THREADS}`, '--pass', 'forward', '--json', '-']
  const sizes = ['--batch', BATCH, '--batches', BATCHES, '--burn-in', BURN_IN].map(String)
  const { stdout } = await promisify(execFile)(options.node, [...args, ...sizes], { maxBuffer: 2 ** 26 })
  return JSON.parse(stdout)
}

const medianMs = ({ runs }) => runs[0].summary.medianMs

/** Milliseconds from the start of the navigation until the Run button accepts a click, with an empty browser cache. */
async function firstInputMs() {
  const fresh = await browser.newContext({ locale: 'en-GB' })
  const page = await fresh.newPage()
  await page.goto(url, { waitUntil: 'commit' })
  await page.getByRole('button', { name: 'Run', exact: true }).click({ trial: true })
  const ms = await page.evaluate(() => performance.now())
  await fresh.close()
  return ms
}

try {
  const starts = []
  for (let i = 0; i < STARTS; i++) starts.push(await firstInputMs())
  const largest = Math.max(...starts)
  console.log(
    `first input: median ${fixed(median(starts), 0)} ms of ${STARTS} starts, ${fixed(largest, 0)} at the most`,
  )

  const sides = { node: inNode, live: () => inPage('live'), after: () => inPage('after') }
  const times = { node: [], live: [], after: [] }
  let environments = {}
  for (let round = 0; round < rounds; round++) {
    // A later side finds a warmer machine, so the order is reversed
    const order = Object.keys(sides)
    for (const side of round % 2 ? order.reverse() : order) {
      const result = await sides[side]()
      environments = { ...environments, [side]: result.environment }
      times[side].push(medianMs(result))
    }
    console.log(
      `round ${round + 1}: ${Object.entries(times)
        .map(([side, ms]) => `${side} ${fixed(ms.at(-1))}`)
        .join('  ')}`,
    )
  }
  const ratio = (a, b) => median(times[a].map((ms, round) => ms / times[b][round]))
  console.log(`${environments.live.browser}, Node ${environments.node.node} with V8 ${environments.node.v8}`)
  console.log(
    `page ${fixed(median(times.live))} ms, Node ${fixed(median(times.node))} ms: ${fixed(ratio('live', 'node'), 3)} times`,
  )
  console.log(`charts with every step over charts after the run: ${fixed(ratio('live', 'after'), 3)} times`)

  if (options.peers) {
    const settings = { network: 'alexnet', batch: BATCH, rounds, runs: 2, threads: THREADS }
    const engines = 'wasm@all,tfjs-wasm,onnxruntime-web'
    const result = await resultOf(await opened('compare', { ...settings, engines }), 'Compare')
    for (const { engine, summary } of result.runs) {
      console.log(`${engine.name} @${engine.threads}: ${fixed(summary.medianMs)} ms`)
    }
    for (const { engine, reason } of result.unsupported ?? []) console.log(`${engine}: ${reason}`)
    for (const { text } of result.comparisons) console.log(text)
  }
} finally {
  await browser.close()
  server.kill()
}
