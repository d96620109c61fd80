// The commands that repeat what is in a result or a log.
import { greatest, group } from 'd3-array'
import type { EngineRecord, Result, Run } from '../../bench/result.ts'
import type { RunRecord } from '../../records/training-log.ts'
import { shellWord } from '../../shell.ts'
import { isComparison } from '../result-title.ts'

/** The targets that a spec may name; if an engine has only one, the spec does not name it. */
const TARGETS: Readonly<Record<string, readonly string[]>> = {
  x64: ['avx2', 'avx512'],
  wasm: ['revectorized'],
}

/** One command for all runs of an engine that differ only in their pass; one for engines that were compared. */
export function commandsOf(result: Result): string[] {
  const { runs } = result
  const commands = runs.map((run) => {
    const alike = runs.filter((other) => settingsOf(other) === settingsOf(run))
    return isComparison(result) ? compareCommand(run, alike) : benchCommand(run, alike)
  })
  return [...new Set(commands)].filter((command) => command !== null)
}

function benchCommand(run: Run, alike: readonly Run[]): string {
  const spec = specOf(run.engine)
  const own = alike.filter(({ engine }) => specOf(engine) === spec)
  const rounds = run.rounds ? ` --rounds ${roundsAsked(run)}` : ''
  return `convmark bench ${wordOf(run)} --engine ${spec}${rounds} --pass ${passOf(own)} ${settingsOf(run)}`
}

/** Null if a single engine is left. An engine may have been compared with itself. */
function compareCommand(run: Run, alike: readonly Run[]): string | null {
  const runsBy = group(alike, ({ pass }) => pass)
  const specs = greatest(runsBy.values(), ({ length }) => length)!.map(({ engine }) => specOf(engine))
  if (specs.length < 2) return null
  const what = `${specs.join(' ')} --network ${wordOf(run)} --rounds ${roundsAsked(run)}`
  return `convmark compare ${what} --pass ${passOf(alike)} ${settingsOf(run)}`
}

/** What the command calls the network. */
const wordOf = ({ network, networkFile }: Run): string => shellWord(networkFile ?? network)

/** Samples in each round, from the first one: only the last may have been cut short. */
const samplesAsked = ({ rounds, batches }: Run): number => rounds?.[0] ?? batches
const roundsAsked = (run: Run): number => Math.ceil(run.batches / samplesAsked(run))

/** The command that trains the same model again. */
export function trainCommand({ network, data, engine, settings }: RunRecord): string {
  const { batch, microBatch, without, augment, activation, momentum, clip, freeze } = settings
  const options: Readonly<Record<string, string | number | null>> = {
    data,
    epochs: settings.epochs,
    batch,
    'micro-batch': microBatch === batch ? null : microBatch,
    optimizer: settings.optimizer,
    rate: settings.rate,
    momentum,
    decay: settings.decay,
    schedule: settings.schedule,
    clip,
    freeze: freeze?.join(',') ?? null,
    head: settings.head ?? null,
    'head-rate': settings.headRate ?? null,
    augment,
    activation,
    without: without.join(',') || null,
    // A file's own weights are not asked for by an option.
    init: settings.init === 'file' ? null : settings.init,
    seed: settings.seed,
  }
  const words = Object.entries(options).flatMap(([name, value]) =>
    value === null ? [] : [`--${name} ${shellWord(String(value))}`],
  )
  return `convmark train ${shellWord(network)} ${words.join(' ')} --engine ${specOf(engine)}`
}

function settingsOf(run: Run): string {
  const { batch, burnIn, seed, algorithm = 'auto' } = run
  const imageSize = run.imageWidth === undefined ? run.imageSize : `${run.imageSize}x${run.imageWidth}`
  return `--batches ${samplesAsked(run)} --batch ${batch} --burn-in ${burnIn} --image-size ${imageSize} --seed ${seed} --algorithm ${algorithm}`
}

/** The engine's spec, as a command takes it. */
function specOf({ name, target, threads }: EngineRecord): string {
  const isAskedFor = Object.hasOwn(TARGETS, name) && TARGETS[name]!.includes(target)
  return shellWord(`${name}${isAskedFor ? `:${target}` : ''}@${threads}`)
}

function passOf(runs: readonly Run[]): string {
  const passes = new Set(runs.map(({ pass }) => pass))
  return passes.size > 1 ? 'both' : runs[0]!.pass
}
