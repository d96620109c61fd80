// A comparison as the page shows it.

import type { Texts } from '../texts/index.ts'
import type { CompareEvent, CompareSettings, Measured } from './compare.ts'
import { type EngineName, isPeer, PACKAGES } from './messages.ts'

export interface CompareState {
  readonly phase: 'idle' | 'running' | 'done' | 'stopped'
  /** Of what is measured. */
  readonly settings: CompareSettings | null
  readonly starting: EngineName | null
  readonly measured: readonly Measured[]
  readonly unsupported: readonly NotCompared[]
  readonly rounds: { readonly done: number; readonly total: number } | null
}

export interface NotCompared {
  readonly engine: EngineName
  /** Null: the page's host does not have it. */
  readonly reason: string | null
  /** Those that it had; they are in `measured`. */
  readonly afterRounds: number
}

export const reasonOf = ({ engine, reason }: NotCompared, { missing }: Texts['compare']): string =>
  reason ?? missing(isPeer(engine) ? PACKAGES[engine] : [])

export const NOT_COMPARED: CompareState = {
  phase: 'idle',
  settings: null,
  starting: null,
  measured: [],
  unsupported: [],
  rounds: null,
}

export type CompareAction =
  | { readonly kind: 'begin'; readonly settings: CompareSettings }
  | { readonly kind: 'event'; readonly event: CompareEvent }
  | { readonly kind: 'end'; readonly isStopped: boolean }

export function reduceCompare(state: CompareState, action: CompareAction): CompareState {
  if (action.kind === 'begin') return { ...NOT_COMPARED, phase: 'running', settings: action.settings }
  if (action.kind === 'end') return { ...state, phase: action.isStopped ? 'stopped' : 'done', starting: null }
  const { event } = action
  const { measured, unsupported } = state
  switch (event.kind) {
    case 'starting':
      return { ...state, starting: event.engine }
    case 'ready':
      return { ...state, measured: [...measured, { engine: event.engine, ready: event.ready, turns: [] }] }
    case 'unsupported': {
      const { engine, reason } = event
      const { turns = [] } = measured.find((each) => each.engine === engine) ?? {}
      return {
        ...state,
        unsupported: [...unsupported, { engine, reason, afterRounds: turns.length }],
      }
    }
    case 'turn': {
      const withTurn = (each: Measured): Measured =>
        each.engine === event.engine ? { ...each, turns: [...each.turns, event.turn] } : each
      return { ...state, starting: null, measured: measured.map(withTurn) }
    }
    case 'round':
      return { ...state, rounds: { done: event.done, total: event.total } }
  }
}
