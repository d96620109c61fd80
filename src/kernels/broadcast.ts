// What the kernels of add, subtract, multiply, divide, maximum and minimum share: inputs that are smaller than the output are
// broadcast over each image, and their gradients are summed over it.
import type { Pointer, ProgramBuilder, Vector } from '../codegen/program.ts'
import { MOST_INPUTS } from '../layers/broadcast.ts'
import { type Activation, type BroadcastKind, type Spread, spreadOf } from '../layers/index.ts'
import { inputKey, type StepOfKind } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'
import { activationIn, changesZero } from './activation.ts'
import { type ChannelSums, channelSumsBuffer, imageStage, pieceStage, sumByRows } from './channel-sums.ts'
import {
  type Argument,
  argument,
  bytes,
  type KernelRule,
  onlyWay,
  type Part,
  type TargetTraits,
} from './kernel.ts'
import {
  eachVectorOfChannels,
  eachVectorOfPixels,
  eachVectorOfRow,
  eachVectorOfRowPixels,
  firstLane,
  rowParts,
  storeGradient,
} from './rows.ts'

type Views = Readonly<Record<string, View>>

/** Tensors by how they are spread over the output: see `Spread`. */
type Operands = Readonly<Record<Spread, Views>>

function operandsOf(views: Views, output: View): Operands {
  const of = (spread: Spread): Views =>
    Object.fromEntries(
      Object.entries(views).filter(([, { shape }]) => spreadOf(shape, output.shape) === spread),
    )
  return { whole: of('whole'), pixel: of('pixel'), channel: of('channel'), value: of('value') }
}

const anyOf = (views: Views): boolean => Object.keys(views).length > 0

/**
 * Whether padded channels must be masked: a tensor of one value or one channel reaches them too, and 0 plus it, or 0
 * times infinity, is not 0.
 */
const meetsValues = ({ channel, value }: Operands): boolean => anyOf(channel) || anyOf(value)

/** Arguments for tensors that every task of an image reads from the image's first value on. */
const byImage = (views: Views): Readonly<Record<string, Argument>> =>
  Object.fromEntries(
    Object.entries(views).map(([name, view]) => [name, argument(view, 0, [view.imagePitch, 0])]),
  )

/** Reads an operand, by its name, for the vector at `offset` of the output. */
const loadsOf =
  (b: ProgramBuilder, row: Readonly<Record<string, Pointer>>, { channel, value }: Operands, offset: number) =>
  (name: string): Vector =>
    name in value || name in channel ? b.broadcast(row[name]!) : b.load(row[name]!, offset)

/**
 * The tasks of a step that writes `to` from the operands. `write` begins a row's program and returns what it does for each
 * vector, given a function that reads the operands and, if `isMasked`, the mask of the vector's real channels.
 */
function broadcastParts(
  traits: TargetTraits,
  name: string,
  to: Views,
  operands: Operands,
  isMasked: boolean,
  write: (
    b: ProgramBuilder,
    row: Readonly<Record<string, Pointer>>,
  ) => (load: (name: string) => Vector, offset: number, isChannel: Vector | null) => void,
): Part[] {
  const views = { ...to, ...operands.whole }
  const output = Object.values(to)[0]!
  return rowParts(
    traits,
    name,
    { ...views, ...operands.channel },
    (b, row) => {
      const each = write(b, row)
      const loads = (offset: number) => loadsOf(b, row, operands, offset)
      if (anyOf(operands.pixel) || anyOf(operands.channel)) {
        eachVectorOfRowPixels(
          b,
          views,
          row,
          Object.keys(operands.pixel),
          (offset, isChannel) => each(loads(offset), offset, isMasked && isChannel ? isChannel() : null),
          operands.channel,
        )
        return
      }
      const pointers = Object.keys(views).map((name) => row[name]!)
      if (isMasked)
        eachVectorOfPixels(b, output, pointers, (offset, isChannel) => each(loads(offset), offset, isChannel))
      else eachVectorOfRow(b, output, pointers, (offset) => each(loads(offset), offset, null))
    },
    { ...byImage(operands.pixel), ...byImage(operands.value) },
  )
}

