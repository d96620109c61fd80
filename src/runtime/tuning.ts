import { must, type Rules, recordOf, requireContent, someText } from '../check-options.ts'
import type { Step } from '../plan/steps.ts'
import { readsOf, writesOf } from '../plan/steps.ts'

/** Which candidate each step takes: plain data, valid for one processor and engine version. */
export interface Tuning {
  readonly version: 1
  readonly processor: string
  /** The target, its features and its version: `wasm relaxed-fma V8 11.3`. */
  readonly engine: string
  /** Candidate by step: kind, shapes and window. */
  readonly choices: Readonly<Record<string, string>>
}

/** What a step's choice depends on: steps of equal shape share it. */
export function tuningKey(step: Step): string {
  const shapes = [...readsOf(step), ...writesOf(step)].map(({ shape }) => shape.join('x'))
  const window = 'geometry' in step.options ? step.options.geometry : null
  const kernel = window
    ? ` ${window.kernelHeight}x${window.kernelWidth}/${window.strideHeight}x${window.strideWidth}`
    : ''
  const isDilated = window !== null && (window.dilationHeight > 1 || window.dilationWidth > 1)
  const dilation = isDilated ? ` dilated ${window.dilationHeight}x${window.dilationWidth}` : ''
  return `${step.kind} ${shapes.join(' ')}${kernel}${dilation}`
}

export const tuningRules: Rules<Tuning> = {
  version: must((value: unknown) => value === 1, '1'),
  processor: someText,
  engine: someText,
  choices: recordOf(someText, 'an object of names'),
}

/** Throws FormatError unless it is a tuning, as `session.tuning` gives it. */
export function requireTuning(value: unknown): Tuning {
  return requireContent('tuning', value, tuningRules)
}
