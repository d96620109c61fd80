// Compares a bench's JSON with what was asked for: `node scripts/check-result.mjs out.json --batches 5`. Needs the build.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parseResult } from '../dist/bench/result.js'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { batches: { type: 'string' }, passes: { type: 'string', default: 'forward,forward-backward' } },
})
const [path] = positionals
if (!path || !values.batches)
  throw new Error('usage: node scripts/check-result.mjs <result.json> --batches <count>')

/** Compares a derived number with one computed from the others. */
const isNear = (value, wanted) => Math.abs(value - wanted) <= 1e-6 * Math.abs(wanted)

const { runs, environment } = parseResult(readFileSync(path, 'utf8'), path)
const problems = runs.flatMap((run) => {
  const wrong = {
    'its check did not pass': run.check?.passed !== true,
    'its worst relative error is over 1e-4 or no number': !(run.check?.maxRelativeError <= 1e-4),
    [`${run.samplesMs.length} samples, not ${values.batches}`]:
      run.samplesMs.length !== Number(values.batches),
    'a sample is not positive': !run.samplesMs.every((sample) => sample > 0),
    [`${run.gflopsPerSecond} GFLOP/s`]: !(run.gflopsPerSecond > 0 && Number.isFinite(run.gflopsPerSecond)),
    'its GFLOP/s are not those of its mean': !isNear(
      run.gflopsPerSecond,
      run.flops / run.summary?.meanMs / 1e6,
    ),
    'its images/s are not those of its mean': !isNear(
      run.imagesPerSecond,
      (1000 * run.batch) / run.summary?.meanMs,
    ),
    'it has no peak': !(run.peakGflopsPerSecond > 0),
    'its share of the peak is another': !isNear(
      run.peakFraction,
      run.gflopsPerSecond / run.peakGflopsPerSecond,
    ),
    'it was interrupted': run.interrupted === true,
  }
  return Object.keys(wrong)
    .filter((problem) => wrong[problem])
    .map((problem) => `${run.pass}: ${problem}`)
})
const passes = runs.map((run) => run.pass).join()
if (passes !== values.passes) problems.push(`the passes are ${passes}, not ${values.passes}`)
if (!environment) problems.push('no environment')
for (const { pass, engine, gflopsPerSecond } of runs) {
  console.log(
    `${path}: ${pass} on ${engine.name}:${engine.target}, ${Number(gflopsPerSecond).toFixed(1)} GFLOP/s`,
  )
}
for (const problem of problems) console.error(`${path}: ${problem}`)
process.exitCode = problems.length > 0 ? 1 : 0
