// The layer tables of docs/performance.md, as Markdown: node scripts/layer-tables.mjs x64:avx512
// Runs `convmark bench --layers` at batch 1, 32 and 256, direct and with whatever is fastest; some three minutes a target.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const [engine = 'auto'] = process.argv.slice(2)
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'convmark-tables-'))
const threads = Math.min(2, availableParallelism())
const ALGORITHMS = { direct: 'direct', auto: 'fastest' }
/** Batches that are timed: enough for a mean, few enough to wait for. */
const SETTINGS = [
  { batch: 1, batches: 100, burnIn: 20 },
  { batch: 32, batches: 10, burnIn: 3 },
  { batch: 256, batches: 3, burnIn: 1 },
]

const columns = []
try {
  for (const { batch, batches, burnIn } of SETTINGS) {
    for (const [algorithm, name] of Object.entries(ALGORITHMS)) {
      const file = join(folder, 'result.json')
      const spec = `${engine}@${threads}`
      const options = { engine: spec, algorithm, batch, batches, 'burn-in': burnIn, json: file }
      const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
      execFileSync(process.execPath, [main, 'bench', '--layers', ...words], {
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      const { runs } = JSON.parse(readFileSync(file, 'utf8'))
      columns.push({ title: `batch ${batch}, ${name}`, runs })
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** The best peak of the target, so that one low measurement does not raise the shares of a column. */
const peak = Math.max(...columns.flatMap(({ runs }) => runs.map((run) => run.peakGflopsPerSecond)))

/** Three digits; from 100 on, none after the point. */
const digits = (ms) => (ms >= 100 ? Math.round(ms).toLocaleString('en') : ms.toPrecision(3))
const cell = (ms, flops) => {
  if (ms === null || ms === 0) return ''
  return flops > 0 ? `${digits(ms)} (${Math.round((100 * flops) / ms / 1e6 / peak)}%)` : digits(ms)
}
const line = (cells) => `| ${cells.join(' | ')} |`

function table(title, pass, value, total) {
  const runs = columns.map((column) => column.runs.find((run) => run.pass === pass))
  const layers = runs[0].layers.map(({ name }) => name)
  const rows = layers.map((name) => [
    name,
    ...runs.map((run) => value(run.layers.find((layer) => layer.name === name))),
  ])
  return [
    line([title, ...columns.map((column) => column.title)]),
    line(['---', ...columns.map(() => '--:')]),
    ...rows.filter(([, ...cells]) => cells.some((text) => text !== '')).map(line),
    line([`**${total}**`, ...runs.map((run) => cell(run.summary.medianMs, run.flops))]),
    '',
  ].join('\n')
}

console.log(table('Forward', 'forward', (layer) => cell(layer.forwardMs, layer.flops), 'whole run, median'))
console.log(
  table(
    'backward',
    'forward-backward',
    (layer) => cell(layer.backwardMs, layer.backwardFlops),
    'whole Forward-backward, median',
  ),
)
