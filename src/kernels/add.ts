import { activationIn, eachActivatedVector } from './activation.ts'
import { onlyWay } from './kernel.ts'
import { rowParts } from './rows.ts'

/** The sum of all inputs, and what the activation makes of it, in one pass. */
export const addForward = onlyWay<'add-forward'>((step, traits) => {
  const { output } = step.writes
  const inputs = Object.keys(step.reads)
  const parts = rowParts(traits, step.layer, { ...step.reads, output }, (b, row) => {
    const activate = activationIn(b, step.options.activation)
    const pointers = inputs.map((name) => row[name]!)
    eachActivatedVector(
      b,
      output,
      step.options.activation,
      [...pointers, row.output!],
      (offset, isChannel) => {
        const [first, ...others] = pointers.map((pointer) => b.load(pointer, offset))
        const sum = others.reduce((total, value) => b.add(total, value), first!)
        b.store(row.output!, offset, activate(sum, isChannel))
      },
    )
  })
  return { stages: [{ parts }] }
})
