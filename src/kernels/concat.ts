import type { View } from '../plan/views.ts'
import { copyChannels } from './channels.ts'
import { onlyWay } from './kernel.ts'
import { rowParts } from './rows.ts'

/** Each pixel's channels, input after input. */
export const concatForward = onlyWay<'concat-forward'>((step, traits) => {
  const { output } = step.writes
  const inputs = Object.entries<View>(step.reads)
  const parts = rowParts(traits, step.layer, { ...step.reads, output }, (b, row) => {
    let begin = 0
    const pieces = inputs.map(([name, view]) => {
      const piece = { from: row[name]!, fromBegin: 0, toBegin: begin, channels: view.shape[3] }
      begin += view.shape[3]
      return { ...piece, pitch: view.pixelPitch }
    })
    copyChannels(b, output, row.output!, pieces, { clears: 'padding', adds: false })
  })
  return { stages: [{ parts }] }
})

/** Of one input: its channels of the output's gradient. */
export const concatBackward = onlyWay<'concat-backward'>((step, traits) => {
  const { outputGradient } = step.reads
  const { inputGradient } = step.writes
  const { begin, adds } = step.options
  const parts = rowParts(traits, `${step.layer} gradient`, { outputGradient, inputGradient }, (b, row) => {
    const piece = {
      from: row.outputGradient!,
      pitch: outputGradient.pixelPitch,
      fromBegin: begin,
      toBegin: 0,
      channels: inputGradient.shape[3],
    }
    copyChannels(b, inputGradient, row.inputGradient!, [piece], { clears: 'padding', adds })
  })
  return { stages: [{ parts }] }
})
