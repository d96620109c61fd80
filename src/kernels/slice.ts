import { copyChannels } from './channels.ts'
import { onlyWay } from './kernel.ts'
import { rowParts } from './rows.ts'

export const sliceForward = onlyWay<'slice-forward'>((step, traits) => {
  const { input } = step.reads
  const { output } = step.writes
  const parts = rowParts(traits, step.layer, { input, output }, (b, row) => {
    const piece = {
      from: row.input!,
      pitch: input.pixelPitch,
      fromBegin: step.options.begin,
      toBegin: 0,
      channels: output.shape[3],
    }
    copyChannels(b, output, row.output!, [piece], { clears: 'padding', adds: false })
  })
  return { stages: [{ parts }] }
})

/** Where it adds, the other channels stay as they are; where not, they are zero. */
export const sliceBackward = onlyWay<'slice-backward'>((step, traits) => {
  const { outputGradient } = step.reads
  const { inputGradient } = step.writes
  const { begin, adds } = step.options
  const parts = rowParts(traits, `${step.layer} gradient`, { outputGradient, inputGradient }, (b, row) => {
    const piece = {
      from: row.outputGradient!,
      pitch: outputGradient.pixelPitch,
      fromBegin: 0,
      toBegin: begin,
      channels: outputGradient.shape[3],
    }
    copyChannels(b, inputGradient, row.inputGradient!, [piece], { clears: 'pixel', adds })
  })
  return { stages: [{ parts }] }
})
