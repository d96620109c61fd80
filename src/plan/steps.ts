import type { Activated, DropoutOptions, LrnOptions, WindowGeometry } from '../layers/index.ts'
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
  readonly pass: 'forward' | 'backward'
  /** What it needs, all written by steps before it (or by the caller). */
  readonly reads: { readonly [Name in Reads]: View }
  /** What it makes: all of the tensor, and the zeros of its halo. */
  readonly writes: { readonly [Name in Writes]: View }
  readonly options: Options
}

type Window = { readonly geometry: WindowGeometry }

/**
 * What a run does, in the order it does it. Each kind has a kernel (kernels/) and a truth that its results are
 * compared with (bench/check). Parameters are views (1, 1, rows, columns): weights have KH * KW * C (dense: H * W * C)
 * rows of F.
 */
export type Step =
  | StepOf<'conv-forward', 'input' | 'weights' | 'biases', 'output', Window & Activated>
  /** The gradient of the sums before the activation, and of the biases. */
  | StepOf<'output-gradient', 'output' | 'outputGradient', 'gradient' | 'biasesGradient', Activated>
  | StepOf<'conv-weights-gradient', 'input' | 'gradient', 'weightsGradient', Window>
  | StepOf<'conv-input-gradient', 'gradient' | 'weights', 'inputGradient', Window>
  | StepOf<'dense-forward', 'input' | 'weights' | 'biases', 'output', Activated>
  | StepOf<'dense-weights-gradient', 'input' | 'gradient', 'weightsGradient'>
  | StepOf<'dense-input-gradient', 'gradient' | 'weights', 'inputGradient'>
  | StepOf<'relu-forward', 'input', 'output'>
  | StepOf<'relu-backward', 'output' | 'outputGradient', 'inputGradient'>
  | StepOf<'lrn-forward', 'input', 'output', LrnOptions>
  | StepOf<'lrn-backward', 'input' | 'outputGradient', 'inputGradient', LrnOptions>
  | StepOf<'dropout-forward', 'input', 'output', DropoutOptions>
  | StepOf<'dropout-backward', 'outputGradient', 'inputGradient', DropoutOptions>
  | StepOf<'max-pool-forward', 'input', 'output', Window>
  | StepOf<'max-pool-backward', 'input' | 'output' | 'outputGradient', 'inputGradient', Window>
  | StepOf<'l2-loss-forward', 'input', 'output'>
  | StepOf<'l2-loss-backward', 'input', 'inputGradient'>
  | StepOf<'softmax-loss-forward', 'logits' | 'labels', 'output'>
  | StepOf<'softmax-loss-backward', 'logits' | 'labels', 'inputGradient'>
  /** Where several layers read one tensor: its gradient is the sum of what they give. */
  | StepOf<'sum-gradients', 'a' | 'b', 'sum'>

export type StepKind = Step['kind']
export type StepOfKind<Kind extends StepKind> = Extract<Step, { kind: Kind }>

export const readsOf = (step: Step): readonly View[] => Object.values<View>(step.reads)
export const writesOf = (step: Step): readonly View[] => Object.values<View>(step.writes)
