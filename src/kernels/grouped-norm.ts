// Normalization of groups of an image's channels over all of its pixels: what group and instance normalization share.
import { type Pointer, ProgramBuilder, type Vector } from '../codegen/program.ts'
import type { View } from '../plan/views.ts'
import { type ChannelSums, channelSumsBuffer, combineStage, pieceStage } from './channel-sums.ts'
import {
  argument,
  bytes,
  type Implementation,
  type Part,
  type PrivateBuffer,
  privateArgument,
  type Stage,
  type TargetTraits,
} from './kernel.ts'
import { finiteVariance, momentsOfPiece, momentsOfPieces } from './moments.ts'
import { eachVectorOfRowPixels, rowParts, storeGradient } from './rows.ts'

const PARTIAL = 0
/** For each image: the mean of each channel's group, and then 1 / sqrt(variance + epsilon) of each channel's group. */
const MOMENTS = 1
/** For each image: the sum of each channel's gradient, and then of each channel's gradient times the normalized input. */
const SUMS = 2

type Built = Pick<Implementation, 'privateBuffers' | 'stages'>

interface Normalized {
  readonly layer: string
  readonly groups: number
  readonly epsilon: number
}

const ofImages = (name: string, view: View): PrivateBuffer => ({
  name,
  length: view.shape[0] * 2 * view.pixelPitch,
  lifetime: 'step',
})

/** Points to an image's values by channel in one of these two buffers: the first (`value` 0) or the second (1). */
const byImage = (index: number, view: View, value = 0) =>
  privateArgument(index, value * view.pixelPitch, [2 * view.pixelPitch, 0])

/**
 * Tasks, one for each image, that go through its groups of channels. For each group `write` gets a pointer to the group's
 * first channel in each of `given`, and a loop over the group's channels.
 */
function groupStage(
  name: string,
  traits: TargetTraits,
  { groups }: Normalized,
  images: View,
  given: Part['arguments'],
  write: (
    b: ProgramBuilder,
    at: Readonly<Record<string, Pointer>>,
    eachChannel: (visit: () => void) => void,
  ) => void,
): Stage {
  const names = Object.keys(given)
  const b = new ProgramBuilder(name, traits.lanes, names)
  const at = Object.fromEntries(names.map((each) => [each, b.parameter(each)]))
  const perGroup = images.shape[3] / groups
  const channels = names.map((each) => [at[each]!, bytes(1)] as const)
  b.loop(groups, () => {
    write(b, at, (visit) => b.walk(perGroup, channels, visit))
    for (const each of names) b.advance(at[each]!, bytes(perGroup))
  })
  return { parts: [{ program: b.finish(), grid: [images.shape[0], 1], arguments: given }] }
}

/** The mean and factor of each image's groups: first of each channel alone, then of a group's channels together. */
function momentStages(traits: TargetTraits, normalized: Normalized, input: View): Built {
  const { layer, groups, epsilon } = normalized
  const [images, height, width, channels] = input.shape
  const sums: ChannelSums = {
    name: `${layer} moments`,
    views: { input },
    channels: {},
    perChannel: 2,
    privateBuffer: PARTIAL,
  }
  const factor = bytes(input.pixelPitch)
  const moments = byImage(MOMENTS, input)
  const combined = combineStage(
    traits,
    sums,
    { moments },
    (b, pieces, pointers) => {
      const { mean, variance } = momentsOfPieces(b, pieces, height * width)
      b.store(pointers.moments!, 0, mean)
      b.store(pointers.moments!, factor, variance)
    },
    images,
  )
  const together = groupStage(
    `${layer} groups`,
    traits,
    normalized,
    input,
    { moments },
    (b, at, eachChannel) => {
      const share = b.splat(groups / channels)
      const from = b.broadcast(at.moments!)
      const [mean, variance] = [b.splat(0), b.splat(0)]
      eachChannel(() => b.fma(mean, b.sub(b.broadcast(at.moments!), from), share))
      b.assign(mean, b.add(mean, from))
      eachChannel(() => {
        const distance = b.sub(b.broadcast(at.moments!), mean)
        b.fma(variance, b.mul(distance, distance), share)
        b.fma(variance, b.broadcast(at.moments!, factor), share)
      })
      const deviation = b.sqrt(b.add(finiteVariance(b, variance), b.splat(epsilon)))
      const made = b.div(b.splat(1), deviation)
      eachChannel(() => {
        b.storeLane(at.moments!, 0, mean)
        b.storeLane(at.moments!, factor, made)
      })
    },
  )
  return {
    privateBuffers: [channelSumsBuffer(sums), ofImages(`${layer}/moments`, input)],
    stages: [pieceStage(traits, sums, momentsOfPiece), combined, together],
  }
}

