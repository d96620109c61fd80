import type { View } from '../plan/views.ts'
import { channelParts, copyChannels } from './channels.ts'
import { onlyWay } from './kernel.ts'
import { rowParts } from './rows.ts'

/** Tensors that are copied in one pass: a target has few registers for pointers. */
const INPUTS_AT_ONCE = 6

/** Each pixel's channels, input after input. */
export const concatForward = onlyWay<'concat-forward'>((step, traits) => {
  const { output } = step.writes
  let begin = 0
  const inputs = Object.entries<View>(step.reads).map(([name, view]) => {
    const toBegin = begin
    begin += view.shape[3]
    return { name, view, toBegin }
  })
  const groups = Array.from({ length: Math.ceil(inputs.length / INPUTS_AT_ONCE) }, (_, i) =>
    inputs.slice(i * INPUTS_AT_ONCE, (i + 1) * INPUTS_AT_ONCE),
  )
  const parts = groups.flatMap((group) => {
    const views = Object.fromEntries(group.map(({ name, view }) => [name, view]))
    const isLast = group === groups.at(-1)
    return rowParts(traits, step.layer, { ...views, output }, (b, row) => {
      const pieces = group.map(({ name, view, toBegin }) => ({
        from: row[name]!,
        pitch: view.pixelPitch,
        fromBegin: 0,
        toBegin,
        channels: view.shape[3],
      }))
      copyChannels(b, output, row.output!, pieces, { clears: isLast ? 'padding' : 'nothing', adds: false })
    })
  })
  return { stages: [{ parts }] }
})

/** The gradient of one input: its channels of the output's gradient. */
export const concatBackward = onlyWay<'concat-backward'>(({ layer, reads, writes, options }, traits) => {
  const { begin, adds } = options
  const channels = { from: reads.outputGradient, to: writes.inputGradient, fromBegin: begin }
  return {
    stages: [{ parts: channelParts(traits, `${layer} gradient`, channels, { clears: 'padding', adds }) }],
  }
})
