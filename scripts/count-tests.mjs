// Adds up results as vitest's JSON reporter writes them and prints `N passed, N failed`. Fails for a file that is not
// such a result, holds no test, or holds a failed one.
import { readFileSync } from 'node:fs'

const paths = process.argv.slice(2)
if (paths.length === 0) throw new Error('usage: node scripts/count-tests.mjs <results.json>...')

let passed = 0
let failed = 0
for (const path of paths) {
  const { testResults } = JSON.parse(readFileSync(path, 'utf8'))
  const statuses = testResults.flatMap((file) => file.assertionResults.map(({ status }) => status))
  if (statuses.length === 0) throw new Error(`${path}: no tests`)
  // A file that could not be loaded has no tests and counts as one
  const broken = testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
  )
  passed += statuses.filter((status) => status === 'passed').length
  failed += statuses.filter((status) => status === 'failed').length + broken.length
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
