import type { Command } from 'commander'
import type { CompareEvent } from '../bench/compare.ts'
import type { Result } from '../bench/result.ts'
import { UsageError, unknownName } from '../errors.ts'
import { ALGORITHMS, type Algorithm } from '../kernels/kernel.ts'
import type { Pass } from '../plan/plan.ts'
import { passName } from '../report/classic.ts'
import { compareLines } from '../report/compare.ts'
import { warningLines } from '../report/summary.ts'
import { VERSION } from '../version.ts'
import { addCommand, integerFromZero, type OnEnd, oneOf, positiveInteger } from './command.ts'
import { untilInterrupted } from './interrupt.ts'
import { Output } from './output.ts'
import { openProgress } from './progress.ts'

interface Options {
  readonly network: string
  readonly rounds: number
  readonly batches: number
  readonly pass: Pass | 'both'
  readonly batch: number
  readonly burnIn: number
  readonly threads?: number
  readonly imageSize: number
  readonly seed: number
  readonly algorithm: Algorithm
  readonly check: boolean
  readonly json?: string
  readonly html?: string
  readonly color: boolean
}

const PASS_CHOICES = ['forward', 'forward-backward', 'both'] as const
const STDOUT = '-'

export function addCompareCommand(program: Command, onEnd: OnEnd): void {
  addCommand(program, 'compare', 'time engines in turns, and say which is faster and by how much')
    .argument('<engines...>', 'specs: x64, x64:avx2, wasm, wasm@1, onnxruntime-node, pytorch, ...')
    .option('--network <name>', 'the network', 'alexnet')
    .option('--rounds <n>', 'in each of which every engine has its turn', positiveInteger('--rounds'), 10)
    .option('--batches <n>', "in an engine's turn", positiveInteger('--batches'), 3)
    .option('--pass <pass>', PASS_CHOICES.join(' | '), oneOf('--pass', PASS_CHOICES), 'forward')
    .option('--batch <n>', 'images at a time', positiveInteger('--batch'), 32)
    .option('--burn-in <n>', 'runs before the first round', integerFromZero('--burn-in'), 10)
    .option('--threads <n>', 'physical cores by default', positiveInteger('--threads'))
    .option('--image-size <n>', 'height and width', positiveInteger('--image-size'), 224)
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
    .action(async (engines: string[], options: Options) => onEnd(await run(engines, options)))
}

/** The exit code. */
async function run(specs: readonly string[], options: Options): Promise<number> {
  const { peerNames } = await import('../bench/contenders/peers.ts')
  const { engines, parseEngineSpec } = await import('../engines/index.ts')
  for (const spec of specs) {
    const [name] = spec.split(/[:@]/)
    const known = [...Object.keys(engines), ...peerNames]
    if (!known.includes(name!)) throw new UsageError(unknownName('engine', name!, known))
    if (!peerNames.includes(name!)) parseEngineSpec(spec)
  }
  const { networkNamed } = await import('../networks/index.ts')
  const network = networkNamed(options.network, { imageSize: options.imageSize })
  const isJsonPrinted = options.json === STDOUT
  const jsonFile = isJsonPrinted ? undefined : options.json
  const htmlFile = options.html
  const written = [jsonFile, htmlFile].filter((file) => file !== undefined)
  for (const file of written) await (await import('../formats/files.ts')).requireWritable(file)

  const output = new Output({ color: options.color, isAllThereIs: written.length === 0 })
  const progress = await openProgress()
  const { compare } = await import('../bench/compare.ts')
  const { Calibration } = await import('../bench/calibration.ts')
  const { startEnvironment } = await import('../bench/environment.ts')
  const calibration = new Calibration()
  const started = await startEnvironment()
  const finished = await untilInterrupted(async (signal) => {
    let last: Extract<CompareEvent, { kind: 'finished' }> | null = null
    const { threads, pass, batch, batches, rounds, burnIn, seed, algorithm, check } = options
    const events = compare(network, {
      engines: specs,
      passes: pass === 'both' ? ['forward', 'forward-backward'] : [pass],
      batch,
      batches,
      rounds,
      burnIn,
      seed,
      algorithm,
      check,
      betweenRounds: () => calibration.measureIfDue(),
      signal,
      ...(threads !== undefined && { threads }),
    })
    for await (const event of events) {
      if (event.kind === 'turn') progress.update(`${passName(event.pass)}: rounds`, event.done, event.total)
      else if (event.kind === 'finished') last = event
      else if (event.kind === 'starting') progress.update(`${event.engine}: start and check`, 0, 1)
    }
    return last!
  }).finally(() => progress.clear())

  const { runs, comparisons, unsupported } = finished
  const environment = await started.finish({
    threads: Math.max(...runs.map(({ engine }) => engine.threads)),
    calibrationSpread: calibration.spread(),
  })
  if (isJsonPrinted || written.length > 0) {
    const result: Result = {
      schemaVersion: 1,
      tool: { name: 'convmark', version: VERSION },
      environment,
      runs: [...runs],
      comparisons: [...comparisons],
      unsupported: [...unsupported],
    }
    const json = JSON.stringify(result, null, 2)
    if (isJsonPrinted) output.lines(json)
    if (jsonFile !== undefined) await (await import('../formats/files.ts')).writeBeside(jsonFile, `${json}\n`)
    if (htmlFile !== undefined) {
      await (await import('./report.ts')).writeReport(htmlFile, [{ name: 'compare', result }])
    }
  }
  if (!isJsonPrinted) {
    output.lines(...compareLines(runs, comparisons, unsupported, output.palette))
    output.lines(...warningLines(environment, runs, output.palette))
  }
  return 0
}
