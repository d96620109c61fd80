import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { StartedEnvironment } from '../bench/environment.ts'
import type { BenchEvent } from '../bench/events.ts'
import type { Result, Run } from '../bench/result.ts'
import { InterruptedError, UsageError } from '../errors.ts'
import { ALGORITHMS, type Algorithm } from '../kernels/kernel.ts'
import type { Pass } from '../plan/plan.ts'
import { hasStepLine, passLine, passName, shapeLine, stepLine } from '../report/classic.ts'
import { layerLines } from '../report/layers.ts'
import { summaryLines, warningLines } from '../report/summary.ts'
import { VERSION } from '../version.ts'
import { addCommand, integerFromZero, type OnEnd, oneOf, positiveInteger } from './command.ts'
import { untilInterrupted } from './interrupt.ts'
import { Output } from './output.ts'
import { openProgress, type Progress } from './progress.ts'

interface Options {
  readonly engine: string
  readonly pass: Pass | 'both'
  readonly batch: number
  readonly batches: number
  readonly burnIn: number
  readonly threads?: number
  readonly imageSize: number
  readonly seed: number
  readonly algorithm: Algorithm
  readonly layers?: boolean
  readonly check: boolean
  readonly json?: string
  readonly html?: string
  readonly color: boolean
}

const PASS_CHOICES = ['forward', 'forward-backward', 'both'] as const
const STDOUT = '-'

export function addBenchCommand(program: Command, onEnd: OnEnd): void {
  addCommand(program, 'bench', 'time a network, forward and forward-backward')
    .argument('[network]', 'the network', 'alexnet')
    .option('--engine <spec>', 'name[:target][@threads]: auto, x64, x64:avx2, wasm, ...', 'auto')
    .option('--pass <pass>', PASS_CHOICES.join(' | '), oneOf('--pass', PASS_CHOICES), 'both')
    .option('--batch <n>', 'images at a time', positiveInteger('--batch'), 32)
    .option('--batches <n>', 'runs that are timed', positiveInteger('--batches'), 100)
    .option('--burn-in <n>', 'runs before them', integerFromZero('--burn-in'), 10)
    .option('--threads <n>', 'physical cores by default', positiveInteger('--threads'))
    .option('--image-size <n>', 'height and width', positiveInteger('--image-size'), 224)
    .option('--seed <n>', 'of weights and images', integerFromZero('--seed'), 7)
    .option(
      '--algorithm <name>',
      `${ALGORITHMS.join(' | ')}: the fastest, or one`,
      oneOf('--algorithm', ALGORITHMS),
      'auto',
    )
    .option('--layers', 'a table of the layers')
    .option('--no-check', 'time without a check; the result says so')
    .option('--json <file>', "the result as JSON; '-' prints it, and nothing else")
    .option('--html <file>', 'the result as one page with charts')
    .option('--no-color', 'plain text')
    .action(async (network: string, options: Options) => onEnd(await bench(network, options)))
}

