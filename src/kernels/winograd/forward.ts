import type { StepOfKind } from '../../plan/steps.ts'
import { argument, type Implementation, privateArgument, type TargetTraits } from '../kernel.ts'
import { blockedInput, needsBlocks } from './blocks.ts'
import type { WinogradCandidate } from './convolution.ts'
import { FIRST_OWN, implementWinograd } from './implementation.ts'
import { type StrideOne, strideOne } from './stride-one.ts'
import { noWeights, type PlainWeights, type WeightsPhase } from './weights.ts'

/** A stride over 1, or channels that are not whole vectors, is rewritten first: blocks of pixels become channels. */
export function winogradForward(
  step: StepOfKind<'conv-forward'>,
  traits: TargetTraits,
  candidate: WinogradCandidate,
): Implementation {
  const { geometry, activation } = step.options
  const { input, biases } = step.reads
  const axes = strideOne(geometry)
  const blocked = needsBlocks(axes, input, traits) ? blockedInput(input, axes, traits.lanes) : null
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
    weights: blockedWeights(step, axes, channels),
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

/** The weights of a convolution whose blocks are channels. */
function blockedWeights(
  step: Pick<StepOfKind<'conv-forward'>, 'layer' | 'reads' | 'options'>,
  { vertical, horizontal }: StrideOne,
  allChannels: number,
): PlainWeights {
  const { input, weights } = step.reads
  const channels = input.shape[3]
  const channel = weights.pixelPitch
  const column = channels * channel
  const row = step.options.geometry.kernelWidth * column
  const phases: WeightsPhase[] = []
  for (const [y, rows] of vertical.taps.entries()) {
    for (const [x, columns] of horizontal.taps.entries()) {
      const firstChannel = (y * horizontal.block + x) * input.pixelPitch
      phases.push({
        firstChannel,
        channels,
        at: rows.first * row + columns.first * column,
        vertical: rows,
        horizontal: columns,
      })
      phases.push(noWeights(firstChannel + channels, input.pixelPitch - channels))
    }
  }
  const used = vertical.block * horizontal.block * input.pixelPitch
  phases.push(noWeights(used, allChannels - used))
  return {
    name: step.layer,
    phases: phases.filter((phase) => phase.channels > 0),
    tapRow: vertical.block * row,
    tapColumn: horizontal.block * column,
    channel,
    argument: (values, steps) => argument(weights, values, steps),
  }
}
