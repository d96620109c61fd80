import {
  faultOf,
  type RequiredRule,
  requireOptions,
  someObject,
  someText,
  withAllOptional,
} from '../check-options.ts'
import { UsageError, unknownName } from '../errors.ts'
import { type Adam, adamDefinition } from './adam.ts'
import type { OptimizerDefinition } from './optimizer.ts'
import { type Sgd, sgdDefinition } from './sgd.ts'

export type { Adam } from './adam.ts'
export { type OptimizerDefinition, type ParameterOptions, RATES, type UpdateContext } from './optimizer.ts'
export type { Sgd } from './sgd.ts'

/** Any optimizer, as plain data; its `kind` tells which. */
export type Optimizer = Sgd | Adam
export type OptimizerKind = Optimizer['kind']
export type OptimizerOptions<Kind extends OptimizerKind> = Extract<Optimizer, { kind: Kind }>

/**
 * Stochastic gradient descent, as `Sgd` describes it. Momentum 0.9 by default. Throws UsageError for invalid options.
 */
export function sgd(options: Partial<Omit<Sgd, 'kind'>> = {}): Sgd {
  requireOptions('sgd', options, withAllOptional(sgdDefinition.rules))
  const { momentum = 0.9 } = options
  return { kind: 'sgd', momentum }
}

/**
 * Adam, as `Adam` describes it. Beta1 0.9, beta2 0.999, epsilon 1e-8 by default. Throws UsageError for invalid options.
 */
export function adam(options: Partial<Omit<Adam, 'kind'>> = {}): Adam {
  requireOptions('adam', options, withAllOptional(adamDefinition.rules))
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options
  return { kind: 'adam', beta1, beta2, epsilon }
}

/** The table kind -> definition. A kind without a definition does not compile. */
export const optimizerDefinitions: {
  readonly [Kind in OptimizerKind]: OptimizerDefinition<OptimizerOptions<Kind>>
} = { sgd: sgdDefinition, adam: adamDefinition }

/** The definition of an optimizer whose kind is known only at run time. Throws UsageError if there is none. */
export function optimizerOf(optimizer: Optimizer): OptimizerDefinition<Optimizer> {
  const { kind } = optimizer
  if (!Object.hasOwn(optimizerDefinitions, kind))
    throw new UsageError(unknownName('optimizer', kind, Object.keys(optimizerDefinitions)))
  return optimizerDefinitions[kind] as OptimizerDefinition<Optimizer>
}

/** The rule for an optimizer as data: a known kind, and that kind's options. */
export const optimizerRule: RequiredRule = {
  fault: (value, name) => {
    const anyObject = someObject.fault(value, name)
    if (anyObject !== null) return anyObject
    const kinds = Object.keys(optimizerDefinitions)
    const { kind } = value as Optimizer
    if (!kinds.includes(kind)) return unknownName(name, kind, kinds)
    return faultOf(value, { kind: someText, ...optimizerDefinitions[kind].rules }, name)
  },
}

/** Throws UsageError for a learning rate from which the optimizer would make a rate that is infinite in float32. */
export function requireFiniteRates(optimizer: Optimizer, rate: number): void {
  // The first step has the largest
  const largest = Math.max(...optimizerOf(optimizer).rates(optimizer, rate, 1))
  if (Number.isFinite(Math.fround(largest))) return
  throw new UsageError(
    `rate is ${rate}; in its first step ${optimizer.kind} multiplies by ${largest}, which is infinite in float32`,
  )
}
