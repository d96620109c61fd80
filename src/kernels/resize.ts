// Resizes one axis at a time, by weighted sums of rows, and of the pixels of a row.
import { type Pointer, ProgramBuilder, type Vector } from '../codegen/program.ts'
import { type ResizeOptions, resizeTaps, type Tap } from '../layers/resize.ts'
import type { View } from '../plan/views.ts'
import {
  type Argument,
  argument,
  bytes,
  type EqualPieces,
  evenSplit,
  type Implementation,
  onlyWay,
  type Part,
  privateArgument,
  runsOf,
  type Stage,
  type TargetTraits,
} from './kernel.ts'
import { eachVector, linesPerTask, storeGradient } from './rows.ts'

/** For each position of an axis, the taps that it is the sum of. */
type Taps = readonly (readonly Tap[])[]

/** For each of an axis's `input` positions, the outputs that read it: its gradient is the weighted sum of theirs. */
function transposed(taps: Taps, input: number): Taps {
  const readers = Array.from({ length: input }, (): Tap[] => [])
  for (const [index, own] of taps.entries())
    for (const { index: from, weight } of own) readers[from]!.push({ index, weight })
  return readers
}

/** Evenly spaced positions that have the same weights, and whose sources are evenly spaced too. */
interface Progression {
  readonly first: number
  readonly step: number
  readonly count: number
  /** The first source of the first position, and the step to the first source of the next position. */
  readonly source: number
  readonly sourceStep: number
  /** Their indexes are distances from a position's first source. */
  readonly taps: Taps[number]
}

/** Weights that repeat after up to this many positions are found. */
const LONGEST_PERIOD = 16

/** Divides an axis into few progressions: if it was enlarged by 2, the even positions, the odd ones, and the edges. */
function progressionsOf(taps: Taps): Progression[] {
  let best: Progression[] | null = null
  for (let period = 1; period <= Math.min(LONGEST_PERIOD, taps.length); period++) {
    const found = Array.from({ length: period }, (_, phase) => alongPhase(taps, phase, period)).flat()
    if (!best || found.length < best.length) best = found
  }
  return best!
}

function alongPhase(taps: Taps, phase: number, step: number): Progression[] {
  const made: (Progression & { sourceStep: number; count: number })[] = []
  for (let at = phase; at < taps.length; at += step) {
    const own = taps[at]!
    const source = own[0]?.index ?? 0
    const relative = own.map(({ index, weight }) => ({ index: index - source, weight }))
    const last = made.at(-1)
    const distance = last && source - last.source - (last.count - 1) * last.sourceStep
    if (last && sameTaps(last.taps, relative) && (last.count === 1 || distance === last.sourceStep)) {
      last.sourceStep = distance!
      last.count++
    } else made.push({ first: at, step, count: 1, source, sourceStep: 0, taps: relative })
  }
  return made
}

const sameTaps = (a: Taps[number], b: Taps[number]): boolean =>
  a.length === b.length &&
  a.every(
    ({ index, weight }, i) => b[i]!.index === index && Math.fround(b[i]!.weight) === Math.fround(weight),
  )

/** Images in memory: a view, or the buffer between the two axes. */
interface Images {
  readonly shape: readonly [images: number, height: number, width: number]
  readonly imagePitch: number
  readonly rowPitch: number
  readonly pixelPitch: number
  argument(values: number, steps: readonly number[]): Argument
}

const ofView = (view: View): Images => {
  const [images, height, width] = view.shape
  return { ...view, shape: [images, height, width], argument: (...place) => argument(view, ...place) }
}

const BETWEEN = 0

function ofPrivate(shape: Images['shape'], pixelPitch: number): Images {
  const rowPitch = shape[2] * pixelPitch
  const imagePitch = shape[1] * rowPitch
  const place = (values: number, steps: readonly number[]) => privateArgument(BETWEEN, values, steps)
  return { shape, imagePitch, rowPitch, pixelPitch, argument: place }
}

type Adding = { readonly adds: boolean }

/** The weighted sum of the vectors that a position's taps read; `pitch` is the distance from one source to the next. */
function sumOf(b: ProgramBuilder, from: Pointer, offset: number, taps: Taps[number], pitch: number): Vector {
  const at = ({ index }: Tap) => b.load(from, offset + bytes(index * pitch))
  const [first, ...others] = taps
  if (!first) return b.splat(0)
  const sum = first.weight === 1 ? b.unary('copy', at(first)) : b.mul(at(first), b.splat(first.weight))
  for (const tap of others) b.fma(sum, at(tap), b.splat(tap.weight))
  return sum
}

/** The tasks that compute rows of `to` from rows of `from`; each does some rows of a progression. */
function verticalParts(
  traits: TargetTraits,
  name: string,
  taps: Taps,
  from: Images,
  to: Images,
  adding: Adding,
) {
  const values = to.shape[2] * to.pixelPitch
  return progressionsOf(taps).flatMap((rows) => {
    const perTask = linesPerTask(to.shape[0], rows.count, values * Math.max(rows.taps.length, 1))
    const [fromStep, toStep] = [rows.sourceStep * from.rowPitch, rows.step * to.rowPitch]
    return runsOf(evenSplit(rows.count, perTask)).map((run): Part => {
      const b = new ProgramBuilder(`${name} rows`, traits.lanes, ['from', 'to'])
      const [source, target] = [b.parameter('from'), b.parameter('to')]
      const moves = [
        [source, bytes(fromStep)],
        [target, bytes(toStep)],
      ] as const
      b.walk(run.size, moves, () =>
        eachVector(b, values / b.lanes, [source, target], (offset) =>
          storeGradient(b, target, offset, sumOf(b, source, offset, rows.taps, from.rowPitch), adding),
        ),
      )
      const first = rows.source * from.rowPitch + run.first * fromStep
      return {
        program: b.finish(),
        grid: [to.shape[0], run.count],
        arguments: {
          from: from.argument(first, [from.imagePitch, run.size * fromStep]),
          to: to.argument(rows.first * to.rowPitch + run.first * toStep, [to.imagePitch, run.size * toStep]),
        },
      }
    })
  })
}

