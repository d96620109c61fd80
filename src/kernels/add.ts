import type { View } from '../plan/views.ts'
import { activationIn, eachActivatedVector } from './activation.ts'
import { onlyWay, type Stage } from './kernel.ts'
import { rowParts } from './rows.ts'

/** Tensors that are added at once: a target has few registers for pointers. */
const INPUTS_AT_ONCE = 6

/** The sum of all inputs, and what the activation makes of it, in one pass unless there are many. */
export const addForward = onlyWay<'add-forward'>((step, traits) => {
  const { output } = step.writes
  const inputs = Object.entries<View>(step.reads)
  const stages: Stage[] = []
  for (let first = 0; first < inputs.length; first += INPUTS_AT_ONCE) {
    const some = inputs.slice(first, first + INPUTS_AT_ONCE)
    const isLast = first + some.length === inputs.length
    const activation = isLast ? step.options.activation : undefined
    const parts = rowParts(traits, step.layer, { ...Object.fromEntries(some), output }, (b, row) => {
      const activate = activationIn(b, activation)
      const to = row.output!
      // What earlier stages added up is an input too.
      const terms = [...(first > 0 ? [to] : []), ...some.map(([name]) => row[name]!)]
      eachActivatedVector(
        b,
        output,
        activation,
        [...some.map(([name]) => row[name]!), to],
        (offset, isChannel) => {
          const [one, ...others] = terms.map((pointer) => b.load(pointer, offset))
          const sum = others.reduce((total, value) => b.add(total, value), one!)
          b.store(to, offset, activate(sum, isChannel))
        },
      )
    })
    stages.push({ parts })
  }
  return { stages }
})
