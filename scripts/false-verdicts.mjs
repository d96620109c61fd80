// How often a comparison of an engine with itself finds a difference: `node scripts/false-verdicts.mjs`, after a build.
//   --runs 40   --engine wasm   --batch 2   and, after --, more options of compare
// A test at 5% finds one in 20 on a machine where nothing changes; the exit code is 1 if there are more than twice as many.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '40' },
    engine: { type: 'string', default: 'wasm' },
    batch: { type: 'string', default: '2' },
  },
})
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const { engine, batch } = options
const runs = Number(options.runs)
let verdicts = 0
for (let run = 1; run <= runs; run++) {
  const args = [main, 'compare', engine, engine, '--batch', batch, '--json', '-', ...positionals]
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 26 })
  const [{ text, verdict, pValue }] = JSON.parse(stdout).comparisons
  if (verdict !== 'no difference found') verdicts++
  console.log(`${String(run).padStart(3)}  p ${pValue.toFixed(3)}  ${text}`)
}
console.log(`${verdicts} of ${runs} comparisons of ${engine} with itself found a difference`)
process.exitCode = verdicts > runs / 10 ? 1 : 0
