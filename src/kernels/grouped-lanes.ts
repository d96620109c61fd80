// Convolutions in groups of any width, by vectors whose lanes may belong to several groups: each lane multiplies the values
// of its own group by its own weights.
import { ProgramBuilder } from '../codegen/program.ts'
import type { Activation } from '../layers/index.ts'
import { type GradientPhase, inputGradientPhases } from '../plan/geometry.ts'
import type { StepOfKind } from '../plan/steps.ts'
import { activationOfSums } from './activation.ts'
import { groupLoadIn, meetingsOf, onlyChannels, type VectorsAlike, vectorsAlike } from './group-lanes.ts'
import type { GroupedWay } from './grouped-way.ts'
import {
  type Argument,
  argument,
  bytes,
  type Candidate,
  evenSplit,
  type Part,
  privateArgument,
  runsOf,
  type TargetTraits,
} from './kernel.ts'

/** A tile: how many outputs along a row are summed together. */
interface LaneCandidate extends Candidate {
  readonly pixels: number
}

const candidatesOf = ({ vectorRegisters, lanes }: TargetTraits): LaneCandidate[] =>
  (vectorRegisters > 16 ? [12, 8, 4] : [6, 4]).map((pixels) => ({
    algorithm: 'direct',
    tile: `${pixels}x${lanes}`,
    pixels,
  }))

/**
 * Outputs (images, height, width) by channels in groups of `groupChannels`. Each is a sum over kernelHeight x kernelWidth x
 * `summed`, the number of channels that a group has in the tensor that is read. Pitches and strides are in values.
 */
interface LaneConvolution {
  readonly name: string
  readonly images: number
  readonly height: number
  readonly width: number
  readonly channels: number
  readonly groupChannels: number
  readonly kernelHeight: number
  readonly kernelWidth: number
  readonly summed: number
  readonly input: Strides & {
    readonly pixelPitch: number
    readonly tapRow: number
    readonly tapPixel: number
    readonly at: (values: number, steps: readonly number[]) => Argument
  }
  /** Packed as [vector][tap][summed][lane]. */
  readonly weights: (values: number, steps: readonly number[]) => Argument
  readonly biases: ((values: number, steps: readonly number[]) => Argument) | null
  readonly output: Strides & { readonly at: (values: number, steps: readonly number[]) => Argument }
  readonly activation: Activation | undefined
}

/** The distance in values from one image, output row or output pixel to the next. */
interface Strides {
  readonly image: number
  readonly row: number
  readonly pixel: number
}

/** If a kernel row has at most this many taps, their weights stay in registers; otherwise they are read at each use. */
const MOST_HELD_TAPS = 3

/**
 * A task must be so much work that its call costs little beside it; within that, enough tasks for many threads with one
 * image.
 */
const MIN_TASK_FLOPS = 1e6
const WANTED_TASKS = 32

/** The tasks: each computes some rows of an image for one vector of channels. */
function laneParts(traits: TargetTraits, conv: LaneConvolution, { pixels }: LaneCandidate): Part[] {
  const { lanes } = traits
  const { images, height, width, channels, summed, input, output } = conv
  const packed = conv.kernelHeight * conv.kernelWidth * summed * lanes
  const wanted = Math.ceil((WANTED_TASKS * lanes) / (images * channels))
  const chunks = Math.max(
    1,
    Math.min(wanted, height, Math.floor((2 * height * width * packed) / MIN_TASK_FLOPS)),
  )
  return vectorsAlike(lanes, channels, conv.groupChannels).flatMap((vectors) =>
    runsOf(evenSplit(height, Math.ceil(height / chunks))).map((rows): Part => {
      const biases = conv.biases?.(vectors.first * lanes, [0, 0, vectors.step * lanes])
      return {
        program: laneProgram(traits, conv, vectors, pixels, rows.size),
        grid: [images, rows.count, vectors.count],
        arguments: {
          input: input.at(vectors.firstGroup * summed + rows.first * input.row, [
            input.image,
            rows.size * input.row,
            vectors.groupStep * summed,
          ]),
          weights: conv.weights(vectors.first * packed, [0, 0, vectors.step * packed]),
          ...(biases && { biases }),
          output: output.at(vectors.first * lanes + rows.first * output.row, [
            output.image,
            rows.size * output.row,
            vectors.step * lanes,
          ]),
        },
      }
    }),
  )
}

