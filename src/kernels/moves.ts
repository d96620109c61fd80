// Moves or adds a tensor's values to other places of another tensor: what the layers share that only move values.
import { type Pointer, ProgramBuilder } from '../codegen/program.ts'
import type { View } from '../plan/views.ts'
import { argument, bytes, evenSplit, type Part, runsOf, type TargetTraits } from './kernel.ts'
import { eachVector, linesPerTask, rowParts, storeGradient } from './rows.ts'

/** Places in an image, in values: the first, counted from the image's first pixel, and the step of each of the move's loops. */
interface Places {
  readonly first: number
  readonly steps: readonly number[]
}

/** A move by nested loops, the outermost first: how many rounds each has, and what their steps are on both sides. */
export interface Move {
  readonly counts: readonly number[]
  readonly from: Places
  readonly to: Places
}

/** The same move in the other direction, as backward moves gradients. */
export const reversed = ({ counts, from, to }: Move): Move => ({ counts, from: to, to: from })

/**
 * The tasks of some moves, of which no two may write to the same value. Padded channels that the moves don't write are left
 * to `paddingParts`.
 */
export function moveParts(
  traits: TargetTraits,
  name: string,
  { from, to }: { readonly from: View; readonly to: View },
  moves: readonly Move[],
  adding: { readonly adds: boolean },
): Part[] {
  return moves.map(joined).flatMap((move) => {
    const values = move.counts.slice(1).reduce((product, count) => product * count, 1)
    const perTask = linesPerTask(to.shape[0], move.counts[0]!, values)
    return runsOf(evenSplit(move.counts[0]!, perTask)).map((run): Part => {
      const b = new ProgramBuilder(name, traits.lanes, ['from', 'to'])
      const own = { ...move, counts: [run.size, ...move.counts.slice(1)] }
      writeMove(b, own, b.parameter('from'), b.parameter('to'), adding)
      const place = (view: View, { first, steps }: Places) =>
        argument(view, first + run.first * steps[0]!, [view.imagePitch, run.size * steps[0]!])
      return {
        program: b.finish(),
        grid: [to.shape[0], run.count],
        arguments: { from: place(from, move.from), to: place(to, move.to) },
      }
    })
  })
}

/** Writes a move's loops. The pointers must be at the move's first places, and are there again afterwards. */
export function writeMove(
  b: ProgramBuilder,
  { counts, from, to }: Move,
  atFrom: Pointer,
  atTo: Pointer,
  adding: { readonly adds: boolean },
): void {
  const innermost = counts.length - 1
  const loop = (depth: number): void => {
    const [fromStep, toStep] = [from.steps[depth]!, to.steps[depth]!]
    if (depth < innermost) {
      const steps = [
        [atFrom, bytes(fromStep)],
        [atTo, bytes(toStep)],
      ] as const
      b.walk(counts[depth]!, steps, () => loop(depth + 1))
    } else if (fromStep === 1 && toStep === 1) moveRun(b, atFrom, atTo, counts[depth]!, adding)
    else moveScattered(b, [atFrom, fromStep], [atTo, toStep], counts[depth]!, adding)
  }
  loop(0)
}

/** Moves consecutive values by vectors, and the rest one by one, since what follows them belongs to others. */
function moveRun(
  b: ProgramBuilder,
  from: Pointer,
  to: Pointer,
  count: number,
  adding: { readonly adds: boolean },
): void {
  const whole = Math.floor(count / b.lanes)
  eachVector(b, whole, [from, to], (offset) => storeGradient(b, to, offset, b.load(from, offset), adding))
  for (let i = whole * b.lanes; i < count; i++) moveValue(b, from, to, bytes(i), bytes(i), adding)
}

/** The program is written out for this many values; more become a loop. */
const UNROLLED_VALUES = 8

function moveScattered(
  b: ProgramBuilder,
  [from, fromStep]: readonly [Pointer, number],
  [to, toStep]: readonly [Pointer, number],
  count: number,
  adding: { readonly adds: boolean },
): void {
  const values = (those: number): void => {
    for (let i = 0; i < those; i++) moveValue(b, from, to, bytes(i * fromStep), bytes(i * toStep), adding)
  }
  const advance = (by: number): void => {
    b.advance(from, bytes(by * fromStep))
    b.advance(to, bytes(by * toStep))
  }
  const rounds = Math.floor(count / UNROLLED_VALUES)
  b.loop(rounds, () => {
    values(UNROLLED_VALUES)
    advance(UNROLLED_VALUES)
  })
  values(count % UNROLLED_VALUES)
  advance(-rounds * UNROLLED_VALUES)
}

function moveValue(
  b: ProgramBuilder,
  from: Pointer,
  to: Pointer,
  fromOffset: number,
  toOffset: number,
  { adds }: { readonly adds: boolean },
): void {
  const value = b.loadLane(from, fromOffset)
  b.storeLane(to, toOffset, adds ? b.add(b.loadLane(to, toOffset), value) : value)
}

/** The same move with as few loops as possible: loops of one round are left out, and loops over contiguous places are joined. */
function joined({ counts, from, to }: Move): Move {
  const kept = counts.map((_, i) => i).filter((i) => counts[i]! > 1 || i === counts.length - 1)
  const loops: { count: number; from: number; to: number }[] = []
  for (const i of kept) {
    const own = { count: counts[i]!, from: from.steps[i]!, to: to.steps[i]! }
    const outer = loops.at(-1)
    const isNext = outer?.from === own.count * own.from && outer.to === own.count * own.to
    if (outer && isNext) Object.assign(outer, { ...own, count: outer.count * own.count })
    else loops.push(own)
  }
  return {
    counts: loops.map(({ count }) => count),
    from: { ...from, steps: loops.map((loop) => loop.from) },
    to: { ...to, steps: loops.map((loop) => loop.to) },
  }
}

/** Tasks that write zeros to the padded channels of each pixel; none if there are no padded channels. */
export function paddingParts(traits: TargetTraits, name: string, view: View): Part[] {
  const [, , width, channels] = view.shape
  if (channels === view.pixelPitch) return []
  return rowParts(traits, `${name} padding`, { view }, (b, row) => {
    const zero = b.splat(0)
    b.walk(width, [[row.view!, bytes(view.pixelPitch)]], () => {
      // Value by value: other tasks write the channels of the same vector.
      for (let c = channels; c < view.pixelPitch; c++) b.storeLane(row.view!, bytes(c), zero)
    })
  })
}

/** The stage of moves that write every value of `to` exactly once. */
export function everyValue(
  traits: TargetTraits,
  name: string,
  views: { readonly from: View; readonly to: View },
  moves: readonly Move[],
  adding: { readonly adds: boolean } = { adds: false },
): { readonly parts: readonly Part[] } {
  const padding = adding.adds ? [] : paddingParts(traits, name, views.to)
  return { parts: [...moveParts(traits, name, views, moves, adding), ...padding] }
}
