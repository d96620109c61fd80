// The options that the commands for timing engines share.
import type { Command } from 'commander'
import type { ImageSize } from '../formats/onnx-import.ts'
import { ALGORITHMS, type Algorithm } from '../kernels/kernel.ts'
import { CLASSIC_PASSES, PASSES, type Pass } from '../plan/plan.ts'
import { IMAGE_SIZE, integerFromZero, OUTPUTS, oneOf, positiveInteger, RETUNE, WEIGHTS } from './command.ts'
import { TUNING_BUDGET, type TuningBudgetOptions } from './tuning-budget.ts'

export interface TimingOptions extends TuningBudgetOptions {
  readonly pass: Pass | 'both'
  readonly batch: number
  readonly batches: number
  readonly burnIn: number
  readonly threads?: number
  readonly imageSize?: ImageSize
  readonly outputs?: readonly string[]
  readonly weights?: string
  readonly seed: number
  readonly algorithm: Algorithm
  readonly retune?: boolean
  readonly check: boolean
  readonly json?: string
  readonly html?: string
  readonly color: boolean
}

const PASS_CHOICES = [...PASSES, 'both'] as const

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
    .option('--burn-in <n>', 'runs before the timed ones', integerFromZero('--burn-in'), 10)
    .option('--threads <n>', 'physical cores by default', positiveInteger('--threads'))
    .option(...IMAGE_SIZE)
    .option(...OUTPUTS)
    .option(...WEIGHTS)
    .option('--seed <n>', 'of weights and images', integerFromZero('--seed'), 7)
    .option(
      '--algorithm <name>',
      `${ALGORITHMS.join(' | ')}; auto takes the fastest`,
      oneOf('--algorithm', ALGORITHMS),
      'auto',
    )
    .option(...RETUNE)
    .option(...TUNING_BUDGET)
    .option('--no-check', 'time without a check; the result says so')
    .option('--json <file>', "the result as JSON; '-' prints it, and nothing else")
    .option('--html <file>', 'the result as one page with charts')
    .option('--no-color', 'plain text')
}