function laneProgram(
  traits: TargetTraits,
  conv: LaneConvolution,
  vectors: VectorsAlike,
  pixels: number,
  height: number,
) {
  const { kernelHeight, kernelWidth, summed } = conv
  const parameters = ['input', 'weights', ...(conv.biases ? ['biases'] : []), 'output']
  const b = new ProgramBuilder(`${conv.name} ${pixels}x${traits.lanes}`, traits.lanes, parameters)
  const [input, weights, output] = [b.parameter('input'), b.parameter('weights'), b.parameter('output')]
  const load = groupLoadIn(b, vectors, summed, conv.input.pixelPitch)
  const only = onlyChannels(b, vectors)
  const [inputPixel, outputPixel] = [bytes(conv.input.pixel), bytes(conv.output.pixel)]
  const tap = summed * b.vectorBytes

  const tile = (size: number): void => {
    const sums = Array.from({ length: size }, () =>
      conv.biases ? b.load(b.parameter('biases')) : b.splat(0),
    )
    const over = (count: number, inputStep: number, weightsStep: number, write: () => void): void =>
      b.walk(
        count,
        [
          [input, inputStep],
          [weights, weightsStep],
        ],
        write,
      )
    const meetings = meetingsOf(size, kernelWidth, conv.input.pixel, conv.input.tapPixel)
    over(kernelHeight, bytes(conv.input.tapRow), kernelWidth * tap, () => {
      const add = (channel: number): void => {
        const weight = (kx: number) => b.load(weights, kx * tap + channel * b.vectorBytes)
        const held =
          kernelWidth <= MOST_HELD_TAPS ? Array.from({ length: kernelWidth }, (_, kx) => weight(kx)) : []
        for (const [offset, outputs] of meetings) {
          const value = load(input, bytes(offset), channel)
          for (const { output, tap: kx } of outputs) b.fma(sums[output]!, value, held[kx] ?? weight(kx))
        }
      }
      if (load.byNumber) for (let channel = 0; channel < summed; channel++) add(channel)
      else over(summed, bytes(1), b.vectorBytes, () => add(0))
    })
    const { inRegister, inMemory } = activationOfSums(b, conv.activation)
    for (const [i, sum] of sums.entries()) b.store(output, i * outputPixel, only(inRegister(sum)))
    inMemory?.(
      output,
      [...sums.keys()].map((i) => i * outputPixel),
    )
  }

  const rowSteps = [
    [input, bytes(conv.input.row)],
    [output, bytes(conv.output.row)],
  ] as const
  b.walk(height, rowSteps, () => {
    for (const { size, count } of runsOf(evenSplit(conv.width, pixels))) {
      b.loop(count, () => {
        tile(size)
        b.advance(input, size * inputPixel)
        b.advance(output, size * outputPixel)
      })
    }
    b.advance(input, -conv.width * inputPixel)
    b.advance(output, -conv.width * outputPixel)
  })
  return b.finish()
}

const PACKED = 0

const implementation = (
  step: { readonly layer: string },
  candidate: LaneCandidate,
  packed: { readonly name: string; readonly length: number; readonly parts: readonly Part[] },
  parts: readonly Part[],
) => ({
  ...candidate,
  privateBuffers: [
    { name: `${step.layer}/weights ${packed.name}`, length: packed.length, lifetime: 'parameters' as const },
  ],
  threadScratch: 0,
  prologue: [{ parts: packed.parts }],
  stages: [{ parts }],
})

export const groupedForwardByLanes: GroupedWay<'grouped-conv-forward', LaneCandidate> = {
  fits: () => true,
  candidates: (_step, traits) => candidatesOf(traits),
  build(step, traits, candidate) {
    const { geometry: g, groups, activation } = step.options
    const { input, biases } = step.reads
    const { output } = step.writes
    const [images, height, width, channels] = output.shape
    const summed = input.shape[3] / groups
    const rows = g.kernelHeight * g.kernelWidth * summed
    const corner = -g.top * input.rowPitch - g.left * input.pixelPitch
    const conv: LaneConvolution = {
      name: step.layer,
      images,
      height,
      width,
      channels,
      groupChannels: channels / groups,
      kernelHeight: g.kernelHeight,
      kernelWidth: g.kernelWidth,
      summed,
      input: {
        at: (values, steps) => argument(input, corner + values, steps),
        image: input.imagePitch,
        row: g.strideHeight * input.rowPitch,
        pixel: g.strideWidth * input.pixelPitch,
        pixelPitch: input.pixelPitch,
        tapRow: g.dilationHeight * input.rowPitch,
        tapPixel: g.dilationWidth * input.pixelPitch,
      },
      weights: (values, steps) => privateArgument(PACKED, values, steps),
      biases: biases ? (values, steps) => argument(biases, values, steps) : null,
      output: {
        at: (values, steps) => argument(output, values, steps),
        image: output.imagePitch,
        row: output.rowPitch,
        pixel: output.pixelPitch,
      },
      activation,
    }
    const parts = [packByVector(step, traits, rows)]
    const packed = { name: 'packed', length: rows * output.pixelPitch, parts }
    return implementation(step, candidate, packed, laneParts(traits, conv, candidate))
  },
}

/** Packs the weights' rows vector by vector, so that what a task reads is contiguous. */
function packByVector(
  { layer, reads: { weights }, writes }: StepOfKind<'grouped-conv-forward'>,
  { lanes }: TargetTraits,
  rows: number,
): Part {
  const b = new ProgramBuilder(`pack ${layer}`, lanes, ['weights', 'packed'])
  const [from, to] = [b.parameter('weights'), b.parameter('packed')]
  b.loop(rows, () => {
    b.store(to, 0, b.load(from))
    b.advance(from, bytes(weights.pixelPitch))
    b.advance(to, b.vectorBytes)
  })
  return {
    program: b.finish(),
    grid: [writes.output.pixelPitch / lanes],
    arguments: {
      weights: argument(weights, 0, [lanes]),
      packed: privateArgument(PACKED, 0, [rows * lanes]),
    },
  }
}

