// Which groups the lanes of a vector of channels belong to, and how each lane reads a value of its own group.
import type { Pointer, ProgramBuilder, Vector } from '../codegen/program.ts'
import { bytes } from './kernel.ts'

/** Vectors whose lanes are divided among groups in the same way: `first`, `first + step` and so on, `count` of them. */
export interface VectorsAlike {
  readonly first: number
  readonly step: number
  readonly count: number
  /** The group of the first vector's first lane, and how many groups further the next of these vectors begins. */
  readonly firstGroup: number
  readonly groupStep: number
  /** The first lane of each group that has lanes, in order. */
  readonly begins: readonly number[]
  /** How many lanes are channels: all, except in the last vector of a tensor. */
  readonly present: number
}

/** The vectors of a tensor whose groups are `groupChannels` wide, by the way their lanes are divided. */
export function vectorsAlike(lanes: number, channels: number, groupChannels: number): VectorsAlike[] {
  const whole = Math.floor(channels / lanes)
  let step = 1
  while ((step * lanes) % groupChannels !== 0) step++
  const groupStep = (step * lanes) / groupChannels
  const alike = (first: number, count: number, present: number): VectorsAlike => {
    const channel = first * lanes
    const firstGroup = Math.floor(channel / groupChannels)
    const begins = [0]
    for (let next = (firstGroup + 1) * groupChannels - channel; next < present; next += groupChannels)
      begins.push(next)
    return { first, step, count, firstGroup, groupStep, begins, present }
  }
  const all = Array.from({ length: Math.min(step, whole) }, (_, first) =>
    alike(first, Math.ceil((whole - first) / step), lanes),
  )
  return channels % lanes === 0 ? all : [...all, alike(whole, 1, channels % lanes)]
}

/** An output pixel of a row and a tap of a kernel row that read the same input. */
export interface Meeting {
  readonly output: number
  readonly tap: number
}

/**
 * The inputs that some outputs side by side read in one row, by their offsets from the first, and for each the outputs and
 * taps that read it, so that it is loaded once for all of them. From one output to the next the offset grows by `pixel`, from
 * one tap to the next by `tapPixel`.
 */
export function meetingsOf(
  outputs: number,
  taps: number,
  pixel: number,
  tapPixel: number,
): ReadonlyMap<number, readonly Meeting[]> {
  const meetings = new Map<number, Meeting[]>()
  for (let output = 0; output < outputs; output++) {
    for (let tap = 0; tap < taps; tap++) {
      const offset = output * pixel + tap * tapPixel
      meetings.set(offset, [...(meetings.get(offset) ?? []), { output, tap }])
    }
  }
  return meetings
}

/**
 * Reads a vector whose every lane has a value of the lane's own group: that of `channel`, counted within the group from
 * the pointer on.
 */
export interface GroupLoad {
  /**
   * True: `channel` may be any number, but is a constant of the program. False: it is 0, and pointer and offset are at
   * the channel.
   */
  readonly byNumber: boolean
  (at: Pointer, offset: number, channel: number): Vector
}

/**
 * How these vectors read values of groups of `groupPitch` channels. The pointer is at a pixel's first channel of the first
 * lane's group, and pixels are `pixelPitch` values apart. The lanes come from a permutation of a vector of channels, or from
 * broadcasts that masks combine, so no group ever computes with another group's values.
 */
export function groupLoadIn(
  b: ProgramBuilder,
  vectors: VectorsAlike,
  groupPitch: number,
  pixelPitch: number,
): GroupLoad {
  const { begins } = vectors
  if (begins.length === 1) return loadOf(false, (at, offset) => b.broadcast(at, offset))
  // A permutation reads a whole vector of channels, and the pixels of images are not padded to whole vectors.
  const before = pixelPitch % b.lanes === 0 ? channelsBefore(b.lanes, vectors, groupPitch) : null
  if (before !== null) {
    return loadOf(true, (at, offset, channel) => {
      const lanes = Array.from({ length: b.lanes }, (_, lane) => {
        const group = begins.findLastIndex((begin) => begin <= lane)
        return before + group * groupPitch + channel
      })
      return b.permute(b.load(at, offset - bytes(before)), lanes)
    })
  }
  const lane = b.unary('toFloat', b.laneIndexes())
  return loadOf(false, (at, offset) => {
    const last = begins.length - 1
    let value = b.broadcast(at, offset + bytes(last * groupPitch))
    for (let group = last - 1; group >= 0; group--) {
      const isBefore = b.binary('lessThan', lane, b.splat(begins[group + 1]!))
      value = b.select(isBefore, b.broadcast(at, offset + bytes(group * groupPitch)), value)
    }
    return value
  })
}

const loadOf = (
  byNumber: boolean,
  load: (at: Pointer, offset: number, channel: number) => Vector,
): GroupLoad => Object.assign(load, { byNumber })

/**
 * How many channels come before the first group in the vector that is read, if all channels of the groups are in one
 * vector of the tensor, and in the same lanes for all of `vectors`. Otherwise null.
 */
function channelsBefore(
  lanes: number,
  { firstGroup, groupStep, count, begins }: VectorsAlike,
  groupPitch: number,
): number | null {
  const before = (firstGroup * groupPitch) % lanes
  const isAlike = count === 1 || (groupStep * groupPitch) % lanes === 0
  return isAlike && before + begins.length * groupPitch <= lanes ? before : null
}

/** Clears the lanes that are not channels: an infinite value times a weight of zero would leave NaN there. */
export function onlyChannels(b: ProgramBuilder, { present }: VectorsAlike): (value: Vector) => Vector {
  if (present === b.lanes) return (value) => value
  return (value) =>
    b.binary('and', value, b.binary('lessThan', b.unary('toFloat', b.laneIndexes()), b.splat(present)))
}
