import { type Activation, add, conv, globalAveragePool, type Layer, multiply } from '../layers/index.ts'
import { type NormalizedConvOptions, normalizedConv, numbered } from './normalized-conv.ts'

export interface InvertedResidual {
  /** The name of the tensor that the block reads, and its channels. */
  readonly input: string
  readonly channels: number
  /** The channels of the depthwise convolution; if the input has as many, the convolution that expands it is left out. */
  readonly expanded: number
  /** Kernel and stride of the depthwise convolution; the kernel is odd. */
  readonly kernel: number
  readonly stride: number
  /** Channels of the output. */
  readonly filters: number
  readonly activation: Activation
  readonly norm?: NormalizedConvOptions['norm']
  readonly excitation?: Excitation
  /** Names of the projection's convolution and batch norm, given the position of the projection in the block. */
  readonly projectionNames?: (name: string, position: number) => readonly [conv: string, norm: string]
}

/** Options of squeeze-and-excite. */
export interface Excitation {
  /** Channels between the two convolutions, and the activation there. */
  readonly squeezed: number
  readonly activation: Activation
  /** The activation of the second convolution, whose outputs are the factors. */
  readonly gate: Activation
}

const torchvisionNames = (name: string, position: number) => numbered(`${name}.${position}`)

/**
 * A 1 x 1 convolution that expands the channels, a depthwise one, squeeze-and-excite if asked for, and a 1 x 1 convolution
 * that projects to `filters`, without activation; each convolution is followed by batch norm. The input is added if the
 * output has its shape. (N, H, W, channels) -> (N, H / stride, W / stride, filters), rounded up; the output is the last
 * layer. Layers are named `name`.`parts`.0 and so on, as in torchvision. Source: Sandler et al. 2018, 'MobileNetV2'.
 */
export function invertedResidual(
  name: string,
  parts: string,
  {
    input,
    channels,
    expanded,
    kernel,
    stride,
    filters,
    activation,
    norm,
    excitation,
    projectionNames = torchvisionNames,
  }: InvertedResidual,
): readonly Layer[] {
  let position = 0
  const next = () => `${name}.${parts}.${position++}`
  const layers: Layer[] = []
  const expands = expanded !== channels
  if (expands) {
    layers.push(
      ...normalizedConv(numbered(next()), {
        filters: expanded,
        kernel: 1,
        activation,
        norm,
        inputs: [input],
      }),
    )
  }
  layers.push(
    ...normalizedConv(numbered(next()), {
      filters: expanded,
      kernel,
      stride,
      padding: (kernel - 1) / 2,
      groups: expanded,
      activation,
      norm,
      inputs: [layers.at(-1)?.name ?? input],
    }),
  )
  if (excitation) layers.push(...squeezeAndExcite(next(), layers.at(-1)!.name, expanded, excitation))
  layers.push(...normalizedConv(projectionNames(`${name}.${parts}`, position), { filters, kernel: 1, norm }))
  if (stride === 1 && channels === filters)
    layers.push(add(`${name}.add`, { inputs: [layers.at(-1)!.name, input] }))
  return layers
}

/**
 * Multiplies each channel of an image by a factor, which two convolutions compute from the means of all channels: (N, H, W, C)
 * -> `name`.multiply (N, H, W, C). Source: Hu et al. 2017, 'Squeeze-and-Excitation Networks'.
 */
function squeezeAndExcite(
  name: string,
  input: string,
  channels: number,
  { squeezed, activation, gate }: Excitation,
): readonly Layer[] {
  return [
    globalAveragePool(`${name}.avgpool`, { inputs: [input] }),
    conv(`${name}.fc1`, { filters: squeezed, kernel: 1, activation }),
    conv(`${name}.fc2`, { filters: channels, kernel: 1, activation: gate }),
    multiply(`${name}.multiply`, { inputs: [input, `${name}.fc2`] }),
  ]
}
