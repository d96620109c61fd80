import { type Pointer, ProgramBuilder, type Vector } from '../codegen/program.ts'
import { type DropoutOptions, dropoutDecision } from '../layers/dropout.ts'
import type { View } from '../plan/views.ts'
import { MIX_FACTORS } from '../random.ts'
import {
  argument,
  bytes,
  type Implementation,
  onlyWay,
  type Part,
  privateArgument,
  type TargetTraits,
} from './kernel.ts'
import { eachVector } from './rows.ts'

const FIRST_INDEXES = 0
const TURN = 1

export const dropoutForward = onlyWay<'dropout-forward'>(({ layer, reads, writes, options }, traits) =>
  drop(traits, layer, options, reads.input, writes.output, reads.turn),
)

/** Drops the same values as forward: what is kept depends only on the values' indexes. */
export const dropoutBackward = onlyWay<'dropout-backward'>(({ layer, reads, writes, options }, traits) =>
  drop(traits, layer, options, reads.outputGradient, writes.inputGradient, reads.turn),
)

/**
 * A task is an image. It knows only addresses, but what is dropped depends on the values' indexes in the batch. So the
 * first stage writes each image's first index, and what the number of the run changes in the key.
 */
function drop(
  traits: TargetTraits,
  layer: string,
  options: DropoutOptions,
  from: View,
  to: View,
  turn: View | undefined,
): Pick<Implementation, 'privateBuffers' | 'stages'> {
  const images = from.shape[0]
  const image: Part = {
    program: imageProgram(traits, layer, options, from, to),
    grid: [images],
    arguments: {
      from: argument(from, 0, [from.imagePitch]),
      to: argument(to, 0, [to.imagePitch]),
      first: privateArgument(FIRST_INDEXES, 0, [1]),
      turn: privateArgument(TURN, 0, []),
    },
  }
  return {
    privateBuffers: [
      { name: `${layer}/first indexes`, length: images, lifetime: 'step' },
      { name: `${layer}/turn`, length: 1, lifetime: 'step' },
    ],
    stages: [
      { parts: [firstIndexes(traits, layer, from), turnBits(traits, layer, turn)] },
      { parts: [image] },
    ],
  }
}

function firstIndexes(traits: TargetTraits, layer: string, { shape }: View): Part {
  const [images, height, width, channels] = shape
  const b = new ProgramBuilder(`${layer} first indexes`, traits.lanes, ['first'])
  const first = b.parameter('first')
  const index = b.splatInt(0)
  const values = b.splatInt(height * width * channels)
  b.walk(images, [[first, bytes(1)]], () => {
    b.storeLane(first, 0, index)
    b.assign(index, b.binary('addInt', index, values))
  })
  return { program: b.finish(), grid: [1], arguments: { first: privateArgument(FIRST_INDEXES, 0, []) } }
}

/** What the key's upper word is XORed with; see keyOfTurn. */
function turnBits(traits: TargetTraits, layer: string, turn: View | undefined): Part {
  const b = new ProgramBuilder(`${layer} turn`, traits.lanes, turn ? ['bits', 'turn'] : ['bits'])
  const number = turn ? b.unary('toInt', b.loadLane(b.parameter('turn'))) : b.splatInt(0)
  b.storeLane(b.parameter('bits'), 0, mix(b, number))
  return {
    program: b.finish(),
    grid: [1],
    arguments: { bits: privateArgument(TURN, 0, []), ...(turn && { turn: argument(turn, 0, []) }) },
  }
}

function imageProgram(traits: TargetTraits, layer: string, options: DropoutOptions, from: View, to: View) {
  const [, height, width, channels] = from.shape
  const b = new ProgramBuilder(layer, traits.lanes, ['from', 'to', 'first', 'turn'])
  const pointers = [b.parameter('from'), b.parameter('to')] as [Pointer, Pointer]
  const { key, threshold, scale } = dropoutDecision(layer, options)
  const high = b.binary('xor', b.broadcast(b.parameter('turn')), b.splatInt(key.high))
  const least = b.splat(threshold)
  const factor = b.splat(scale)
  const index = b.binary('addInt', b.broadcast(b.parameter('first')), b.laneIndexes())
  const move = (values: number): void => b.assign(index, b.binary('addInt', index, b.splatInt(values)))

  /** Handles `count` consecutive values; the padded channels after them contain zeros, dropped or not. */
  const values = (count: number): void => {
    eachVector(b, Math.ceil(count / b.lanes), pointers, (offset) => {
      const decided = b.unary('toFloat', b.shift('shiftRight', hash(b, key.low, high, index), 8))
      const scaled = b.mul(b.load(pointers[0], offset), factor)
      b.store(pointers[1], offset, b.binary('andNot', scaled, b.binary('lessThan', decided, least)))
      move(b.lanes)
    })
    if (count % b.lanes > 0) move(count - Math.ceil(count / b.lanes) * b.lanes)
  }
  const rows = pointers.map((pointer, i) => [pointer, bytes([from, to][i]!.rowPitch)] as const)
  const pixels = pointers.map((pointer) => [pointer, bytes(from.pixelPitch)] as const)
  b.walk(height, rows, () => {
    if (from.pixelPitch === channels) values(width * channels)
    else b.walk(width, pixels, () => values(channels))
  })
  return b.finish()
}

/** `hashAt` of random.ts, for vectors of integers. */
function hash(b: ProgramBuilder, low: number, high: Vector, index: Vector): Vector {
  return mix(b, b.binary('xor', mix(b, b.binary('xor', index, b.splatInt(low))), high))
}

function mix(b: ProgramBuilder, bits: Vector): Vector {
  const fold = (value: Vector, by: number) => b.binary('xor', value, b.shift('shiftRight', value, by))
  const once = b.binary('mulInt', fold(bits, 16), b.splatInt(MIX_FACTORS[0]))
  return fold(b.binary('mulInt', fold(once, 13), b.splatInt(MIX_FACTORS[1])), 16)
}
