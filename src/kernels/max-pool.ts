import type { Pointer, ProgramBuilder, Vector } from '../codegen/program.ts'
import { onlyWay } from './kernel.ts'
import { eachTap, eachTapOfTwo, isLoop, windowGradientParts, windowOffsets, windowParts } from './windows.ts'

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

/** Each window adds its gradient to the first of its values that equals its maximum. */
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
      // The gradient where no value so far was the maximum
      let rest: Vector = b.load(from!)
      const inLoop = isLoop(window)
      eachTapOfTwo(b, window, [input, at!], [inputGradient, to!], (tap, gradientTap) => {
        const isMaximum = b.binary('equal', b.load(at!, tap), maximum)
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