/** (x - mean) * factor of one vector of channels. */
const normalizedAt = (
  b: ProgramBuilder,
  view: View,
  from: Pointer,
  moments: Pointer,
  offset: number,
): Vector =>
  b.mul(
    b.sub(b.load(from, offset), b.load(moments, offset)),
    b.load(moments, bytes(view.pixelPitch) + offset),
  )

interface Forward {
  readonly reads: Readonly<Record<'input' | 'scale' | 'shift', View>>
  readonly writes: { readonly output: View }
}

export function groupedForward(
  traits: TargetTraits,
  normalized: Normalized,
  { reads, writes }: Forward,
): Built {
  const { input, scale, shift } = reads
  const moments = momentStages(traits, normalized, input)
  const views = { input, output: writes.output }
  const fixed = {
    moments: byImage(MOMENTS, input),
    scale: argument(scale, 0, []),
    shift: argument(shift, 0, []),
  }
  // In padded channels scale and shift are 0, and so are the outputs.
  const write = (b: ProgramBuilder, row: Readonly<Record<string, Pointer>>): void =>
    eachVectorOfRowPixels(b, views, row, Object.keys(fixed), (offset) => {
      const sum = b.load(row.shift!, offset)
      b.fma(sum, normalizedAt(b, input, row.input!, row.moments!, offset), b.load(row.scale!, offset))
      b.store(row.output!, offset, sum)
    })
  const rows = { parts: rowParts(traits, normalized.layer, views, write, fixed) }
  return { ...moments, stages: [...moments.stages, rows] }
}

type Given = Readonly<Record<'input' | 'outputGradient', View>>

/** The stages that compute the moments, and the sums over each image of the gradient and of gradient times normalized input. */
function sumStages(traits: TargetTraits, normalized: Normalized, { input, outputGradient }: Given): Built {
  const moments = momentStages(traits, normalized, input)
  const sums: ChannelSums = {
    name: `${normalized.layer} sums`,
    views: { input, outputGradient },
    channels: { mean: byImage(MOMENTS, input) },
    perChannel: 2,
    privateBuffer: PARTIAL,
  }
  const pieces = pieceStage(traits, sums, (b, block) => {
    const means = block.of('mean')
    const zeros = () => Array.from({ length: block.vectors }, () => b.splat(0))
    const [gradients, products] = [zeros(), zeros()]
    block.eachPixel((v, load) => {
      const gradient = load('outputGradient')
      b.assign(gradients[v]!, b.add(gradients[v]!, gradient))
      b.fma(products[v]!, gradient, b.sub(load('input'), means[v]!))
    })
    return [gradients, products]
  })
  const made = { sums: byImage(SUMS, input), factor: byImage(MOMENTS, input, 1) }
  const combined = combineStage(
    traits,
    sums,
    made,
    (b, { eachPiece }, pointers) => {
      const [gradient, product] = [b.splat(0), b.splat(0)]
      eachPiece((load) => {
        b.assign(gradient, b.add(gradient, load(0)))
        b.assign(product, b.add(product, load(1)))
      })
      b.store(pointers.sums!, 0, gradient)
      b.store(pointers.sums!, bytes(input.pixelPitch), b.mul(product, b.load(pointers.factor!)))
    },
    input.shape[0],
  )
  return {
    privateBuffers: [...moments.privateBuffers, ofImages(`${normalized.layer}/sums`, input)],
    stages: [...moments.stages, pieces, combined],
  }
}

