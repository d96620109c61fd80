// The commands that do again what a result or a log holds.
import type { EngineRecord, Result, Run } from '../../bench/result.ts'
import type { RunRecord } from '../../records/training-log.ts'
import { shellWord } from '../../shell.ts'

/** Targets that a spec may name; an engine's only target is not asked for. */
const TARGETS: Readonly<Record<string, readonly string[]>> = {
  x64: ['avx2', 'avx512'],
  wasm: ['revectorized'],
}

/** One command for runs of one engine that differ in their pass alone; one for engines that took turns. */
export function commandsOf({ runs }: Result): string[] {
  const turns = runs.filter(({ rounds }) => rounds !== undefined)
  const commands = new Set<string>()
  for (const run of runs) {
    const isSame = (other: Run): boolean => settingsOf(other) === settingsOf(run)
    if (run.rounds === undefined) {
      const alike = runs.filter((other) => isSame(other) && specOf(other.engine) === specOf(run.engine))
      const command = `convmark bench ${shellWord(run.network)} --engine ${specOf(run.engine)}`
      commands.add(`${command} --pass ${passOf(alike)} --batches ${run.batches} ${settingsOf(run)}`)
    } else {
      const alike = turns.filter(isSame)
      const specs = [...new Set(alike.map(({ engine }) => specOf(engine)))].join(' ')
      const command = `convmark compare ${specs} --network ${shellWord(run.network)} --rounds ${run.rounds.length}`
      commands.add(`${command} --pass ${passOf(alike)} ${settingsOf(run)}`)
    }
  }
  return [...commands]
}

/** That trains the same again. */
export function trainCommand({ network, data, engine, settings }: RunRecord): string {
  const { batch, microBatch, without, augment, activation, momentum, clip } = settings
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
    augment,
    activation,
    without: without.join(',') || null,
    init: settings.init,
    seed: settings.seed,
  }
  const words = Object.entries(options).flatMap(([name, value]) =>
    value === null ? [] : [`--${name} ${shellWord(String(value))}`],
  )
  return `convmark train ${shellWord(network)} ${words.join(' ')} --engine ${specOf(engine)}`
}

function settingsOf({ batch, burnIn, imageSize, seed, algorithm = 'auto' }: Run): string {
  return `--batch ${batch} --burn-in ${burnIn} --image-size ${imageSize} --seed ${seed} --algorithm ${algorithm}`
}

/** As a word of a command. */
function specOf({ name, target, threads }: EngineRecord): string {
  const isAskedFor = Object.hasOwn(TARGETS, name) && TARGETS[name]!.includes(target)
  return shellWord(`${name}${isAskedFor ? `:${target}` : ''}@${threads}`)
}

function passOf(runs: readonly Run[]): string {
  const passes = new Set(runs.map(({ pass }) => pass))
  return passes.size > 1 ? 'both' : runs[0]!.pass
}
