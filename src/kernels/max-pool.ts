import { FLOAT_BYTES, type Pointer, ProgramBuilder, type Vector } from '../codegen/program.ts'
import type { WindowGeometry } from '../layers/index.ts'
import type { View } from '../plan/views.ts'
import { writeZeros } from './copy.ts'
import { argument, bytes, evenSplit, onlyWay, type Part, runsOf, type TargetTraits } from './kernel.ts'
import { eachVector, VALUES_PER_TASK } from './rows.ts'
import { type Stretch, stretchesOf } from './stretches.ts'

const verticalStretches = (g: WindowGeometry) =>
  stretchesOf(g.outputHeight, g.kernelHeight, g.strideHeight, g.top, g.inputHeight)
const horizontalStretches = (g: WindowGeometry) =>
  stretchesOf(g.outputWidth, g.kernelWidth, g.strideWidth, g.left, g.inputWidth)

const firstTap = (g: WindowGeometry, view: View, y: Stretch, x: Stretch): number =>
  (y.first * g.strideHeight - g.top + y.skip) * view.rowPitch +
  (x.first * g.strideWidth - g.left + x.skip) * view.pixelPitch

/** The offsets of a window's values, row-major, from its first value that is not padding. */
function windowOffsets(view: View, y: Stretch, x: Stretch): number[] {
  const offsets: number[] = []
  for (let row = 0; row < y.taps; row++) {
    for (let column = 0; column < x.taps; column++) {
      offsets.push((row * view.rowPitch + column * view.pixelPitch) * FLOAT_BYTES)
    }
  }
  return offsets
}

/**
 * The last first, so that of equals the earlier stays. So does a NaN in `max`'s first operand, but not in what was the maximum
 * until then: whether there was one is asked for two values at a time.
 */
function maximumOf(b: ProgramBuilder, at: Pointer, taps: readonly number[]): Vector {
  let maximum: Vector | null = null
  let isUnordered: Vector | null = null
  let unasked: Vector | null = null
  const ask = (one: Vector, other: Vector): void => {
    const either = b.binary('unordered', one, other)
    isUnordered = isUnordered === null ? either : b.binary('or', isUnordered, either)
  }
  for (const [i, tap] of taps.toReversed().entries()) {
    const value = b.load(at, tap)
    maximum = maximum === null ? value : b.max(value, maximum)
    const isLast = i === taps.length - 1
    if (isLast && unasked !== null) ask(unasked, unasked)
    if (isLast) break
    if (unasked !== null) ask(unasked, value)
    unasked = unasked === null ? value : null
  }
  return isUnordered === null ? maximum! : b.binary('or', maximum!, isUnordered)
}

/** What padding cuts off is not read, so a window needs no values that stand for 'nothing'. */
export const maxPoolForward = onlyWay<'max-pool-forward'>((step, traits) => {
  const { geometry: g } = step.options
  const { input } = step.reads
  const { output } = step.writes
  const columns = horizontalStretches(g)
  const rowsPerTask = Math.max(1, Math.floor(VALUES_PER_TASK / (g.kernelHeight * input.rowPitch)))
  const parts = verticalStretches(g).flatMap((y) =>
    runsOf(evenSplit(y.count, rowsPerTask)).map((rows): Part => {
      const b = new ProgramBuilder(step.layer, traits.lanes, ['input', 'output'])
      const [from, to] = [b.parameter('input'), b.parameter('output')]
      const rowMoves = [
        [from, g.strideHeight * input.rowPitch * FLOAT_BYTES],
        [to, output.rowPitch * FLOAT_BYTES],
      ] as const
      b.walk(rows.size, rowMoves, () => {
        for (const x of columns) {
          const start = firstTap(g, input, y, x) - firstTap(g, input, y, columns[0]!)
          const at = b.point(from, start * FLOAT_BYTES)
          b.loop(x.count, () => {
            eachVector(b, output.pixelPitch / b.lanes, [at, to], (offset) => {
              const taps = windowOffsets(input, y, x).map((tap) => tap + offset)
              b.store(to, offset, maximumOf(b, at, taps))
            })
            b.advance(at, g.strideWidth * input.pixelPitch * FLOAT_BYTES)
            b.advance(to, output.pixelPitch * FLOAT_BYTES)
          })
        }
        b.advance(to, -output.shape[2] * output.pixelPitch * FLOAT_BYTES)
      })
      const [inputRows, outputRows] = [g.strideHeight * input.rowPitch, output.rowPitch]
      const first = firstTap(g, input, y, columns[0]!) + rows.first * inputRows
      return {
        program: b.finish(),
        grid: [output.shape[0], rows.count],
        arguments: {
          input: argument(input, first, [input.imagePitch, rows.size * inputRows]),
          output: argument(output, (y.first + rows.first) * outputRows, [
            output.imagePitch,
            rows.size * outputRows,
          ]),
        },
      }
    }),
  )
  return { stages: [{ parts }] }
})