interface ParametersGradient {
  readonly reads: Given
  readonly writes: Readonly<Record<'scaleGradient' | 'shiftGradient', View>>
}

/** The gradients of scale and shift: the sums of each image, added up in order. */
export function groupedParametersGradient(
  traits: TargetTraits,
  normalized: Normalized,
  { reads, writes }: ParametersGradient,
): Built {
  const { input } = reads
  const sums = sumStages(traits, normalized, reads)
  const b = new ProgramBuilder(`${normalized.layer} parameters gradient`, traits.lanes, [
    'sums',
    'scale',
    'shift',
  ])
  const [at, scale, shift] = [b.parameter('sums'), b.parameter('scale'), b.parameter('shift')]
  const second = bytes(input.pixelPitch)
  b.loop(input.pixelPitch / b.lanes, () => {
    const [gradient, product] = [b.splat(0), b.splat(0)]
    b.walk(input.shape[0], [[at, 2 * second]], () => {
      b.assign(gradient, b.add(gradient, b.load(at)))
      b.assign(product, b.add(product, b.load(at, second)))
    })
    b.store(shift, 0, gradient)
    b.store(scale, 0, product)
    for (const pointer of [at, scale, shift]) b.advance(pointer, b.vectorBytes)
  })
  const part: Part = {
    program: b.finish(),
    grid: [1],
    arguments: {
      sums: privateArgument(SUMS, 0, []),
      scale: argument(writes.scaleGradient, 0, []),
      shift: argument(writes.shiftGradient, 0, []),
    },
  }
  return { ...sums, stages: [...sums.stages, { parts: [part] }] }
}

interface InputGradient {
  readonly reads: Given & { readonly scale: View }
  readonly writes: { readonly inputGradient: View }
  readonly options: { readonly adds: boolean }
}

/**
 * factor * (h - mean of h - normalized * mean of (h * normalized)), where h is scale * the output's gradient, and means
 * are over the group.
 */
export function groupedInputGradient(
  traits: TargetTraits,
  normalized: Normalized,
  { reads, writes, options }: InputGradient,
): Built {
  const { input, outputGradient, scale } = reads
  const [, height, width, channels] = input.shape
  const sums = sumStages(traits, normalized, reads)
  const second = bytes(input.pixelPitch)
  const scales = argument(scale, 0, [])
  const given = { sums: byImage(SUMS, input), scale: scales }
  const name = `${normalized.layer} gradient`
  const means = groupStage(`${name} groups`, traits, normalized, input, given, (b, at, eachChannel) => {
    const share = b.splat(normalized.groups / (channels * height * width))
    const [gradient, product] = [b.splat(0), b.splat(0)]
    eachChannel(() => {
      const own = b.mul(b.broadcast(at.scale!), share)
      b.fma(gradient, b.broadcast(at.sums!), own)
      b.fma(product, b.broadcast(at.sums!, second), own)
    })
    eachChannel(() => {
      b.storeLane(at.sums!, 0, gradient)
      b.storeLane(at.sums!, second, product)
    })
  })
  const views = { input, outputGradient, inputGradient: writes.inputGradient }
  const fixed = { moments: byImage(MOMENTS, input), sums: byImage(SUMS, input), scale: scales }
  const write = (b: ProgramBuilder, row: Readonly<Record<string, Pointer>>): void =>
    eachVectorOfRowPixels(b, views, row, Object.keys(fixed), (offset) => {
      const gradient = b.mul(b.load(row.outputGradient!, offset), b.load(row.scale!, offset))
      const along = b.mul(
        normalizedAt(b, input, row.input!, row.moments!, offset),
        b.load(row.sums!, second + offset),
      )
      const centred = b.sub(b.sub(gradient, b.load(row.sums!, offset)), along)
      const made = b.mul(centred, b.load(row.moments!, second + offset))
      storeGradient(b, row.inputGradient!, offset, made, options)
    })
  const rows = { parts: rowParts(traits, name, views, write, fixed) }
  return { ...sums, stages: [...sums.stages, means, rows] }
}
