// A benchmark as the page shows it, made of what its worker says.
import { describeRun, type EngineRecord, type Result, type Run } from 'convmark/bench'
import { networkOf, withFile } from '../model/choice.ts'
import type { TaskEnd } from '../work/task.ts'
import type { BenchmarkEvent } from './benchmark-work.ts'
import type { BenchmarkSettings } from './settings.ts'

export type Pass = Run['pass']
type Progress = Extract<BenchmarkEvent, { kind: 'progress' }>
export type Step = Extract<BenchmarkEvent, { kind: 'step' }>

export interface BenchmarkState {
  readonly phase: 'idle' | 'running' | 'stopping' | 'done' | 'stopped' | 'failed'
  /** Of what is shown. */
  readonly settings: BenchmarkSettings | null
  readonly shapes: readonly { readonly name: string; readonly shape: readonly number[] }[]
  readonly progress: Progress | null
  readonly engine: EngineRecord | null
  readonly steps: readonly Step[]
  readonly runs: readonly Run[]
  /** With the environment; null until all is over, or where the worker did not live to make it. */
  readonly result: Result | null
  /** What went wrong, where something did. */
  readonly failure: string | null
  /** It had to be ended, and could not say what it had measured. */
  readonly wasEnded: boolean
}

export const IDLE: BenchmarkState = {
  phase: 'idle',
  settings: null,
  shapes: [],
  progress: null,
  engine: null,
  steps: [],
  runs: [],
  result: null,
  failure: null,
  wasEnded: false,
}

export type Action =
  | { readonly kind: 'begin'; readonly settings: BenchmarkSettings }
  | { readonly kind: 'events'; readonly events: readonly BenchmarkEvent[] }
  | { readonly kind: 'stop' }
  | { readonly kind: 'end'; readonly end: TaskEnd }

export function reduce(state: BenchmarkState, action: Action): BenchmarkState {
  if (action.kind === 'begin') return { ...IDLE, phase: 'running', settings: action.settings }
  if (action.kind === 'events') return action.events.reduce(withEvent, withSteps(state, action.events))
  if (action.kind === 'stop') return { ...state, phase: state.phase === 'running' ? 'stopping' : state.phase }
  return withEnd(state, action.end)
}

/** Together, so that many steps copy the ones before them once. */
function withSteps(state: BenchmarkState, events: readonly BenchmarkEvent[]): BenchmarkState {
  const steps = events.filter((event) => event.kind === 'step')
  return steps.length > 0 ? { ...state, steps: [...state.steps, ...steps] } : state
}

function withEvent(state: BenchmarkState, event: BenchmarkEvent): BenchmarkState {
  if (event.kind === 'shapes') return { ...state, shapes: event.shapes }
  if (event.kind === 'progress') return { ...state, progress: event }
  if (event.kind === 'prepared') return { ...state, engine: event.engine }
  if (event.kind === 'finished') return { ...state, runs: [...state.runs, event.run] }
  if (event.kind === 'result') return { ...state, result: event.result }
  return state
}

function withEnd(state: BenchmarkState, end: TaskEnd): BenchmarkState {
  const isStopped = state.phase === 'stopping'
  const over = { ...state, progress: null }
  if (end.kind === 'failed') return { ...over, phase: 'failed', failure: end.message }
  if (end.kind === 'ended') return { ...over, phase: 'stopped', wasEnded: true, runs: withCutOff(state) }
  return { ...over, phase: isStopped ? 'stopped' : 'done' }
}

const SEED = 7

/** The runs, and what is known of the one whose worker had to be ended: its samples. */
function withCutOff({ runs, steps, engine, settings }: BenchmarkState): readonly Run[] {
  const pass = steps.at(-1)?.pass
  if (!pass || !engine || !settings || runs.some((run) => run.pass === pass)) return runs
  const own = steps.filter((step) => step.pass === pass)
  const starts = own.map(({ endedAt, durationMs }) => endedAt - durationMs)
  const { network, batch, batches, burnIn } = settings
  const cutOff = describeRun({
    network: networkOf(network),
    pass,
    engine,
    settings: { batch, batches, burnIn, seed: SEED, algorithm: 'auto' },
    samplesMs: own.map(({ durationMs }) => durationMs),
    startsMs: starts.map((start) => start - starts[0]!),
    rounds: null,
    plan: null,
    stepMediansMs: null,
    check: null,
    peaks: null,
    peakMemoryBytes: 0,
    tuning: null,
    warnings: [],
    interrupted: true,
  })
  return [...runs, withFile(cutOff, network)]
}
