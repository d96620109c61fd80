import type { View } from '../../plan/views.ts'
import {
  type Implementation,
  type PrivateBuffer,
  placeOf,
  privateArgument,
  type Stage,
  type TargetTraits,
  vectorBlocks,
} from '../kernel.ts'
import { bandStages } from './bands.ts'
import { convolutionWeightsLayout, type WinogradCandidate, type WinogradConvolution } from './convolution.ts'
import { groupStages } from './groups.ts'
import { tiledAxis } from './tiling.ts'
import { transformScratch } from './transform.ts'
import { type PlainWeights, weightsParts } from './weights.ts'

const TRANSFORMED = 0
/** Index of the first of the caller's private buffers (`ownBuffers`). */
export const FIRST_OWN = 1

/** A convolution with stride 1 and what has to happen before it. */
export interface WinogradStep extends Pick<WinogradConvolution, 'name' | 'input' | 'biases' | 'activation'> {
  readonly weights: PlainWeights
  readonly output: View
  readonly addend?: View | undefined
  readonly ownBuffers: readonly PrivateBuffer[]
  /** Runs before the weights are transformed. */
  readonly prologue: readonly Stage[]
}

export function implementWinograd(
  traits: TargetTraits,
  candidate: WinogradCandidate,
  step: WinogradStep,
): Implementation {
  const { input, output, addend, ownBuffers } = step
  const { axes } = input
  const vectors = output.pixelPitch / traits.lanes
  const conv: WinogradConvolution = {
    ...step,
    images: output.shape[0],
    vertical: tiledAxis(candidate.points, axes.vertical),
    horizontal: tiledAxis(candidate.points, axes.horizontal),
    vectors,
    weights: (values, steps) => privateArgument(TRANSFORMED, values, steps),
    output: placeOf(output),
    addend: addend ? placeOf(addend) : null,
  }
  const layout = convolutionWeightsLayout(conv, traits.lanes)
  const blocks = vectorBlocks(vectors, candidate.vectors)
  const transformed = weightsParts(traits, step.weights, conv, blocks, layout, conv.weights)
  const { bandRows } = candidate
  const own =
    bandRows === null
      ? groupStages(traits, conv, candidate, FIRST_OWN + ownBuffers.length)
      : bandStages(traits, conv, candidate, bandRows)
  return {
    ...candidate,
    privateBuffers: [
      { name: `${step.name}/weights transformed`, length: layout.length, lifetime: 'parameters' },
      ...ownBuffers,
      ...own.privateBuffers,
    ],
    threadScratch: Math.max(own.threadScratch, transformScratch(candidate.points ** 2, traits.lanes)),
    prologue: [...step.prologue, { parts: transformed }],
    stages: own.stages,
  }
}
