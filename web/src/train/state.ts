// A training as the page shows it, made of what its worker says.
import type { TaskEnd } from '../work/task.ts'
import type { TrainingEvent } from './messages.ts'

export interface TrainState {
  readonly phase: 'idle' | 'training' | 'stopping' | 'stopped' | 'done' | 'failed'
  readonly epoch: number
  readonly steps: readonly { readonly step: number; readonly loss: number }[]
  readonly accuracies: readonly { readonly step: number; readonly fraction: number }[]
  readonly filters: { readonly shape: readonly number[]; readonly values: Float32Array } | null
  /** Whether there is a model that can be asked and saved. */
  readonly hasModel: boolean
  readonly failure: string | null
}

export const UNTRAINED: TrainState = {
  phase: 'idle',
  epoch: 0,
  steps: [],
  accuracies: [],
  filters: null,
  hasModel: false,
  failure: null,
}

export type TrainAction =
  | { readonly kind: 'begin' }
  | { readonly kind: 'events'; readonly events: readonly TrainingEvent[] }
  | { readonly kind: 'stop' }
  | { readonly kind: 'end'; readonly end: TaskEnd }
  /** A model was opened: what was learned before is no longer what is shown. */
  | { readonly kind: 'opened' }

export function reduceTraining(state: TrainState, action: TrainAction): TrainState {
  if (action.kind === 'begin') return { ...state, phase: 'training', epoch: 0, failure: null }
  if (action.kind === 'stop') return { ...state, phase: 'stopping' }
  if (action.kind === 'opened') return { ...state, steps: [], accuracies: [], phase: 'idle', failure: null }
  if (action.kind === 'events') return action.events.reduce(withEvent, state)
  const { end } = action
  if (end.kind === 'failed') return { ...state, phase: 'failed', failure: end.message }
  // A worker that had to be ended took what it had learned with it
  if (end.kind === 'ended') return { ...state, phase: 'stopped', hasModel: false }
  return { ...state, phase: state.phase === 'stopping' ? 'stopped' : 'done' }
}

function withEvent(state: TrainState, event: TrainingEvent): TrainState {
  switch (event.kind) {
    case 'step': {
      const { step, epoch, loss } = event
      return { ...state, epoch, steps: [...state.steps, { step, loss }] }
    }
    case 'accuracy': {
      const { step, fraction } = event
      return { ...state, accuracies: [...state.accuracies, { step, fraction }] }
    }
    case 'filters':
      return { ...state, filters: { shape: event.shape, values: event.values } }
    case 'ready':
      return { ...state, hasModel: true }
    default:
      return state
  }
}
