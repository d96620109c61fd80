// Adds up results as vitest's JSON reporter writes them, lists the skipped tests and prints `N passed, N failed`.
// Fails for a file that is not such a result, holds no test or a failed one, and for a test that need not have been skipped.
import { readFileSync } from 'node:fs'

const paths = process.argv.slice(2)
if (paths.length === 0) throw new Error('usage: node scripts/count-tests.mjs <results.json>...')

/**
 * What a machine that runs .ci/run may lack. A test that may be skipped says in its name, or in that of what it is in,
 * without what; everything else is there or is installed before.
 */
const MAY_BE_LACKING = [
  /\(skipped without AVX(2|-512)\)/,
  /\(skipped: [^)]*AVX/,
  /\(skipped without x86-64\)/,
  /it is written for Linux x86-64/,
  /the system refuses memory for machine code/,
  // .ci/run goes on without them
  /\(skipped without binutils\)/,
  /\(skipped without \d GiB of free memory\)/,
  /\(skipped (without|for) root\)/,
  /\(skipped where nothing can be mounted\)/,
  /\(skipped without root’s mknod\)/,
  /\(skipped without python3-onnx\)/,
  // Of engines that have one thread wherever they run
  /\(skipped: (it has|there is) one thread/,
  // Of Debian's packages
  /\(skipped: not installed; apt-get/,
]

const counts = { passed: 0, failed: 0, skipped: 0 }
let isUnexpected = false
for (const path of paths) {
  const { testResults } = JSON.parse(readFileSync(path, 'utf8'))
  const tests = testResults.flatMap((file) => file.assertionResults)
  if (tests.length === 0) throw new Error(`${path}: no tests`)
  for (const { status, fullName } of tests) {
    if (status === 'passed' || status === 'failed') counts[status]++
    else {
      counts.skipped++
      const isExpected = MAY_BE_LACKING.some((reason) => reason.test(fullName))
      isUnexpected ||= !isExpected
      console.log(`skipped${isExpected ? '' : ', and should not be'}: ${fullName}`)
    }
  }
  // A file that could not be loaded has no tests and counts as one
  counts.failed += testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
  ).length
}
console.log(`${counts.skipped} skipped`)
console.log(`${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = counts.failed > 0 || isUnexpected ? 1 : 0
