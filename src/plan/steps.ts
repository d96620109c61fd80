import type { Activated, Activation, DropoutOptions, LrnOptions, WindowGeometry } from '../layers/index.ts'
import type { Adam, Regularized, Sgd } from '../optimizers/index.ts'
import type { View } from './views.ts'

interface StepOf<
  Kind extends string,
  Reads extends string,
  Writes extends string,
  Options = Readonly<Record<never, never>>,
> {
  readonly kind: Kind
  /** The layer that it belongs to. */
  readonly layer: string
  readonly pass: 'forward' | 'backward' | 'update'
  /** What it needs, all written by steps before it (or by the caller). */
  readonly reads: { readonly [Name in Reads]: View }
  /**
   * What it makes: all of the tensor, and the zeros of its halo. A tensor that it reads too, by the same view, is changed
   * in place.
   */
  readonly writes: { readonly [Name in Writes]: View }
  readonly options: Options
}

type Window = { readonly geometry: WindowGeometry }

/** Which values are dropped differs from turn to turn, where there is a tensor that says which it is. */
type InTurns = { readonly reads: { readonly turn?: View } }

/**
 * A parameter follows its gradient, in place, and so do the optimizer's states. `total`: the gradient is the sum of
 * several runs, and is cleared for the next. `factor`: what clipping multiplies gradients by.
 */
type Update<Kind extends string, States extends string, Options> = StepOf<
  Kind,
  'parameter' | 'gradient' | 'rates' | States,
  'parameter' | States,
  Options & Regularized
> & { readonly reads: { readonly factor?: View }; readonly writes: { readonly gradient?: View } }
type Activating = { readonly activation: Activation }
/** ReLU is done where the sums are, and costs nothing there; another activation is a step behind them. */
type Rectified = { readonly activation?: 'relu' | undefined }

/**
 * What a run does, in the order it does it. Each kind has a kernel (kernels/) and a truth that its results are
 * compared with (bench/check). Parameters are views (1, 1, rows, columns): weights have KH * KW * C (dense: H * W * C)
 * rows of F.
 */
export type Step =
  | StepOf<'conv-forward', 'input' | 'weights' | 'biases', 'output', Window & Rectified>
  /** The gradient of the sums before the activation, and of the biases. */
  | StepOf<'output-gradient', 'output' | 'outputGradient', 'gradient' | 'biasesGradient', Activated>
  | StepOf<'conv-weights-gradient', 'input' | 'gradient', 'weightsGradient', Window>
  | StepOf<'conv-input-gradient', 'gradient' | 'weights', 'inputGradient', Window>
  | StepOf<'dense-forward', 'input' | 'weights' | 'biases', 'output', Rectified>
  | StepOf<'dense-weights-gradient', 'input' | 'gradient', 'weightsGradient'>
  | StepOf<'dense-input-gradient', 'gradient' | 'weights', 'inputGradient'>
  | StepOf<'activation-forward', 'input', 'output', Activating>
  | StepOf<'activation-backward', 'output' | 'outputGradient', 'inputGradient', Activating>
  | StepOf<'lrn-forward', 'input', 'output', LrnOptions>
  | StepOf<'lrn-backward', 'input' | 'outputGradient', 'inputGradient', LrnOptions>
  | (StepOf<'dropout-forward', 'input', 'output', DropoutOptions> & InTurns)
  | (StepOf<'dropout-backward', 'outputGradient', 'inputGradient', DropoutOptions> & InTurns)
  | StepOf<'max-pool-forward', 'input', 'output', Window>
  | StepOf<'max-pool-backward', 'input' | 'output' | 'outputGradient', 'inputGradient', Window>
  | StepOf<'l2-loss-forward', 'input', 'output'>
  | StepOf<'l2-loss-backward', 'input', 'inputGradient'>
  | StepOf<'softmax-loss-forward', 'logits' | 'labels', 'output'>
  | StepOf<'softmax-loss-backward', 'logits' | 'labels', 'inputGradient'>
  /** Where several layers read one tensor: its gradient is the sum of what they give. */
  | StepOf<'sum-gradients', 'a' | 'b', 'sum'>
  /** total + share * gradient, in place: the mean over several runs. */
  | StepOf<'accumulate-gradient', 'gradient' | 'total', 'total', { readonly share: number }>
  /** The 2-norm of all gradients together, and what they must be multiplied by for it to be at most `limit`. */
  | StepOf<'clip-gradients', string, 'norm' | 'factor', { readonly limit: number }>
  | Update<'sgd-update', 'momentum', Sgd>
  | Update<'adam-update', 'moment1' | 'moment2', Adam>

export type StepKind = Step['kind']
export type StepOfKind<Kind extends StepKind> = Extract<Step, { kind: Kind }>

/** What a step changes in place. */
export const changesOf = (step: Step): readonly View[] => {
  const read = new Set(readsOf(step).map(({ buffer }) => buffer))
  return writesOf(step).filter(({ buffer }) => read.has(buffer))
}

export const readsOf = (step: Step): readonly View[] => Object.values<View>(step.reads)
export const writesOf = (step: Step): readonly View[] => Object.values<View>(step.writes)
