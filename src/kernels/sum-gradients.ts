import { onlyWay } from './kernel.ts'
import { eachVectorOfRow, rowParts } from './rows.ts'

export const sumGradients = onlyWay<'sum-gradients'>((step, traits) => {
  const views = { ...step.reads, ...step.writes }
  const parts = rowParts(traits, `${step.layer} sum of gradients`, views, (b, { a, b: other, sum }) => {
    eachVectorOfRow(b, views.sum, [a!, other!, sum!], (offset) => {
      b.store(sum!, offset, b.add(b.load(a!, offset), b.load(other!, offset)))
    })
  })
  return { stages: [{ parts }] }
})
