// What the commands that time engines share: their options, and where their result goes.
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Result } from '../bench/result.ts'
import { UsageError } from '../errors.ts'
import { ALGORITHMS, type Algorithm } from '../kernels/kernel.ts'
import { CLASSIC_PASSES, PASSES, type Pass } from '../plan/plan.ts'
import { integerFromZero, oneOf, positiveInteger } from './command.ts'
import type { Output } from './output.ts'

export interface TimingOptions {
  readonly pass: Pass | 'both'
  readonly batch: number
  readonly batches: number
  readonly burnIn: number
  readonly threads?: number
  readonly imageSize?: number
  readonly seed: number
  readonly algorithm: Algorithm
  readonly check: boolean
  readonly json?: string
  readonly html?: string
  readonly color: boolean
}

const PASS_CHOICES = [...PASSES, 'both'] as const
const STDOUT = '-'

export const passesOf = ({ pass }: TimingOptions): readonly Pass[] =>
  pass === 'both' ? CLASSIC_PASSES : [pass]

export function addTimingOptions(
  command: Command,
  defaults: { readonly pass: TimingOptions['pass']; readonly batches: number; readonly batchesAre: string },
): Command {
  return command
    .option('--pass <pass>', PASS_CHOICES.join(' | '), oneOf('--pass', PASS_CHOICES), defaults.pass)
    .option('--batch <n>', 'images at a time', positiveInteger('--batch'), 32)
    .option('--batches <n>', defaults.batchesAre, positiveInteger('--batches'), defaults.batches)
    .option('--burn-in <n>', 'runs before them', integerFromZero('--burn-in'), 10)
    .option('--threads <n>', 'physical cores by default', positiveInteger('--threads'))
    .option(
      '--image-size <n>',
      "height and width; the network's own by default",
      positiveInteger('--image-size'),
    )
    .option('--seed <n>', 'of weights and images', integerFromZero('--seed'), 7)
    .option(
      '--algorithm <name>',
      `${ALGORITHMS.join(' | ')}: the fastest, or one`,
      oneOf('--algorithm', ALGORITHMS),
      'auto',
    )
    .option('--no-check', 'time without a check; the result says so')
    .option('--json <file>', "the result as JSON; '-' prints it, and nothing else")
    .option('--html <file>', 'the result as one page with charts')
    .option('--no-color', 'plain text')
}

/** Where a result goes. */
export interface ResultFiles {
  /** As JSON, and then nothing else is printed. */
  readonly isPrinted: boolean
  readonly isWritten: boolean
  write(result: Result, name: string, output: Output): Promise<void>
}

/** Checks the paths, before anything runs. Throws UsageError where one can't be written, or both are one. */
export async function openResultFiles({ json, html }: TimingOptions): Promise<ResultFiles> {
  const isPrinted = json === STDOUT
  const jsonFile = isPrinted ? undefined : json
  const files = [jsonFile, html].filter((file) => file !== undefined)
  const { requireWritable, writeBeside } = await import('../formats/files.ts')
  for (const file of files) await requireWritable(file)
  if (jsonFile !== undefined && html !== undefined && resolve(jsonFile) === resolve(html)) {
    throw new UsageError(`--json and --html are both '${jsonFile}'; one would overwrite the other`)
  }
  return {
    isPrinted,
    isWritten: files.length > 0,
    async write(result, name, output) {
      const text = JSON.stringify(result, null, 2)
      if (isPrinted) output.lines(text)
      if (jsonFile !== undefined) await writeBeside(jsonFile, `${text}\n`)
      if (html !== undefined) await (await import('./report.ts')).writeReport(html, [{ name, result }])
    },
  }
}