/** How many tensors are combined in one pass: a target has few registers for pointers. */
const INPUTS_AT_ONCE = 6

type Combine = (one: Vector, other: Vector) => Vector

/** Whether zeros, of which padded channels consist, are combined to zero. Otherwise they are masked. */
interface Zeros {
  readonly keepsZeros: boolean
}

/** Combines all inputs and applies the activation: in one pass, or in several if there are more than INPUTS_AT_ONCE. */
export const broadcastForward = <Kind extends `${BroadcastKind}-forward`>(
  combineIn: (b: ProgramBuilder) => Combine,
  { keepsZeros }: Zeros = { keepsZeros: true },
): KernelRule<Kind> =>
  onlyWay<Kind>((given, traits) => {
    const step = given as StepOfKind<`${BroadcastKind}-forward`>
    const { output } = step.writes
    const inputs = Object.entries<View>(step.reads)
    const stages = []
    for (let first = 0; first < inputs.length; first += INPUTS_AT_ONCE) {
      const some = inputs.slice(first, first + INPUTS_AT_ONCE)
      const isLast = first + some.length === inputs.length
      const activation: Activation | undefined = isLast ? step.options.activation : undefined
      const operands = operandsOf(Object.fromEntries(some), output)
      const isMasked =
        !keepsZeros || meetsValues(operands) || (activation !== undefined && changesZero(activation))
      // A later stage goes on from what the stages before it wrote.
      const names = [...(first > 0 ? ['output'] : []), ...some.map(([name]) => name)]
      const parts = broadcastParts(traits, step.layer, { output }, operands, isMasked, (b, row) => {
        const activate = activationIn(b, activation)
        const combine = combineIn(b)
        return (load, offset, isChannel) => {
          const [one, ...others] = names.map(load)
          const made = others.reduce(combine, one!)
          const masked = isChannel === null ? made : b.binary('and', made, isChannel)
          b.store(row.output!, offset, activate(masked, isChannel))
        }
      })
      stages.push({ parts })
    }
    return { stages }
  })

const PARTIAL = 0

/**
 * What an input's gradient is computed from: vectors of the output's gradient and, by their places, of the inputs that
 * the step reads.
 */
interface Operand {
  readonly index: number
  /** The inputs that the step reads. */
  readonly factors: readonly number[]
  readonly given: Vector
  input(index: number): Vector
}

