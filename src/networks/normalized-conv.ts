import { type BatchNormOptions, batchNorm, type ConvOptions, conv, type Layer } from '../layers/index.ts'

export interface NormalizedConvOptions extends ConvOptions {
  readonly inputs?: readonly string[]
  /** Epsilon and momentum of the batch norm; by default batch norm's own. */
  readonly norm?: Partial<Pick<BatchNormOptions, 'epsilon' | 'momentum'>>
}

/** A convolution without biases, then batch norm with the activation: two layers with the names given. */
export function normalizedConv(
  [convName, normName]: readonly [conv: string, norm: string],
  { activation, norm = {}, ...options }: NormalizedConvOptions,
): readonly Layer[] {
  return [conv(convName, { ...options, biases: false }), batchNorm(normName, { ...norm, activation })]
}

/** The names of the two layers as in torchvision's Conv2dNormActivation: `name`.0, and `name`.1, which is the output. */
export const numbered = (name: string) => [`${name}.0`, `${name}.1`] as const
