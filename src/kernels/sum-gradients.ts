import { onlyWay } from './kernel.ts'
import { eachVectorOfRow, rowParts } from './rows.ts'

/** sum + other, in place, or a copy if there is no sum yet. */
export const sumGradients = onlyWay<'sum-gradients'>((step, traits) => {
  const adds = step.reads.sum !== undefined
  const views = { other: step.reads.other, sum: step.writes.sum }
  const parts = rowParts(traits, `${step.layer} sum of gradients`, views, (b, { other, sum }) => {
    eachVectorOfRow(b, views.sum, [other!, sum!], (offset) => {
      const given = b.load(other!, offset)
      b.store(sum!, offset, adds ? b.add(b.load(sum!, offset), given) : given)
    })
  })
  return { stages: [{ parts }] }
})
