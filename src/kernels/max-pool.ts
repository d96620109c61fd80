import type { Pointer, ProgramBuilder, Vector } from '../codegen/program.ts'
import { onlyWay } from './kernel.ts'
import { eachTap, eachTapOfTwo, isLoop, windowGradientParts, windowOffsets, windowParts } from './windows.ts'

/**
 * Goes from the last value to the first, so that the earlier of two equal ones wins. A NaN survives as `max`'s first
 * operand but not as the maximum so far, so pairs of values are also tested for NaN.
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

/** Values in the padding are not read, so a window needs no value that stands for 'nothing'. */
export const maxPoolForward = onlyWay<'max-pool-forward'>(({ layer, reads, writes, options }, traits) => {
  const views = { input: reads.input, output: writes.output }
  const parts = windowParts(traits, layer, options.geometry, views, (b, window, at, to, offset) => {
    if (!isLoop(window)) {
      const taps = windowOffsets(views.input, window).map((tap) => tap + offset)
      b.store(to, offset, maximumOf(b, at, taps))
      return
    }
    const [maximum, isUnordered] = [b.splat(-Infinity), b.splat(0)]
    eachTap(b, views.input, window, at, (tap) => {
      const value = b.load(at, tap + offset)
      b.assign(isUnordered, b.binary('or', isUnordered, b.binary('unordered', value, value)))
      b.assign(maximum, b.max(maximum, value))
    })
    b.store(to, offset, b.binary('or', maximum, isUnordered))
  })
  return { stages: [{ parts }] }
})

/** Each window adds its gradient to the first of its values that equals its maximum, or is NaN. */
export const maxPoolBackward = onlyWay<'max-pool-backward'>(({ layer, reads, writes, options }, traits) => {
  const { input, output, outputGradient } = reads
  const { inputGradient } = writes
  const parts = windowGradientParts(
    traits,
    `${layer} gradient`,
    options,
    [output, outputGradient],
    [input, inputGradient],
    (b, window, [y, from], [at, to]) => {
      const maximum = b.load(y!)
      // The gradient, as long as no value so far was the maximum
      let rest: Vector = b.load(from!)
      const inLoop = isLoop(window)
      eachTapOfTwo(b, window, [input, at!], [inputGradient, to!], (tap, gradientTap) => {
        const value = b.load(at!, tap)
        const isMaximum = b.binary(
          'or',
          b.binary('equal', value, maximum),
          b.binary('unordered', value, value),
        )
        const given = b.binary('and', rest, isMaximum)
        b.store(to!, gradientTap, b.add(b.load(to!, gradientTap), given))
        const next = b.binary('andNot', rest, isMaximum)
        if (inLoop) b.assign(rest, next)
        else rest = next
      })
    },
  )
  return { stages: [{ parts }] }
})
