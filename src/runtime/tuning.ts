import { must, type Rules, recordOf, requireContent, someText } from '../check-options.ts'
import type { Step } from '../plan/steps.ts'
import { readsOf, writesOf } from '../plan/steps.ts'

/** Which candidate each step uses: plain data, valid for one processor and one version of the engine. */
export interface Tuning {
  /** Of this format. */
  readonly version: 1
  /** The processor's name; on another one the tiles are measured again. */
  readonly processor: string
  /** The target, its features and its version: `wasm relaxed-fma V8 11.3`. */
  readonly engine: string
  /** The candidate's name for each step, which is identified by its kind, shapes and window. */
  readonly choices: Readonly<Record<string, string>>
}

/** What a step's choice depends on: steps of equal shapes share it. */
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

/** The value as a tuning. Throws FormatError unless it is one, as `session.tuning` gives them. */
export function requireTuning(value: unknown): Tuning {
  return requireContent('tuning', value, tuningRules)
}
