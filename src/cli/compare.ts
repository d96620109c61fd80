import type { Command } from 'commander'
import type { CompareEvent } from '../bench/compare.ts'
import { peerNames } from '../bench/contenders/peers.ts'
import type { Result } from '../bench/result.ts'
import { InterruptedError, UsageError, unknownName } from '../errors.ts'
import { passName } from '../report/classic.ts'
import { compareLines } from '../report/compare.ts'
import { warningLines } from '../report/summary.ts'
import { VERSION } from '../version.ts'
import { addCommand, ENGINE_SPECS, type OnEnd, positiveInteger } from './command.ts'
import { untilInterrupted } from './interrupt.ts'
import { NETWORK_HELP, openNetworkSource } from './network-source.ts'
import { Output } from './output.ts'
import { openProgress } from './progress.ts'
import { openResultFiles } from './result-files.ts'
import { addTimingOptions, passesOf, type TimingOptions } from './timing.ts'
import { tuningBudgetOf } from './tuning-budget.ts'

interface Options extends TimingOptions {
  readonly network: string
  readonly rounds: number
}

export function addCompareCommand(program: Command, onEnd: OnEnd): void {
  const command = addCommand(
    program,
    'compare',
    'time engines alternately, and say which is faster and by how much',
  )
    .argument('<engines...>', `two or more of ${ENGINE_SPECS}; peers: ${peerNames.join(', ')}`)
    .option('--network <network>', NETWORK_HELP, 'alexnet')
    .option('--rounds <n>', 'how often every engine has its turn', positiveInteger('--rounds'), 10)
  addTimingOptions(command, {
    pass: 'forward',
    batches: 3,
    batchesAre: 'timed runs of an engine in each round',
  }).action(async (engines: string[], options: Options) => onEnd(await run(engines, options)))
}

/** Returns the exit code. */
async function run(specs: readonly string[], options: Options): Promise<number> {
  const { engines, parseEngineSpec } = await import('../engines/index.ts')
  for (const spec of specs) {
    const [name] = spec.split(/[:@]/)
    const known = [...Object.keys(engines), ...peerNames]
    if (!known.includes(name!)) throw new UsageError(unknownName('engine', name!, known))
    if (!peerNames.includes(name!)) parseEngineSpec(spec)
  }
  const { imageSize, outputs, weights } = options
  const source = await openNetworkSource(options.network, { imageSize, outputs, weights })
  const { network, parameters, file, notes } = source
  const files = await openResultFiles(options)
  const output = new Output({ color: options.color, isAllThereIs: !files.isWritten })
  const progress = await openProgress()
  const { compare } = await import('../bench/compare.ts')
  const { Calibration } = await import('../bench/calibration.ts')
  const { startEnvironment } = await import('../bench/environment.ts')
  const calibration = new Calibration()
  const started = await startEnvironment()
  const finished = await untilInterrupted(async (signal) => {
    let last: Extract<CompareEvent, { kind: 'finished' }> | null = null
    const { threads, batch, batches, rounds, burnIn, seed, algorithm, retune, check } = options
    const events = compare(network, {
      engines: specs,
      passes: passesOf(options),
      batch,
      batches,
      rounds,
      burnIn,
      seed,
      algorithm,
      retune,
      ...tuningBudgetOf(options),
      check,
      betweenRounds: () => calibration.measureIfDue(),
      signal,
      ...(threads !== undefined && { threads }),
      ...(parameters && { parameters }),
      ...(file !== null && notes && { onnx: { ...notes, file } }),
    })
    for await (const event of events) {
      if (event.kind === 'turn') progress.update(`${passName(event.pass)}: rounds`, event.done, event.total)
      else if (event.kind === 'finished') last = event
      else if (event.kind === 'starting') progress.update(`${event.engine}: start and check`, 0, 1)
    }
    return last!
  }).finally(() => progress.clear())

  const { runs, comparisons, unsupported, failure, interrupted } = finished
  const environment = await started.finish({
    threads: Math.max(0, ...runs.map(({ engine }) => engine.threads)),
    calibrationSpread: calibration.spread(),
  })
  if (!files.isPrinted) {
    output.lines(...compareLines(runs, comparisons, unsupported, output.palette))
    output.lines(...warningLines(environment, runs, output.palette))
  }
  const result: Result = {
    schemaVersion: 1,
    tool: { name: 'convmark', version: VERSION },
    environment,
    runs: [...runs],
    comparisons: [...comparisons],
    unsupported: [...unsupported],
    interrupted,
  }
  const exitCode = await files.write(result, output, async () =>
    (await import('./report.ts')).resultPage([{ name: null, result }]),
  )
  if (interrupted) throw new InterruptedError('interrupted')
  if (failure) throw failure
  return exitCode
}
