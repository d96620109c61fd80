import {
  arrayOfText,
  numberFromZero,
  numberOverZero,
  oneOf,
  optional,
  positiveInteger,
  type Rules,
  recordOf,
  requireOptions,
} from '../check-options.ts'
import { UsageError, unknownName } from '../errors.ts'
import { frozenLayers, trainedParametersOf } from '../networks/freeze.ts'
import type { Network } from '../networks/network.ts'
import { type Optimizer, optimizerOf, optimizerRule, sgd } from '../optimizers/index.ts'
import type { Step } from './steps.ts'
import type { View } from './views.ts'

/**
 * How the pass `train` changes the parameters: plain data. What differs from step to step is written before each run
 * instead.
 */
export interface Training {
  /** What `sgd` or `adam` makes. */
  readonly optimizer: Optimizer
  /** L2 penalty by parameter; 0 for those left out. Only parameters that training can change may be named. */
  readonly decays?: Readonly<Record<string, number>>
  /** What the learning rate is multiplied by, by parameter; 1 for those left out. Only parameters as in `decays` may be named. */
  readonly rateFactors?: Readonly<Record<string, number>>
  /** If the norm of all gradients together is larger, they are scaled down to it. */
  readonly clipNorm?: number
  /**
   * Layers whose parameters stay as they are, by name or by a pattern in which `*` stands for any text: `layer1.*`. A
   * frozen layer with running statistics uses them, as in the pass forward.
   */
  readonly freeze?: readonly string[]
  /**
   * `blocks`: what forward makes is kept only between blocks of layers, and within a block is made again just before its
   * gradients. That takes the time of most of a forward pass and much less memory; the results have the same bits.
   */
  readonly checkpoint?: 'blocks'
  /** Over how many runs the gradients of one update are averaged; only the last of them makes the update. 1 by default. */
  readonly microBatches?: number
}

export const CHECKPOINTS = ['blocks'] as const

/** AlexNet's weight decay. */
export const BENCHMARK_DECAY = 5e-4

/** The training that a benchmark times: SGD with momentum 0.9, and the same decay for every parameter. */
export function benchmarkTraining(network: Network): Training {
  const decays = trainedParametersOf(network, new Set()).map((parameter) => [parameter, BENCHMARK_DECAY])
  return { optimizer: sgd(), decays: Object.fromEntries(decays) }
}

/** Written before a run: the rates that the optimizer computed for this step. */
export const RATES_TENSOR = 'optimizer.rates'
/** Written before a run if the network has dropout: an integer from 0 to 2^24. Each number drops other values. */
export const TURN_TENSOR = 'dropout.turn'
/** The norm of all gradients together, before they are clipped. */
export const NORM_TENSOR = 'gradients.norm'
const FACTOR_TENSOR = 'optimizer.factor'
const TOTAL = 'total'

/** The sum of a parameter's gradients over several runs. */
export const totalOf = (parameter: string): string => `${parameter}.${TOTAL}`
export const isTotal = (tensor: string): boolean => tensor.endsWith(`.${TOTAL}`)

/** What the update asks of the planner. */
export interface TrainingContext {
  readonly parameters: readonly string[]
  view(tensor: string): View
  /** A tensor of a parameter's shape that lasts from run to run; at first zeros. */
  state(parameter: string, name: string): View
  /** A few values that the caller may read. */
  result(tensor: string): View
  /** A few values between steps. */
  between(tensor: string): View
}

export const checkpointRule = optional(oneOf(CHECKPOINTS))

const trainingRules: Rules<Training> = {
  optimizer: optimizerRule,
  decays: optional(recordOf(numberFromZero, 'an object of numbers by parameter')),
  rateFactors: optional(recordOf(numberOverZero, 'an object of numbers by parameter')),
  clipNorm: optional(numberOverZero),
  microBatches: optional(positiveInteger),
  freeze: optional(arrayOfText),
  checkpoint: checkpointRule,
}

/** Throws UsageError for options that are not valid. */
export function requireTraining(network: Network, training: Training): void {
  requireOptions('training', training, trainingRules)
  const parameters = trainedParametersOf(network, new Set())
  for (const option of ['decays', 'rateFactors'] as const) {
    const unknown = Object.keys(training[option] ?? {}).find((name) => !parameters.includes(name))
    if (unknown !== undefined)
      throw new UsageError(`training.${option}: ${unknownName('parameter', unknown, parameters)}`)
  }
  const trained = trainedParametersOf(network, frozenLayers(network, training.freeze))
  if (trained.length === 0) {
    throw new UsageError(
      training.freeze
        ? `training.freeze: it leaves ${network.name} no parameter to train`
        : `training: ${network.name} has no parameter to train`,
    )
  }
}

/** The steps after the backward steps of every run that add its gradients to those of the runs before it. */
export function accumulationSteps({ microBatches = 1 }: Training, context: TrainingContext): Step[] {
  if (microBatches === 1) return []
  return context.parameters.map((parameter) => {
    const total = context.state(parameter, TOTAL)
    return {
      kind: 'accumulate-gradient',
      layer: layerOf(parameter),
      pass: 'update',
      reads: { gradient: context.view(`${parameter}.gradient`), total },
      writes: { total },
      options: { share: 1 / microBatches },
    }
  })
}

/** The steps of the update, which are left out of runs that only add up gradients. */
export function updateSteps(training: Training, context: TrainingContext): Step[] {
  const { optimizer, decays = {}, rateFactors = {}, clipNorm, microBatches = 1 } = training
  const isTotal = microBatches > 1
  const gradientOf = (parameter: string): View =>
    context.view(isTotal ? totalOf(parameter) : `${parameter}.gradient`)
  const steps: Step[] = []
  let factor: View | null = null
  if (clipNorm !== undefined) {
    factor = context.between(FACTOR_TENSOR)
    steps.push({
      kind: 'clip-gradients',
      layer: 'gradients',
      pass: 'update',
      reads: Object.fromEntries(context.parameters.map((parameter) => [parameter, gradientOf(parameter)])),
      writes: { norm: context.result(NORM_TENSOR), factor },
      options: { limit: clipNorm },
    })
  }
  for (const parameter of context.parameters) {
    const gradient = gradientOf(parameter)
    const rateFactor = rateFactors[parameter] ?? 1
    const views = {
      parameter: context.view(parameter),
      ...Object.fromEntries(
        optimizerOf(optimizer).states.map((state) => [state, context.state(parameter, state)]),
      ),
    }
    steps.push({
      kind: `${optimizer.kind}-update`,
      layer: layerOf(parameter),
      pass: 'update',
      reads: { ...views, gradient, rates: context.view(RATES_TENSOR), ...(factor && { factor }) },
      writes: { ...views, ...(isTotal && { gradient }) },
      options: { ...optimizer, decay: decays[parameter] ?? 0, ...(rateFactor !== 1 && { rateFactor }) },
    } as Step)
  }
  return steps
}

const layerOf = (parameter: string): string => parameter.slice(0, parameter.lastIndexOf('/'))
