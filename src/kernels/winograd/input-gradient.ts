import type { WindowGeometry } from '../../layers/index.ts'
import { inputGradientPhases } from '../../plan/geometry.ts'
import type { StepOfKind } from '../../plan/steps.ts'
import { flippedWeights } from '../flipped-weights.ts'
import { argument, type Implementation, privateArgument, type TargetTraits } from '../kernel.ts'
import type { WinogradCandidate } from './convolution.ts'
import { FIRST_OWN, implementWinograd } from './implementation.ts'
import { tileSource } from './source.ts'
import { strideOne } from './stride-one.ts'
import { noWeights } from './weights.ts'

/**
 * With stride 1 an input gradient is a convolution of the output's gradient with the kernel flipped; inputs and outputs
 * change places.
 */
export const flippedGeometry = (g: WindowGeometry): WindowGeometry => ({
  ...g,
  inputHeight: g.outputHeight,
  inputWidth: g.outputWidth,
  outputHeight: g.inputHeight,
  outputWidth: g.inputWidth,
  top: g.kernelHeight - 1 - g.top,
  bottom: g.kernelHeight - 1 - g.bottom,
  left: g.kernelWidth - 1 - g.left,
  right: g.kernelWidth - 1 - g.right,
})

export function winogradInputGradient(
  step: StepOfKind<'conv-input-gradient'>,
  traits: TargetTraits,
  candidate: WinogradCandidate,
): Implementation {
  const { geometry: g, activation } = step.options
  const { gradient, biases } = step.reads
  const { inputGradient } = step.writes
  const filters = gradient.shape[3]
  const width = inputGradient.pixelPitch
  const taps = g.kernelHeight * g.kernelWidth
  const [phase] = inputGradientPhases(g)
  const block = { first: 0, size: width / traits.lanes, count: 1 }
  const all = { skip: 0 }
  return implementWinograd(traits, candidate, {
    name: `${step.layer} input gradient`,
    input: tileSource(gradient, strideOne(flippedGeometry(g)), traits),
    weights: {
      name: `${step.layer} flipped`,
      phases: [
        {
          firstChannel: 0,
          channels: filters,
          at: 0,
          vertical: { ...all, taps: g.kernelHeight },
          horizontal: { ...all, taps: g.kernelWidth },
        },
        noWeights(filters, gradient.pixelPitch - filters),
      ].filter(({ channels }) => channels > 0),
      tapRow: g.kernelWidth * filters * width,
      tapColumn: filters * width,
      channel: width,
      argument: (values, steps) => privateArgument(FIRST_OWN, values, steps),
    },
    biases: biases ? (values, steps) => argument(biases, values, steps) : null,
    output: inputGradient,
    activation,
    ownBuffers: [
      { name: `${step.layer}/weights flipped`, length: taps * filters * width, lifetime: 'parameters' },
    ],
    prologue: [
      {
        parts: flippedWeights(step, traits, [block], phase!, (values, steps) =>
          privateArgument(FIRST_OWN, values, steps),
        ),
      },
    ],
  })
}