/** The gradient of an input, by `gradientOf`, summed over what was broadcast. */
export const broadcastInputGradient = <Kind extends `${BroadcastKind}-input-gradient`>(
  gradientOf: (b: ProgramBuilder, operand: Operand) => Vector,
  { keepsZeros }: Zeros = { keepsZeros: true },
): KernelRule<Kind> =>
  onlyWay<Kind>((given, traits) => {
    const step = given as StepOfKind<`${BroadcastKind}-input-gradient`>
    const { outputGradient, inputGradient: _before, ...factors } = step.reads as Views
    const { inputGradient } = step.writes
    const { index } = step.options
    const name = `${step.layer} gradient of input ${index}`
    const operands = operandsOf({ outputGradient: outputGradient!, ...factors }, outputGradient!)
    const read = Array.from({ length: MOST_INPUTS }, (_, i) => i).filter((i) => inputKey(i) in factors)
    const made = (b: ProgramBuilder, load: (name: string) => Vector): Vector =>
      gradientOf(b, {
        index,
        factors: read,
        given: load('outputGradient'),
        input: (i) => load(inputKey(i)),
      })
    const spread = spreadOf(inputGradient.shape, outputGradient!.shape)
    if (spread === 'whole') {
      const isMasked = !keepsZeros || meetsValues(operands)
      const parts = broadcastParts(traits, name, { inputGradient }, operands, isMasked, (b, row) => {
        return (load, offset, isChannel) => {
          const gradient = made(b, load)
          const masked = isChannel === null ? gradient : b.binary('and', gradient, isChannel)
          storeGradient(b, row.inputGradient!, offset, masked, step.options)
        }
      })
      return { stages: [{ parts }] }
    }

    if (spread === 'channel') {
      const isMasked = !keepsZeros || meetsValues(operands)
      return { stages: [{ parts: channelGradientParts(traits, name, step, operands, isMasked, made) }] }
    }

    const sums: ChannelSums = {
      name,
      views: operands.whole,
      ofPixels: operands.channel,
      channels: byImage(operands.pixel),
      values: byImage(operands.value),
      perChannel: 1,
      privateBuffer: PARTIAL,
    }
    const pieces = pieceStage(traits, sums, (b, block) =>
      sumByRows(b, block, sums, ([row], load) => b.assign(row!, b.add(row!, made(b, load)))),
    )
    const combined = imageStage(traits, sums, { inputGradient }, (b, eachVector, { inputGradient: to }) => {
      if (spread === 'pixel') {
        eachVector((total, offset) => storeGradient(b, to!, offset, total, step.options))
        return
      }
      const all = b.splat(0)
      eachVector((total) => b.assign(all, b.add(all, total)))
      const sum = b.binary('and', b.unary('horizontalSum', all), firstLane(b))
      storeGradient(b, to!, 0, sum, step.options)
    })
    return { privateBuffers: [channelSumsBuffer(sums)], stages: [pieces, combined] }
  })

/** The tasks of the gradient of an input of one channel: at each pixel, the sum over the output's channels. */
function channelGradientParts(
  traits: TargetTraits,
  name: string,
  { writes: { inputGradient }, options }: StepOfKind<`${BroadcastKind}-input-gradient`>,
  operands: Operands,
  isMasked: boolean,
  made: (b: ProgramBuilder, load: (name: string) => Vector) => Vector,
): Part[] {
  const moved = { ...operands.whole, inputGradient, ...operands.channel }
  const output = operands.whole.outputGradient!
  return rowParts(
    traits,
    name,
    moved,
    (b, row) => {
      const isFirst = firstLane(b)
      const pixels = Object.entries(moved).map(([key, view]) => [row[key]!, bytes(view.pixelPitch)] as const)
      const ofChannels = [...Object.keys(operands.whole), ...Object.keys(operands.pixel)]
      const pointers = ofChannels.map((key) => row[key]!)
      b.walk(output.shape[2], pixels, () => {
        const sum = b.splat(0)
        eachVectorOfChannels(b, output, pointers, (offset, isChannel) => {
          const gradient = made(b, loadsOf(b, row, operands, offset))
          const masked = isMasked && isChannel ? b.binary('and', gradient, isChannel()) : gradient
          b.assign(sum, b.add(sum, masked))
        })
        const total = b.binary('and', b.unary('horizontalSum', sum), isFirst)
        storeGradient(b, row.inputGradient!, 0, total, options)
      })
    },
    { ...byImage(operands.pixel), ...byImage(operands.value) },
  )
}

/**
 * The gradient of an input of a maximum or minimum: the output's where the input is the first that has the extreme.
 * `isBefore` is a mask of where one value is nearer to the extreme than another.
 */
export const gradientOfExtreme =
  (isBefore: (b: ProgramBuilder, one: Vector, other: Vector) => Vector) =>
  (b: ProgramBuilder, { index, factors, given, input }: Operand): Vector => {
    const own = input(index)
    let rest = given
    for (const i of factors) {
      if (i < index) rest = b.binary('and', rest, isBefore(b, own, input(i)))
      if (i > index) rest = b.binary('andNot', rest, isBefore(b, input(i), own))
    }
    return rest
  }

/** NaN, by all bits, where one of two values is NaN; otherwise what is `made` of them. */
export const orNaN = (b: ProgramBuilder, one: Vector, other: Vector, made: Vector): Vector =>
  b.binary('or', made, b.binary('unordered', one, other))
