import { FLOAT_BYTES, ProgramBuilder } from '../codegen/program.ts'
import { type GradientPhase, inputGradientPhases } from '../plan/geometry.ts'
import type { StepOfKind } from '../plan/steps.ts'
import { haloParts } from './copy.ts'
import { type DirectCandidate, directCandidates, directParts } from './direct.ts'
import {
  argument,
  type KernelRule,
  type Part,
  privateArgument,
  type TargetTraits,
  vectorBlocks,
} from './kernel.ts'
import { stretchesOf } from './stretches.ts'

type InputGradient = StepOfKind<'conv-input-gradient'>

const PACKED = 0

/** Weights of one phase, turned round: taps x filters rows of channels. */
const tapsOf = ({ vertical, horizontal }: GradientPhase) => vertical.taps.length * horizontal.taps.length

/** For each phase of the stride a convolution of the output's gradient, with stride 1. */
export const convInputGradient: KernelRule<'conv-input-gradient', DirectCandidate> = {
  candidates: (step, traits) => {
    const { shape, pixelPitch } = step.writes.inputGradient
    const width = Math.ceil(shape[2] / step.options.geometry.strideWidth)
    return directCandidates(traits, pixelPitch / traits.lanes, width)
  },

  build(step, traits, candidate) {
    const { gradient } = step.reads
    const { inputGradient } = step.writes
    const filters = gradient.shape[3]
    const prologue: Part[] = []
    const parts: Part[] = []
    let packed = 0
    for (const phase of inputGradientPhases(step.options.geometry)) {
      const { vertical, horizontal } = phase
      const packedAt = packed
      packed += tapsOf(phase) * filters * inputGradient.pixelPitch
      prologue.push(...packPhase(step, traits, candidate, phase, packedAt))
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
              step.options.geometry.outputHeight,
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
              tapRow: gradient.rowPitch,
              tapPixel: gradient.pixelPitch,
            },
            weights: (values, steps) => privateArgument(PACKED, packedAt + values, steps),
            biases: null,
            output: {
              at: (values, steps) => argument(inputGradient, first + values, steps),
              image: inputGradient.imagePitch,
              row: vertical.stride * inputGradient.rowPitch,
              pixel: horizontal.stride * inputGradient.pixelPitch,
            },
            relu: false,
          },
          candidate,
        ),
      )
    }
    return {
      ...candidate,
      privateBuffers: [{ name: `${step.layer}/weights turned`, length: packed, lifetime: 'parameters' }],
      threadScratch: 0,
      prologue: [{ parts: prologue }],
      stages: [{ parts: [...parts, ...haloParts(traits, inputGradient)] }],
    }
  },
}

/** [block][tap, turned round][filter][channel of the block]: the weights' channels become the vector. */
function packPhase(
  step: InputGradient,
  traits: TargetTraits,
  candidate: DirectCandidate,
  phase: GradientPhase,
  packedAt: number,
): Part[] {
  const { gradient, weights } = step.reads
  const { kernelWidth } = step.options.geometry
  const filters = gradient.shape[3]
  const [, , , channels] = step.writes.inputGradient.shape
  const taps = phase.vertical.taps.flatMap((ky) => phase.horizontal.taps.map((kx) => ky * kernelWidth + kx))
  if (taps.length === 0) return []
  const vectors = step.writes.inputGradient.pixelPitch / traits.lanes

  return vectorBlocks(vectors, candidate.vectors).flatMap((block) =>
    Array.from({ length: block.count }, (_, index): Part => {
      const first = (block.first + index * block.size) * traits.lanes
      const width = block.size * traits.lanes
      const present = Math.min(width, channels - first)
      const b = new ProgramBuilder(`turn ${step.layer}`, traits.lanes, ['weights', 'packed'])
      const [from, to] = [b.parameter('weights'), b.parameter('packed')]
      let at = 0
      for (const tap of taps) {
        const tapAt = tap * channels * weights.pixelPitch * FLOAT_BYTES
        b.advance(from, tapAt - at)
        at = tapAt
        b.loop(filters, () => {
          if (present < width) {
            const zero = b.splat(0)
            for (let v = 0; v < block.size; v++) b.store(to, v * b.vectorBytes, zero)
          }
          for (let c = 0; c < present; c++) {
            b.storeLane(to, c * FLOAT_BYTES, b.loadLane(from, c * weights.pixelPitch * FLOAT_BYTES))
          }
          b.advance(from, FLOAT_BYTES)
          b.advance(to, width * FLOAT_BYTES)
        })
        b.advance(from, -filters * FLOAT_BYTES)
      }
      return {
        program: b.finish(),
        grid: [1],
        arguments: {
          weights: argument(weights, first * weights.pixelPitch, []),
          packed: privateArgument(PACKED, packedAt + first * taps.length * filters, []),
        },
      }
    }),
  )
}
