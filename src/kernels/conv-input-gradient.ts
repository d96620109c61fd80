import type { WindowGeometry } from '../layers/index.ts'
import { type GradientPhase, inputGradientPhases } from '../plan/geometry.ts'
import { type DirectCandidate, directCandidates, directParts } from './direct.ts'
import { flippedWeights } from './flipped-weights.ts'
import { argument, type KernelRule, type Part, privateArgument, vectorBlocks } from './kernel.ts'
import { stretchesOf } from './stretches.ts'
import { whyNotWinograd, winogradCandidates } from './winograd/candidates.ts'
import type { WinogradCandidate } from './winograd/convolution.ts'
import { flippedGeometry, winogradInputGradient } from './winograd/input-gradient.ts'

const PACKED = 0

/** The number of taps of a phase; its weights, flipped, are taps x filters rows of channels. */
const tapsOf = ({ vertical, horizontal }: GradientPhase) => vertical.taps.length * horizontal.taps.length

const isStrideOne = (g: WindowGeometry): boolean => g.strideHeight === 1 && g.strideWidth === 1

/** For each phase of the stride, a convolution of the output's gradient with stride 1. */
export const convInputGradient: KernelRule<'conv-input-gradient', DirectCandidate | WinogradCandidate> = {
  candidates: (step, traits) => {
    const { shape, pixelPitch } = step.writes.inputGradient
    const { geometry } = step.options
    const vectors = pixelPitch / traits.lanes
    return [
      ...directCandidates(traits, vectors, Math.ceil(shape[2] / geometry.strideWidth)),
      ...(isStrideOne(geometry)
        ? winogradCandidates(traits, {
            images: null,
            geometry: flippedGeometry(geometry),
            channels: step.reads.gradient.pixelPitch,
            filters: pixelPitch,
          })
        : []),
    ]
  },

  whyNot: ({ options: { geometry: g } }) =>
    isStrideOne(g)
      ? whyNotWinograd(flippedGeometry(g))
      : `with stride ${g.strideHeight}x${g.strideWidth} its phases are convolutions of their own`,

  build(step, traits, candidate) {
    if ('points' in candidate) return winogradInputGradient(step, traits, candidate)
    const { gradient, biases } = step.reads
    const { inputGradient } = step.writes
    const { geometry, activation } = step.options
    const filters = gradient.shape[3]
    const blocks = vectorBlocks(inputGradient.pixelPitch / traits.lanes, candidate.vectors)
    const prologue: Part[] = []
    const parts: Part[] = []
    let packed = 0
    for (const phase of inputGradientPhases(geometry)) {
      const { vertical, horizontal } = phase
      const packedAt = packed
      packed += tapsOf(phase) * filters * inputGradient.pixelPitch
      prologue.push(
        ...flippedWeights(step, traits, blocks, phase, (values, steps) =>
          privateArgument(PACKED, packedAt + values, steps),
        ),
      )
      const corner = vertical.firstOutput * gradient.rowPitch + horizontal.firstOutput * gradient.pixelPitch
      const first = vertical.first * inputGradient.rowPitch + horizontal.first * inputGradient.pixelPitch
      parts.push(
        ...directParts(
          traits,
          {
            name: `${step.layer} input gradient`,
            images: inputGradient.shape[0],
            rows: stretchesOf(
              vertical.count,
              vertical.taps.length,
              1,
              -vertical.firstOutput,
              geometry.outputHeight,
              vertical.dilation,
            ),
            width: horizontal.count,
            vectors: inputGradient.pixelPitch / traits.lanes,
            kernelHeight: vertical.taps.length,
            kernelWidth: horizontal.taps.length,
            channels: filters,
            input: {
              at: (steps) => argument(gradient, corner, steps),
              image: gradient.imagePitch,
              row: gradient.rowPitch,
              pixel: gradient.pixelPitch,
              tapRow: vertical.dilation * gradient.rowPitch,
              tapPixel: horizontal.dilation * gradient.pixelPitch,
            },
            weights: (values, steps) => privateArgument(PACKED, packedAt + values, steps),
            biases: biases ? (values, steps) => argument(biases, values, steps) : null,
            output: {
              at: (values, steps) => argument(inputGradient, first + values, steps),
              image: inputGradient.imagePitch,
              row: vertical.stride * inputGradient.rowPitch,
              pixel: horizontal.stride * inputGradient.pixelPitch,
            },
            activation,
          },
          candidate,
        ),
      )
    }
    return {
      ...candidate,
      privateBuffers: [{ name: `${step.layer}/weights flipped`, length: packed, lifetime: 'parameters' }],
      threadScratch: 0,
      prologue: [{ parts: prologue }],
      stages: [{ parts }],
    }
  },
}
