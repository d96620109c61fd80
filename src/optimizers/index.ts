import { UsageError, unknownName } from '../errors.ts'
import { type Adam, adamDefinition } from './adam.ts'
import type { OptimizerDefinition } from './optimizer.ts'
import { type Sgd, sgdDefinition } from './sgd.ts'

export type { Adam } from './adam.ts'
export { type OptimizerDefinition, RATES, type Regularized, type UpdateContext } from './optimizer.ts'
export type { Sgd } from './sgd.ts'

/** Any optimizer, as plain data; its `kind` tells which. */
export type Optimizer = Sgd | Adam
export type OptimizerKind = Optimizer['kind']
export type OptimizerOptions<Kind extends OptimizerKind> = Extract<Optimizer, { kind: Kind }>

/** Stochastic gradient descent. Momentum 0.9 by default. */
export const sgd = ({ momentum = 0.9 }: Partial<Omit<Sgd, 'kind'>> = {}): Sgd => ({ kind: 'sgd', momentum })

/** Adam. Beta1 0.9, beta2 0.999, epsilon 1e-8 by default. */
export const adam = ({
  beta1 = 0.9,
  beta2 = 0.999,
  epsilon = 1e-8,
}: Partial<Omit<Adam, 'kind'>> = {}): Adam => ({ kind: 'adam', beta1, beta2, epsilon })

/** The table kind -> definition. A kind without a definition does not compile. */
export const optimizerDefinitions: {
  readonly [Kind in OptimizerKind]: OptimizerDefinition<OptimizerOptions<Kind>>
} = { sgd: sgdDefinition, adam: adamDefinition }

/** The definition of an optimizer whose kind is only known at run time. Throws UsageError where there is none. */
export function optimizerOf(optimizer: Optimizer): OptimizerDefinition<Optimizer> {
  if (!Object.hasOwn(optimizerDefinitions, optimizer.kind))
    throw new UsageError(unknownName('optimizer', optimizer.kind, Object.keys(optimizerDefinitions)))
  return optimizerDefinitions[optimizer.kind] as OptimizerDefinition<Optimizer>
}