/** For each phase of the stride, a convolution of the output's gradient with stride 1. */
export const groupedInputGradientByLanes: GroupedWay<'grouped-conv-input-gradient', LaneCandidate> = {
  fits: () => true,
  candidates: (_step, traits) => candidatesOf(traits),
  build(step, traits, candidate) {
    const { geometry, groups } = step.options
    const { gradient } = step.reads
    const { inputGradient } = step.writes
    const [images, , , channels] = inputGradient.shape
    const summed = gradient.shape[3] / groups
    const prologue: Part[] = []
    const parts: Part[] = []
    let length = 0
    for (const phase of inputGradientPhases(geometry)) {
      const { vertical, horizontal } = phase
      const packedAt = length
      length += vertical.taps.length * horizontal.taps.length * summed * inputGradient.pixelPitch
      const packed = (values: number, steps: readonly number[]) =>
        privateArgument(PACKED, packedAt + values, steps)
      prologue.push(...flipByVector(step, traits, phase, packed))
      const corner = vertical.firstOutput * gradient.rowPitch + horizontal.firstOutput * gradient.pixelPitch
      const first = vertical.first * inputGradient.rowPitch + horizontal.first * inputGradient.pixelPitch
      const conv: LaneConvolution = {
        name: `${step.layer} input gradient`,
        images,
        height: vertical.count,
        width: horizontal.count,
        channels,
        groupChannels: channels / groups,
        kernelHeight: vertical.taps.length,
        kernelWidth: horizontal.taps.length,
        summed,
        input: {
          at: (values, steps) => argument(gradient, corner + values, steps),
          image: gradient.imagePitch,
          row: gradient.rowPitch,
          pixel: gradient.pixelPitch,
          pixelPitch: gradient.pixelPitch,
          tapRow: vertical.dilation * gradient.rowPitch,
          tapPixel: horizontal.dilation * gradient.pixelPitch,
        },
        weights: packed,
        biases: null,
        output: {
          at: (values, steps) => argument(inputGradient, first + values, steps),
          image: inputGradient.imagePitch,
          row: vertical.stride * inputGradient.rowPitch,
          pixel: horizontal.stride * inputGradient.pixelPitch,
        },
        activation: undefined,
      }
      parts.push(...laneParts(traits, conv, candidate))
    }
    return implementation(step, candidate, { name: 'flipped', length, parts: prologue }, parts)
  },
}

/**
 * Packs the weights of a phase as [vector of channels][tap, flipped][filter of the group][lane]; lanes that are not
 * channels get zeros.
 */
function flipByVector(
  step: StepOfKind<'grouped-conv-input-gradient'>,
  { lanes }: TargetTraits,
  { vertical, horizontal }: GradientPhase,
  packed: (values: number, steps: readonly number[]) => Argument,
): Part[] {
  const { gradient, weights } = step.reads
  const { geometry, groups } = step.options
  const channels = step.writes.inputGradient.shape[3]
  const [groupChannels, filters] = [channels / groups, gradient.shape[3] / groups]
  const tap = groupChannels * weights.pixelPitch
  const row = geometry.kernelWidth * tap
  const [rows, columns] = [vertical.taps.length, horizontal.taps.length]
  if (rows * columns === 0) return []
  const [firstRow = 0, secondRow = firstRow] = vertical.taps
  const [firstColumn = 0, secondColumn = firstColumn] = horizontal.taps
  const ofTap = filters * lanes

  return vectorsAlike(lanes, channels, groupChannels).map((vectors): Part => {
    const b = new ProgramBuilder(`flip ${step.layer}`, lanes, ['weights', 'packed'])
    const [from, to] = [b.parameter('weights'), b.parameter('packed')]
    const moves = [
      [from, bytes(1)],
      [to, b.vectorBytes],
    ] as const
    b.walk(filters, moves, () => {
      if (vectors.present < lanes) b.store(to, 0, b.splat(0))
      for (let lane = 0; lane < vectors.present; lane++) {
        const channel = vectors.first * lanes + lane
        const group = Math.floor(channel / groupChannels)
        const at = (channel % groupChannels) * weights.pixelPitch + (group - vectors.firstGroup) * filters
        b.storeLane(to, bytes(lane), b.loadLane(from, bytes(at)))
      }
    })
    return {
      program: b.finish(),
      grid: [rows, columns, vectors.count],
      arguments: {
        weights: argument(weights, firstRow * row + firstColumn * tap + vectors.firstGroup * filters, [
          (secondRow - firstRow) * row,
          (secondColumn - firstColumn) * tap,
          vectors.groupStep * filters,
        ]),
        packed: packed(vectors.first * rows * columns * ofTap, [
          columns * ofTap,
          ofTap,
          vectors.step * rows * columns * ofTap,
        ]),
      },
    }
  })
}
