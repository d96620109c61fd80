import { backwardThrough } from './activation.ts'
import { onlyWay } from './kernel.ts'
import { tanh } from './math.ts'
import { eachVectorOfRow, rowParts } from './rows.ts'

export const tanhForward = onlyWay<'tanh-forward'>((step, traits) => {
  const views = { input: step.reads.input, output: step.writes.output }
  const parts = rowParts(traits, step.layer, views, (b, { input, output }) => {
    eachVectorOfRow(b, views.output, [input!, output!], (offset) => {
      b.store(output!, offset, tanh(b, b.load(input!, offset)))
    })
  })
  return { stages: [{ parts }] }
})

export const tanhBackward = onlyWay<'tanh-backward'>((step, traits) => backwardThrough('tanh', step, traits))