/** The exit code. */
async function bench(networkName: string, options: Options): Promise<number> {
  const { networkNamed } = await import('../networks/index.ts')
  const network = networkNamed(networkName, { imageSize: options.imageSize })
  const isJsonPrinted = options.json === STDOUT
  const jsonFile = isJsonPrinted ? undefined : options.json
  const htmlFile = options.html
  const written = [jsonFile, htmlFile].filter((file) => file !== undefined)
  for (const file of written) await (await import('../formats/files.ts')).requireWritable(file)
  if (jsonFile !== undefined && htmlFile !== undefined && resolve(jsonFile) === resolve(htmlFile)) {
    throw new UsageError(`--json and --html are both '${jsonFile}'; one would overwrite the other`)
  }

  const { batch, batches, burnIn, seed, algorithm, check, threads } = options
  const output = new Output({ color: options.color, isAllThereIs: written.length === 0 })
  const progress = await openProgress()
  const report = new Report(isJsonPrinted ? null : output, progress)
  const { Calibration } = await import('../bench/calibration.ts')
  const { startEnvironment } = await import('../bench/environment.ts')
  const calibration = new Calibration()
  let started: Promise<StartedEnvironment> | undefined
  let failure: unknown = null
  try {
    await untilInterrupted(async (signal) => {
      const { benchmark } = await import('../bench/bench.ts')
      const events = benchmark(network, {
        engine: options.engine,
        experimentalV8Flags: true,
        ...(threads !== undefined && { threads }),
        batch,
        batches,
        burnIn,
        seed,
        algorithm,
        check,
        betweenSamples: () => calibration.measureIfDue(),
        signal,
        ...(options.pass !== 'both' && { passes: [options.pass] }),
      })
      for await (const event of events) {
        report.show(event)
        started ??= startEnvironment()
      }
    })
  } catch (error) {
    if (error instanceof InterruptedError) report.interrupted = true
    else failure = error
  } finally {
    report.close()
  }

  const { runs, interrupted } = report
  // A pass that failed (its check, a worker) takes nothing from the one before it.
  if (failure && runs.length === 0) throw failure
  const environment = await (await (started ?? startEnvironment())).finish({
    threads: Math.max(0, ...runs.map(({ engine }) => engine.threads)),
    calibrationSpread: calibration.spread(),
  })
  if (isJsonPrinted || written.length > 0) {
    const result: Result = {
      schemaVersion: 1,
      tool: { name: 'convmark', version: VERSION },
      environment,
      runs,
      interrupted, // also where no run was begun that could say so
    }
    const json = JSON.stringify(result, null, 2)
    if (isJsonPrinted) output.lines(json)
    if (jsonFile !== undefined) await (await import('../formats/files.ts')).writeBeside(jsonFile, `${json}\n`)
    if (htmlFile !== undefined) {
      await (await import('./report.ts')).writeReport(htmlFile, [{ name: `bench ${network.name}`, result }])
    }
  }
  if (!isJsonPrinted) {
    const summary = summaryLines(runs, output.palette)
    if (summary.length > 0) output.lines('', ...summary, ...warningLines(environment, runs, output.palette))
    if (options.layers) for (const run of runs) output.lines('', ...layerLines(run, output.palette))
  }
  if (failure) throw failure
  if (interrupted) throw new InterruptedError('interrupted')
  return 0
}

/** Prints the classic lines as things happen and keeps the runs. */
class Report {
  readonly runs: Run[] = []
  interrupted = false
  readonly #output: Output | null
  readonly #progress: Progress
  #isClosed = false
  #hasShapes = false
  #endedAt = 0

  constructor(output: Output | null, progress: Progress) {
    this.#output = output
    this.#progress = progress
  }

  show(event: BenchEvent): void {
    if (this.#isClosed) return // from a run that was left behind
    if (event.kind === 'progress') {
      this.#progress.update(`${passName(event.pass)}: ${event.phase}`, event.done, event.total)
    } else if (event.kind === 'started' && !this.#hasShapes) {
      this.#hasShapes = true
      this.#print(...shapeLines(event))
    } else if (event.kind === 'step') {
      this.#endedAt = event.endedAt
      if (hasStepLine(event.step)) this.#print(stepLine(event.step, event.durationMs, event.endedAt))
    } else if (event.kind === 'finished') {
      this.runs.push(event.run)
      this.interrupted ||= event.run.interrupted
      const line = passLine(event.run, this.#endedAt)
      if (line !== null) this.#print(line)
    }
  }

  close(): void {
    this.#isClosed = true
    this.#progress.clear()
  }

  #print(...lines: readonly string[]): void {
    if (!this.#output) return
    this.#progress.clear()
    this.#output.lines(...lines)
  }
}

function shapeLines({ network, batch }: Extract<BenchEvent, { kind: 'started' }>): string[] {
  const layers = network.layers.filter(({ layer }) => network.printed.includes(layer.name))
  return layers.map(({ layer, outputShape }) => shapeLine(layer.name, [batch, ...outputShape]))
}
