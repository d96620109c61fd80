import type { Command } from 'commander'
import type { GateFinding } from '../bench/gate.ts'
import { parseResult } from '../bench/result.ts'
import { ConvmarkError, UsageError } from '../errors.ts'
import { passName } from '../report/classic.ts'
import { formatPercent } from '../report/format.ts'
import { addCommand, type OnEnd } from './command.ts'
import { Output } from './output.ts'

interface Options {
  readonly baseline: string
  readonly failAbove: number
  readonly color: boolean
}

const REGRESSION = 3

/** `5%` or `0.05`. 5 is refused: it probably means 5%, but would let pass what is five times slower. */
function fraction(text: string): number {
  const [, number, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? []
  if (number === undefined)
    throw new UsageError(`--fail-above is '${text}'; it must be a share like 5% or 0.05`)
  if (percent) return Number(number) / 100
  if (Number(number) >= 1)
    throw new UsageError(
      `--fail-above is '${text}'; without a % it must be below 1: write ${text}% or ${Number(text) / 100}`,
    )
  return Number(number)
}

export function addGateCommand(program: Command, onEnd: OnEnd): void {
  addCommand(program, 'gate', 'compare a result with a baseline: exit code 3 for a regression')
    .argument('<result>', "a result of bench or compare, '--json'")
    .requiredOption('--baseline <file>', 'an earlier result from the same machine')
    .option('--fail-above <share>', 'the largest slowdown that is not a regression', fraction, 0.05)
    .option('--no-color', 'plain text')
    .action(async (file: string, options: Options) => onEnd(await run(file, options)))
}

/** Returns the exit code. */
async function run(file: string, options: Options): Promise<number> {
  const { readText } = await import('../formats/files.ts')
  const { gate } = await import('../bench/gate.ts')
  const [result, baseline] = [
    parseResult(await readText(file), file),
    parseResult(await readText(options.baseline), options.baseline),
  ]
  const compared = gate(result, baseline, options.failAbove)
  if (compared.kind === 'not comparable') {
    throw new ConvmarkError(
      `${file} and ${options.baseline} are not comparable: ${compared.reasons.join('; ')}`,
    )
  }
  const { findings } = compared
  const output = new Output({ color: options.color, isAllThereIs: false }) // the exit code is needed too
  const { palette } = output
  for (const finding of findings) {
    const line = findingLine(finding, options.failAbove)
    output.lines(finding.isRegression ? palette.yellow(line) : line)
  }
  return findings.some(({ isRegression }) => isRegression) ? REGRESSION : 0
}

/** A finding in words: `within the limit` only if the whole interval is. */
export function findingLine(finding: GateFinding, failAbove: number): string {
  const { pass, engine, slowdown, interval, hasRounds } = finding
  const change = (times: number) => `${times < 1 ? '-' : '+'}${formatPercent(Math.abs(times - 1))}`
  const verdict = verdictOf(finding, failAbove)
  const caution = hasRounds ? '' : '; without rounds: compared more cautiously'
  return `${passName(pass)} on ${engine}: ${change(slowdown)} of time, 95% interval ${change(interval[0])} to ${change(interval[1])}: ${verdict}${caution}`
}

function verdictOf({ interval: [, high], isRegression }: GateFinding, failAbove: number): string {
  const limit = formatPercent(failAbove)
  if (isRegression) return `a regression beyond ${limit}`
  if (high <= 1 + failAbove) return `within the limit of ${limit}`
  return (
    `no regression beyond ${limit} was found, but one of up to ${formatPercent(high - 1)} could not have been seen; ` +
    'more --rounds or a quieter machine make the interval narrower'
  )
}
