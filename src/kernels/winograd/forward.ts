import type { StepOfKind } from '../../plan/steps.ts'
import { haloParts } from '../copy.ts'
import { argument, type Implementation, privateArgument, type TargetTraits, vectorBlocks } from '../kernel.ts'
import { type BlockedInput, blockedInput } from './blocks.ts'
import {
  convolutionWeightsLayout,
  type WinogradCandidate,
  type WinogradConvolution,
  winogradStages,
} from './convolution.ts'
import { type StrideOne, strideOne } from './stride-one.ts'
import { tiledAxis } from './tiling.ts'
import { transformScratch } from './transform.ts'
import { noWeights, type PlainWeights, type WeightsPhase, weightsParts } from './weights.ts'

const TRANSFORMED = 0
const BLOCKS = 1

export function winogradForward(
  step: StepOfKind<'conv-forward'>,
  traits: TargetTraits,
  candidate: WinogradCandidate,
): Implementation {
  const { geometry, activation } = step.options
  const { input, biases } = step.reads
  const { output } = step.writes
  const axes = strideOne(geometry)
  const blocked = needsBlocks(axes, input.pixelPitch, traits) ? blockedInput(input, axes, traits.lanes) : null
  const vectors = output.pixelPitch / traits.lanes
  const conv: WinogradConvolution = {
    name: step.layer,
    images: output.shape[0],
    vertical: tiledAxis(candidate.points, axes.vertical),
    horizontal: tiledAxis(candidate.points, axes.horizontal),
    channels: blocked?.channels ?? input.pixelPitch,
    vectors,
    before: { rows: axes.vertical.before, columns: axes.horizontal.before },
    input: blocked
      ? {
          at: (values, steps) => privateArgument(BLOCKS, values, steps),
          image: blocked.image,
          row: blocked.row,
          pixel: blocked.channels,
        }
      : {
          at: (values, steps) => argument(input, values, steps),
          image: input.imagePitch,
          row: input.rowPitch,
          pixel: input.pixelPitch,
        },
    weights: (values, steps) => privateArgument(TRANSFORMED, values, steps),
    biases: (values, steps) => argument(biases, values, steps),
    output: {
      at: (values, steps) => argument(output, values, steps),
      image: output.imagePitch,
      row: output.rowPitch,
      pixel: output.pixelPitch,
    },
    relu: activation === 'relu',
  }
  const layout = convolutionWeightsLayout(conv, traits.lanes)
  const firstPrivate = blocked ? BLOCKS + 1 : BLOCKS
  const { stages, privateBuffers, threadScratch } = winogradStages(traits, conv, candidate, firstPrivate)
  const stagesBefore = blocked ? [{ parts: blocked.parts(traits, conv.input.at) }] : []
  return {
    ...candidate,
    privateBuffers: [
      { name: `${step.layer}/weights transformed`, length: layout.length, lifetime: 'parameters' },
      ...blockBuffers(step.layer, blocked),
      ...privateBuffers,
    ],
    threadScratch: Math.max(threadScratch, transformScratch(candidate.points ** 2, traits.lanes)),
    prologue: [
      {
        parts: weightsParts(
          traits,
          blockedWeights(step, axes, conv.channels),
          conv,
          vectorBlocks(vectors, candidate.vectors),
          layout,
          conv.weights,
        ),
      },
    ],
    stages: [
      ...stagesBefore,
      ...stages.slice(0, -1),
      { parts: [...stages.at(-1)!.parts, ...haloParts(traits, output)] },
    ],
  }
}

const blockBuffers = (layer: string, blocked: BlockedInput | null) =>
  blocked ? [{ name: `${layer}/input blocks`, length: blocked.length, lifetime: 'step' as const }] : []

/** Whether an input must be rewritten so that its channels are whole vectors, and its stride 1. */
export const needsBlocks = (
  { vertical, horizontal }: StrideOne,
  pixelPitch: number,
  traits: TargetTraits,
): boolean => vertical.block > 1 || horizontal.block > 1 || pixelPitch % traits.lanes !== 0

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
