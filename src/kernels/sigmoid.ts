import { backwardThrough } from './activation.ts'
import { onlyWay } from './kernel.ts'
import { sigmoid } from './math.ts'
import { eachVectorOfPixels, rowParts } from './rows.ts'

export const sigmoidForward = onlyWay<'sigmoid-forward'>((step, traits) => {
  const views = { input: step.reads.input, output: step.writes.output }
  const parts = rowParts(traits, step.layer, views, (b, { input, output }) => {
    // Of 0 it is a half, which must not come into the padded channels.
    eachVectorOfPixels(b, views.output, [input!, output!], (offset, isChannel) => {
      const value = sigmoid(b, b.load(input!, offset))
      b.store(output!, offset, isChannel === null ? value : b.binary('and', value, isChannel))
    })
  })
  return { stages: [{ parts }] }
})

export const sigmoidBackward = onlyWay<'sigmoid-backward'>((step, traits) =>
  backwardThrough('sigmoid', step, traits),
)
