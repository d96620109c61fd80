import type { Command } from 'commander'
import type { StartedEnvironment } from '../bench/environment.ts'
import type { BenchEvent } from '../bench/events.ts'
import type { Result, Run } from '../bench/result.ts'
import { InterruptedError } from '../errors.ts'
import { NETWORK_NAMES } from '../networks/names.ts'
import { hasStepLine, passLine, passName, shapeLine, stepLine } from '../report/classic.ts'
import { layerLines } from '../report/layers.ts'
import { summaryLines, warningLines } from '../report/summary.ts'
import { VERSION } from '../version.ts'
import { addCommand, ENGINE, type OnEnd, positiveInteger } from './command.ts'
import { untilInterrupted } from './interrupt.ts'
import { Output } from './output.ts'
import { openProgress, type Progress } from './progress.ts'
import { openResultFiles } from './result-files.ts'
import { addTimingOptions, passesOf, type TimingOptions } from './timing.ts'

interface Options extends TimingOptions {
  readonly engine: string
  readonly rounds: number
  readonly layers?: boolean
}

export function addBenchCommand(program: Command, onEnd: OnEnd): void {
  const command = addCommand(program, 'bench', 'time a network, forward and forward-backward')
    .argument('[network]', NETWORK_NAMES.join(', '), 'alexnet')
    .option(...ENGINE)
    .option('--rounds <n>', 'of --batches each, for gate to compare', positiveInteger('--rounds'), 1)
  addTimingOptions(command, { pass: 'both', batches: 100, batchesAre: 'runs that are timed, in each round' })
    .option('--layers', 'a table of the layers')
    .action(async (network: string, options: Options) => onEnd(await bench(network, options)))
}

/** The exit code. */
async function bench(networkName: string, options: Options): Promise<number> {
  const { networkNamed } = await import('../networks/index.ts')
  const network = networkNamed(networkName, { imageSize: options.imageSize })
  const files = await openResultFiles(options)

  const { batch, batches, rounds, burnIn, seed, algorithm, retune, check, threads } = options
  const output = new Output({ color: options.color, isAllThereIs: !files.isWritten })
  const progress = await openProgress()
  const report = new Report(files.isPrinted ? null : output, progress)
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
        rounds,
        burnIn,
        seed,
        algorithm,
        retune,
        check,
        betweenSamples: () => calibration.measureIfDue(),
        signal,
        passes: passesOf(options),
      })
      for await (const event of events) {
        report.show(event)
        started ??= startEnvironment()
      }
      report.interrupted ||= signal.aborted // also right after a pass
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
  if (!files.isPrinted) {
    const summary = summaryLines(runs, output.palette)
    if (summary.length > 0) output.lines('', ...summary, ...warningLines(environment, runs, output.palette))
    if (options.layers) for (const run of runs) output.lines('', ...layerLines(run, output.palette))
  }
  const result: Result = {
    schemaVersion: 1,
    tool: { name: 'convmark', version: VERSION },
    environment,
    runs,
    interrupted, // also where no run was begun that could say so
  }
  const exitCode = await files.write(result, output, async () =>
    (await import('./report.ts')).resultPage([{ name: null, result }]),
  )
  if (failure) throw failure
  if (interrupted) throw new InterruptedError('interrupted')
  return exitCode
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
