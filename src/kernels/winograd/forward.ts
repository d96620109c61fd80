import type { StepOfKind } from '../../plan/steps.ts'
import { argument, type Implementation, privateArgument, type TargetTraits } from '../kernel.ts'
import { blockedInput, needsBlocks } from './blocks.ts'
import type { WinogradSizes } from './candidates.ts'
import type { WinogradCandidate } from './convolution.ts'
import { FIRST_OWN, implementWinograd } from './implementation.ts'
import { strideOne } from './stride-one.ts'
import { blockedWeights } from './weights.ts'

type Forward = StepOfKind<'conv-forward'>

/** The input rewritten, or null where it can be read as it is. */
function blocksOf({ options, reads }: Forward, traits: TargetTraits) {
  const axes = strideOne(options.geometry)
  return needsBlocks(axes, reads.input, traits) ? blockedInput(reads.input, axes, traits.lanes) : null
}

export const forwardSizes = (step: Forward, traits: TargetTraits): WinogradSizes => ({
  geometry: step.options.geometry,
  channels: blocksOf(step, traits)?.channels ?? step.reads.input.pixelPitch,
  filters: step.writes.output.pixelPitch,
})

/** A stride over 1, or channels that are not whole vectors, is rewritten first: blocks of pixels become channels. */
export function winogradForward(
  step: Forward,
  traits: TargetTraits,
  candidate: WinogradCandidate,
): Implementation {
  const { geometry, activation } = step.options
  const { input, biases } = step.reads
  const axes = strideOne(geometry)
  const blocked = blocksOf(step, traits)
  const blocksAt = (values: number, steps: readonly number[]) => privateArgument(FIRST_OWN, values, steps)
  const channels = blocked?.channels ?? input.pixelPitch
  return implementWinograd(traits, candidate, {
    name: step.layer,
    axes,
    input: blocked
      ? { at: blocksAt, image: blocked.image, row: blocked.row, pixel: blocked.channels }
      : {
          at: (values, steps) => argument(input, values, steps),
          image: input.imagePitch,
          row: input.rowPitch,
          pixel: input.pixelPitch,
        },
    channels,
    weights: blockedWeights(step.layer, geometry, axes, input, step.reads.weights, channels),
    biases: (values, steps) => argument(biases, values, steps),
    output: step.writes.output,
    relu: activation === 'relu',
    ownBuffers: blocked
      ? [{ name: `${step.layer}/input blocks`, length: blocked.length, lifetime: 'step' }]
      : [],
    prologue: [],
    stages: blocked ? [{ parts: blocked.parts(traits, blocksAt) }] : [],
  })
}
