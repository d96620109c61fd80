import { backwardThrough } from './activation.ts'
import { onlyWay } from './kernel.ts'
import { eachVectorOfRow, rowParts } from './rows.ts'

export const reluForward = onlyWay<'relu-forward'>((step, traits) => {
  const views = { input: step.reads.input, output: step.writes.output }
  const parts = rowParts(traits, step.layer, views, (b, { input, output }) => {
    const zero = b.splat(0)
    eachVectorOfRow(b, views.output, [input!, output!], (offset) => {
      b.store(output!, offset, b.max(b.load(input!, offset), zero))
    })
  })
  return { stages: [{ parts }] }
})

export const reluBackward = onlyWay<'relu-backward'>((step, traits) => backwardThrough('relu', step, traits))
