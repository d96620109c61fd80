// Several runs together: what differs between them, and which are one experiment with several seeds.
import { groups, max } from 'd3-array'
import type { TrainingLog, TrainingRun } from '../records/training-log.ts'

/** A log and the name of its file. */
export interface NamedLog {
  readonly name: string
  readonly log: TrainingLog
}

export interface NamedRun {
  /** The file's name; `run.jsonl (2)` for the second run in it. */
  readonly name: string
  readonly run: TrainingRun
}

/** Runs with the same settings except for their seeds. */
export interface Variant {
  /** What distinguishes it from most of the others: `activation tanh`; if it is the only one, what is trained on what. */
  readonly name: string
  readonly runs: readonly NamedRun[]
}

/** Settings in which runs of the same experiment may differ. */
const CIRCUMSTANCES: ReadonlySet<string> = new Set(['seed', 'convmark', 'processor'])

export function runsOf(logs: readonly NamedLog[]): NamedRun[] {
  return logs.flatMap(({ name, log }) =>
    log.runs.map((run, i) => ({ name: i === 0 ? name : `${name} (${i + 1})`, run })),
  )
}

/** All settings of a run and the version of convmark, in words, by name. */
export function settingsOf({ run }: TrainingRun): ReadonlyMap<string, string> {
  const { network, data, engine, settings, tool, environment } = run
  return new Map([
    ['network', network],
    ['data', data],
    ...Object.entries(settings).map(([name, value]) => [name, settingText(name, value)] as const),
    [
      'engine',
      `${engine.name} ${engine.target}, ${engine.threads} ${engine.threads === 1 ? 'thread' : 'threads'}`,
    ],
    ['convmark', tool.version],
    ...(environment ? [['processor', environment.processor] as const] : []),
  ])
}

/** `nothing` for an empty list: `without nothing`. */
function settingText(name: string, value: unknown): string {
  if (value === null || value === undefined) return name === 'activation' ? 'unchanged' : 'none'
  if (Array.isArray(value)) return value.map(String).join(', ') || 'nothing'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** The names of settings that are not the same in all runs, in order. */
export function differingSettings(runs: readonly NamedRun[]): string[] {
  const all = runs.map(({ run }) => settingsOf(run))
  const names = new Set(all.flatMap((settings) => [...settings.keys()]))
  return [...names].filter((name) => new Set(all.map((settings) => settings.get(name))).size > 1)
}

/** In the order of their first runs. */
export function variantsOf(runs: readonly NamedRun[]): Variant[] {
  const differing = differingSettings(runs).filter((name) => !CIRCUMSTANCES.has(name))
  const valuesOf = ({ run }: NamedRun): string[] => {
    const settings = settingsOf(run)
    return differing.map((name) => settings.get(name) ?? 'none')
  }
  const alike = groups(runs, (named) => JSON.stringify(valuesOf(named))).map(([, members]) => ({
    values: valuesOf(members[0]!),
    members,
  }))
  const usual = differing.map((_, i) => mostFrequent(alike.map(({ values }) => values[i]!)))
  return alike.map(({ values, members }) => {
    const texts = differing.map((name, i) => `${name} ${values[i]}`)
    const unusual = texts.filter((_, i) => values[i] !== usual[i])
    const { network, data } = members[0]!.run.run
    const told = unusual.length > 0 ? unusual : texts
    return { name: told.join(', ') || `${network} on ${data}`, runs: members }
  })
}

/** Null if several values are equally frequent, so that each of them has to be named. */
function mostFrequent(values: readonly string[]): string | null {
  const counts = groups(values, (value) => value).map(([value, same]) => ({ value, count: same.length }))
  const highest = max(counts, ({ count }) => count)
  const [first, second] = counts.filter(({ count }) => count === highest)
  return second ? null : first!.value
}
