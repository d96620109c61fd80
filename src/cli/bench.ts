import type { Command } from 'commander'
import type { StartedEnvironment } from '../bench/environment.ts'
import type { BenchEvent } from '../bench/events.ts'
import type { Result, Run } from '../bench/result.ts'
import { InterruptedError } from '../errors.ts'
import { hasStepLine, passLine, passName, shapeLine, stepLine } from '../report/classic.ts'
import { layerLines } from '../report/layers.ts'
import { summaryLines, warningLines } from '../report/summary.ts'
import { VERSION } from '../version.ts'
import { addCommand, ENGINE, type OnEnd, positiveInteger } from './command.ts'
import { untilInterrupted } from './interrupt.ts'
import { NETWORK_HELP, openNetworkSource, sourceLine } from './network-source.ts'
import { Output } from './output.ts'
import { openProgress, type Progress } from './progress.ts'
import { openResultFiles } from './result-files.ts'
import { addTimingOptions, passesOf, type TimingOptions } from './timing.ts'
import { tuningBudgetOf } from './tuning-budget.ts'

interface Options extends TimingOptions {
  readonly engine: string
  readonly rounds: number
  readonly layers?: boolean
}

export function addBenchCommand(program: Command, onEnd: OnEnd): void {
  const command = addCommand(program, 'bench', 'time a network, forward and forward-backward')
    .argument('[network]', NETWORK_HELP, 'alexnet')
    .option(...ENGINE)
    .option('--rounds <n>', 'rounds of --batches each, which gate compares', positiveInteger('--rounds'), 1)
  addTimingOptions(command, { pass: 'both', batches: 100, batchesAre: 'timed runs in each round' })
    .option('--layers', 'also print a table of the layers')
    .action(async (network: string, options: Options) => onEnd(await bench(network, options)))
}

/** Returns the exit code. */
async function bench(text: string, options: Options): Promise<number> {
  const source = await openNetworkSource(text, options)
  const { network, parameters, file, notes } = source
  const files = await openResultFiles(
    options,
    [file, options.weights].filter((path) => path != null),
  )
  const hasLoss = network.layers.some(({ isLoss }) => isLoss)
  const isForwardAlone = options.pass === 'both' && !hasLoss
  const passes = isForwardAlone ? (['forward'] as const) : passesOf(options)

  const { batch, batches, rounds, burnIn, seed, algorithm, retune, check, threads } = options
  const output = new Output({ color: options.color, isAllThereIs: !files.isWritten })
  const progress = await openProgress()
  const report = new Report(files.isPrinted ? null : output, progress, {
    ...(file !== null && { networkFile: file }),
    warnings: [...(notes?.remarks ?? [])],
  })
  const head = [
    sourceLine(source),
    isForwardAlone ? `${network.name} has no loss, so only forward is timed` : null,
  ]
  if (!files.isPrinted) output.lines(...head.filter((line) => line !== null))
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
        ...tuningBudgetOf(options),
        check,
        betweenSamples: () => calibration.measureIfDue(),
        signal,
        passes,
        ...(parameters && { parameters }),
      })
      for await (const event of events) {
        report.show(event)
        started ??= startEnvironment()
      }
      report.interrupted ||= signal.aborted // also just after a pass
    })
  } catch (error) {
    if (error instanceof InterruptedError) report.interrupted = true
    else failure = error
  } finally {
    report.close()
  }

  const { runs, interrupted } = report
  // If a pass fails (its check, a worker), the results of the one before it are still reported.
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
    interrupted, // also if there is no run yet that could say so
  }
  const exitCode = await files.write(result, output, async () =>
    (await import('./report.ts')).resultPage([{ name: null, result }]),
  )
  if (failure) throw failure
  if (interrupted) throw new InterruptedError('interrupted')
  return exitCode
}

/** Prints the classic lines as events arrive, and collects the runs. */
class Report {
  readonly runs: Run[] = []
  interrupted = false
  readonly #output: Output | null
  readonly #progress: Progress
  readonly #added: Pick<Run, 'networkFile' | 'warnings'>
  #isClosed = false
  #hasShapes = false
  #endedAt = 0

  /** `added`: what the network's file adds to each run. */
  constructor(output: Output | null, progress: Progress, added: Pick<Run, 'networkFile' | 'warnings'>) {
    this.#output = output
    this.#added = added
    this.#progress = progress
  }

  show(event: BenchEvent): void {
    if (this.#isClosed) return // from a run that was abandoned
    if (event.kind === 'progress') {
      this.#progress.update(`${passName(event.pass)}: ${event.phase}`, event.done, event.total)
    } else if (event.kind === 'started' && !this.#hasShapes) {
      this.#hasShapes = true
      this.#print(...shapeLines(event))
    } else if (event.kind === 'step') {
      this.#endedAt = event.endedAt
      if (hasStepLine(event.step)) this.#print(stepLine(event.step, event.durationMs, event.endedAt))
    } else if (event.kind === 'finished') {
      const warnings = [...(event.run.warnings ?? []), ...(this.#added.warnings ?? [])]
      this.runs.push({ ...event.run, ...this.#added, warnings })
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