/** Channels that one task of the gradient owns: windows overlap, so a task has whole planes. */
const VECTORS_PER_TASK = 64

/**
 * Each window adds its gradient to the first of its values that equals its maximum. A task owns some channels of one
 * image, so that no two add to one float, and goes through the windows in order.
 */
export const maxPoolBackward = onlyWay<'max-pool-backward'>((step, traits) => {
  const { geometry: g } = step.options
  const { input } = step.reads
  const { inputGradient } = step.writes
  const vectors = input.pixelPitch / traits.lanes
  const parts: Part[] = []
  let first = 0
  for (const size of evenSplit(vectors, VECTORS_PER_TASK)) {
    parts.push(backwardPart(step.layer, traits, g, { ...step.reads, inputGradient }, first, size))
    first += size
  }
  return { stages: [{ parts }] }
})

interface BackwardViews {
  readonly input: View
  readonly output: View
  readonly outputGradient: View
  readonly inputGradient: View
}

function backwardPart(
  layer: string,
  traits: TargetTraits,
  g: WindowGeometry,
  { input, output, outputGradient, inputGradient }: BackwardViews,
  firstVector: number,
  vectors: number,
): Part {
  const b = new ProgramBuilder(`${layer} gradient`, traits.lanes, ['input', 'output', 'from', 'to'])
  const [x, y, from, to] = ['input', 'output', 'from', 'to'].map((name) => b.parameter(name)) as [
    Pointer,
    Pointer,
    Pointer,
    Pointer,
  ]
  const [images, height, width] = inputGradient.shape
  b.walk(height, [[to, bytes(inputGradient.rowPitch)]], () => {
    b.walk(width, [[to, bytes(inputGradient.pixelPitch)]], () => {
      writeZeros(b, to, vectors * traits.lanes)
      b.advance(to, -bytes(vectors * traits.lanes))
    })
  })

  const window = (rows: Stretch, columns: Stretch, at: Pointer, gradientAt: Pointer): void => {
    const values = windowOffsets(input, rows, columns)
    const gradients = windowOffsets(inputGradient, rows, columns)
    const moves = [at, gradientAt, y, from].map((pointer) => [pointer, b.vectorBytes] as const)
    b.walk(vectors, moves, () => {
      const maximum = b.load(y)
      let rest: Vector = b.load(from)
      values.forEach((tap, index) => {
        // `rest` is the gradient where no value so far was the maximum.
        const isMaximum = b.binary('equal', b.load(at, tap), maximum)
        const given = b.binary('and', rest, isMaximum)
        b.store(gradientAt, gradients[index]!, b.add(b.load(gradientAt, gradients[index]!), given))
        rest = b.binary('andNot', rest, isMaximum)
      })
    })
  }

  for (const rows of verticalStretches(g)) {
    for (const columns of horizontalStretches(g)) {
      const at = b.point(x, bytes(firstTap(g, input, rows, columns)))
      const gradientAt = b.point(to, bytes(firstTap(g, inputGradient, rows, columns)))
      const shift = (view: View) => bytes(rows.first * view.rowPitch + columns.first * view.pixelPitch)
      b.advance(y, shift(output))
      b.advance(from, shift(outputGradient))
      b.walk(
        rows.count,
        [
          [at, bytes(g.strideHeight * input.rowPitch)],
          [gradientAt, bytes(g.strideHeight * inputGradient.rowPitch)],
          [y, bytes(output.rowPitch)],
          [from, bytes(outputGradient.rowPitch)],
        ],
        () =>
          b.walk(
            columns.count,
            [
              [at, bytes(g.strideWidth * input.pixelPitch)],
              [gradientAt, bytes(g.strideWidth * inputGradient.pixelPitch)],
              [y, bytes(output.pixelPitch)],
              [from, bytes(outputGradient.pixelPitch)],
            ],
            () => window(rows, columns, at, gradientAt),
          ),
      )
      b.advance(y, -shift(output))
      b.advance(from, -shift(outputGradient))
    }
  }
  const first = firstVector * traits.lanes
  return {
    program: b.finish(),
    grid: [images],
    arguments: {
      input: argument(input, first, [input.imagePitch]),
      output: argument(output, first, [output.imagePitch]),
      from: argument(outputGradient, first, [outputGradient.imagePitch]),
      to: argument(inputGradient, first, [inputGradient.imagePitch]),
    },
  }
}
