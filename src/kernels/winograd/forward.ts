import type { StepOfKind } from '../../plan/steps.ts'
import { argument, type Implementation, type TargetTraits } from '../kernel.ts'
import type { WinogradSizes } from './candidates.ts'
import type { WinogradCandidate } from './convolution.ts'
import { implementWinograd } from './implementation.ts'
import { tileSource } from './source.ts'
import { strideOne } from './stride-one.ts'
import { blockedWeights } from './weights.ts'

type Forward = StepOfKind<'conv-forward'>

/** If the stride is over 1 or the channels are not whole vectors, the input is rewritten: blocks of pixels become channels. */
const sourceOf = ({ options, reads }: Forward, traits: TargetTraits) =>
  tileSource(reads.input, strideOne(options.geometry), traits)

export const forwardSizes = (step: Forward, traits: TargetTraits): WinogradSizes => ({
  images: step.writes.output.shape[0],
  geometry: step.options.geometry,
  channels: sourceOf(step, traits).channels,
  filters: step.writes.output.pixelPitch,
})

export function winogradForward(
  step: Forward,
  traits: TargetTraits,
  candidate: WinogradCandidate,
): Implementation {
  const { geometry, activation } = step.options
  const { weights, biases, addend } = step.reads
  const input = sourceOf(step, traits)
  return implementWinograd(traits, candidate, {
    name: step.layer,
    input,
    weights: blockedWeights(step.layer, geometry, input, weights),
    biases: biases ? (values, steps) => argument(biases, values, steps) : null,
    output: step.writes.output,
    addend,
    activation,
    ownBuffers: [],
    prologue: [],
  })
}