/** Each progression is code of its own; a program of thousands would have more local variables than WebAssembly allows. */
const PROGRESSIONS_AT_ONCE = 64

/** The tasks that compute some progressions of each row of `to` from the same row of `from`. */
function horizontalParts(
  traits: TargetTraits,
  name: string,
  taps: Taps,
  from: Images,
  to: Images,
  adding: Adding,
) {
  const [images, height] = to.shape
  const perTask = linesPerTask(images, height, Math.max(from.rowPitch, to.rowPitch))
  const progressions = progressionsOf(taps)
  const chunks = Array.from({ length: Math.ceil(progressions.length / PROGRESSIONS_AT_ONCE) }, (_, i) =>
    progressions.slice(i * PROGRESSIONS_AT_ONCE, (i + 1) * PROGRESSIONS_AT_ONCE),
  )
  const place = (of: Images, run: EqualPieces) =>
    of.argument(run.first * of.rowPitch, [of.imagePitch, run.size * of.rowPitch])
  return runsOf(evenSplit(height, perTask)).flatMap((run) =>
    chunks.map((chunk): Part => {
      const b = new ProgramBuilder(`${name} columns`, traits.lanes, ['from', 'to'])
      const [row, target] = [b.parameter('from'), b.parameter('to')]
      const rowMoves = [
        [row, bytes(from.rowPitch)],
        [target, bytes(to.rowPitch)],
      ] as const
      b.walk(run.size, rowMoves, () => {
        for (const columns of chunk) {
          const source = b.point(row, bytes(columns.source * from.pixelPitch))
          const at = b.point(target, bytes(columns.first * to.pixelPitch))
          const moves = [
            [source, bytes(columns.sourceStep * from.pixelPitch)],
            [at, bytes(columns.step * to.pixelPitch)],
          ] as const
          b.walk(columns.count, moves, () =>
            eachVector(b, to.pixelPitch / b.lanes, [source, at], (offset) =>
              storeGradient(b, at, offset, sumOf(b, source, offset, columns.taps, from.pixelPitch), adding),
            ),
          )
        }
      })
      return {
        program: b.finish(),
        grid: [images, run.count],
        arguments: { from: place(from, run), to: place(to, run) },
      }
    }),
  )
}

/** Whether every position of an axis just copies the source at the same position. */
const isSame = (taps: Taps, sources: number): boolean =>
  taps.length === sources && taps.every(([tap, ...others], i) => tap?.index === i && others.length === 0)

/**
 * Resizes one axis and then the other, in the order that makes the tensor between them smaller; an axis that stays as
 * it is is left out.
 */
function bothAxes(
  traits: TargetTraits,
  name: string,
  { rows, columns }: Readonly<Record<'rows' | 'columns', Taps>>,
  views: { readonly from: View; readonly to: View },
  adding: Adding,
): Pick<Implementation, 'privateBuffers' | 'stages'> {
  const [from, to] = [ofView(views.from), ofView(views.to)]
  const vertical = (...place: [Images, Images, Adding]): Stage => ({
    parts: verticalParts(traits, name, rows, ...place),
  })
  const horizontal = (...place: [Images, Images, Adding]): Stage => ({
    parts: horizontalParts(traits, name, columns, ...place),
  })
  if (isSame(rows, from.shape[1])) return { privateBuffers: [], stages: [horizontal(from, to, adding)] }
  if (isSame(columns, from.shape[2])) return { privateBuffers: [], stages: [vertical(from, to, adding)] }
  const [images, height, width] = to.shape
  const isVerticalFirst = height * from.shape[2] < from.shape[1] * width
  const shape = isVerticalFirst
    ? ([images, height, from.shape[2]] as const)
    : ([images, from.shape[1], width] as const)
  const between = ofPrivate(shape, to.pixelPitch)
  const [first, second] = isVerticalFirst ? [vertical, horizontal] : [horizontal, vertical]
  return {
    privateBuffers: [{ name: `${name}/between`, length: images * between.imagePitch, lifetime: 'step' }],
    stages: [first(from, between, { adds: false }), second(between, to, adding)],
  }
}

export const resizeForward = onlyWay<'resize-forward'>(({ layer, reads, writes, options }, traits) => {
  const views = { from: reads.input, to: writes.output }
  return bothAxes(traits, layer, resizeTaps(options, views.from.shape.slice(1)), views, { adds: false })
})

export const resizeBackward = onlyWay<'resize-backward'>(({ layer, reads, writes, options }, traits) => {
  const views = { from: reads.outputGradient, to: writes.inputGradient }
  const [, height, width] = views.to.shape
  const { rows, columns } = resizeTaps(options as ResizeOptions, [height, width])
  const taps = { rows: transposed(rows, height), columns: transposed(columns, width) }
  return bothAxes(traits, `${layer} gradient`, taps, views, options)
})
