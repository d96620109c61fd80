import type { Pointer, ProgramBuilder, Vector } from '../codegen/program.ts'
import type { ChannelPoolOptions } from '../layers/channel-pool.ts'
import { orNaN } from './broadcast.ts'
import { bytes, onlyWay, threadArgument } from './kernel.ts'
import { eachVectorOfChannels, firstLane, rowParts, storeGradient } from './rows.ts'

type Combine = (one: Vector, other: Vector) => Vector

/** All lanes combined, in every lane. */
function combinedLanes(b: ProgramBuilder, scratch: Pointer, vector: Vector, combine: Combine): Vector {
  b.store(scratch, 0, vector)
  const all = b.broadcast(scratch, 0)
  for (let lane = 1; lane < b.lanes; lane++) b.assign(all, combine(all, b.broadcast(scratch, bytes(lane))))
  return all
}

/** How a mode goes over a pixel's channels: what it begins with, what it adds to that, and what it makes of all. */
interface Pooling {
  readonly start: number
  /** Padded channels are 0, which changes only a maximum. */
  readonly isMasked: boolean
  add(b: ProgramBuilder, total: Vector, value: Vector, channels: number): void
  finish(b: ProgramBuilder, total: Vector, scratch: Pointer): Vector
}

const largest =
  (b: ProgramBuilder): Combine =>
  (one, other) =>
    orNaN(b, one, other, b.max(one, other))

const poolings: Readonly<Record<ChannelPoolOptions['mode'], Pooling>> = {
  mean: {
    start: 0,
    isMasked: false,
    // Each value's share: the sum of all values may overflow where their mean does not.
    add: (b, total, value, channels) => b.fma(total, value, b.splat(1 / channels)),
    finish: (b, total) => b.unary('horizontalSum', total),
  },
  sum: {
    start: 0,
    isMasked: false,
    add: (b, total, value) => b.assign(total, b.add(total, value)),
    finish: (b, total) => b.unary('horizontalSum', total),
  },
  max: {
    start: -Infinity,
    isMasked: true,
    add: (b, total, value) => b.assign(total, largest(b)(total, value)),
    finish: (b, total, scratch) => combinedLanes(b, scratch, total, largest(b)),
  },
  l2: {
    start: 0,
    isMasked: false,
    add: (b, total, value) => b.fma(total, value, value),
    finish: (b, total) => b.unary('sqrt', b.unary('horizontalSum', total)),
  },
}

export const channelPoolForward = onlyWay<'channel-pool-forward'>(
  ({ layer, reads: { input }, writes: { output }, options: { mode } }, traits) => {
    const { start, isMasked, add, finish } = poolings[mode]
    const write = (b: ProgramBuilder, row: Readonly<Record<string, Pointer>>): void => {
      const [from, to, scratch] = [row.input!, row.output!, row.scratch!]
      const isFirst = firstLane(b)
      const moves = [
        [from, bytes(input.pixelPitch)],
        [to, bytes(output.pixelPitch)],
      ] as const
      b.walk(input.shape[2], moves, () => {
        const total = b.splat(start)
        eachVectorOfChannels(b, input, [from], (offset, isChannel) => {
          const value = b.load(from, offset)
          const own = isMasked && isChannel ? b.select(isChannel(), value, b.splat(start)) : value
          add(b, total, own, input.shape[3])
        })
        const pool = finish(b, total, scratch)
        b.store(to, 0, b.binary('and', pool, isFirst))
      })
    }
    const parts = rowParts(traits, layer, { input, output }, write, { scratch: threadArgument })
    return { threadScratch: traits.lanes, stages: [{ parts }] }
  },
)

export const channelPoolBackward = onlyWay<'channel-pool-backward'>(
  ({ layer, reads, writes: { inputGradient }, options }, traits) => {
    const { inputGradient: _before, ...read } = reads
    const views = { inputGradient, ...read }
    const [, , width, channels] = inputGradient.shape
    const name = `${layer} gradient`
    const write = (b: ProgramBuilder, row: Readonly<Record<string, Pointer>>): void => {
      const to = row.inputGradient!
      const moves = Object.entries(views).map(([key, view]) => [row[key]!, bytes(view.pixelPitch)] as const)
      const store = (offset: number, gradient: Vector, isChannel: (() => Vector) | null) => {
        const masked = isChannel ? b.binary('and', gradient, isChannel()) : gradient
        storeGradient(b, to, offset, masked, options)
      }
      b.walk(width, moves, () => {
        const given = b.broadcast(row.outputGradient!)
        if (options.mode === 'max') {
          const first = firstMaximum(b, row, inputGradient)
          const rank = firstRanks(b)
          eachVectorOfChannels(b, inputGradient, [to], (offset, isChannel) => {
            store(offset, b.binary('and', given, b.binary('equal', rank, first)), isChannel)
            b.assign(rank, b.sub(rank, b.splat(b.lanes)))
          })
        } else if (options.mode === 'l2') {
          const pool = b.broadcast(row.output!)
          const isZero = b.binary('equal', pool, b.splat(0))
          eachVectorOfChannels(b, inputGradient, [row.input!, to], (offset, isChannel) => {
            const gradient = b.mul(given, b.div(b.load(row.input!, offset), pool))
            store(offset, b.binary('andNot', gradient, isZero), isChannel)
          })
        } else {
          const share = options.mode === 'mean' ? b.mul(given, b.splat(1 / channels)) : given
          eachVectorOfChannels(b, inputGradient, [to], (offset, isChannel) => store(offset, share, isChannel))
        }
      })
    }
    const parts = rowParts(traits, name, views, write, { scratch: threadArgument })
    return { threadScratch: traits.lanes, stages: [{ parts }] }
  },
)

/** The ranks of the first vector's channels: 0 of the first channel, -1 of the next, so that the largest is the first. */
const firstRanks = (b: ProgramBuilder): Vector => b.sub(b.splat(0), b.unary('toFloat', b.laneIndexes()))

/** The rank of the first of a pixel's channels that is the maximum or NaN, in every lane. */
function firstMaximum(
  b: ProgramBuilder,
  row: Readonly<Record<string, Pointer>>,
  view: Parameters<typeof eachVectorOfChannels>[1],
): Vector {
  const from = row.input!
  const pool = b.broadcast(row.output!)
  const none = b.splat(-Infinity)
  const first = b.splat(-Infinity)
  const rank = firstRanks(b)
  eachVectorOfChannels(b, view, [from], (offset, isChannel) => {
    const value = b.load(from, offset)
    const isFound = b.binary('or', b.binary('equal', value, pool), b.binary('unordered', value, value))
    const isOwn = isChannel ? b.binary('and', isFound, isChannel()) : isFound
    b.assign(first, b.max(first, b.select(isOwn, rank, none)))
    b.assign(rank, b.sub(rank, b.splat(b.lanes)))
  })
  return combinedLanes(b, row.scratch!, first, b.max)
}
