import { type CropOptions, cropSteps } from '../layers/crop.ts'
import type { View } from '../plan/views.ts'
import { onlyWay, type Stage, type TargetTraits } from './kernel.ts'
import { type Move, moveParts, reversed } from './moves.ts'
import { eachVectorOfRow, rowParts } from './rows.ts'

/** The move from the image to the part, of whole pixels, with the zeros in their padded channels. */
function moveOf(options: CropOptions, image: View, part: View): Move {
  const [down, right] = cropSteps(options)
  return {
    counts: [options.height, options.width, part.pixelPitch],
    from: {
      first: options.top * image.rowPitch + options.left * image.pixelPitch,
      steps: [down * image.rowPitch, right * image.pixelPitch, 1],
    },
    to: { first: 0, steps: [part.rowPitch, part.pixelPitch, 1] },
  }
}

export const cropForward = onlyWay<'crop-forward'>(({ layer, reads, writes, options }, traits) => {
  const move = moveOf(options, reads.input, writes.output)
  const views = { from: reads.input, to: writes.output }
  return { stages: [{ parts: moveParts(traits, layer, views, [move], { adds: false }) }] }
})

/** Pixels that the output does not have get a gradient of 0, or keep what they have. */
export const cropBackward = onlyWay<'crop-backward'>(({ layer, reads, writes, options }, traits) => {
  const { outputGradient } = reads
  const { inputGradient } = writes
  const name = `${layer} gradient`
  const move = reversed(moveOf(options, inputGradient, outputGradient))
  const views = { from: outputGradient, to: inputGradient }
  const moved = { parts: moveParts(traits, name, views, [move], options) }
  const [, height, width] = inputGradient.shape
  const isWhole = options.height * options.width === height * width
  return { stages: options.adds || isWhole ? [moved] : [cleared(traits, name, inputGradient), moved] }
})

function cleared(traits: TargetTraits, name: string, view: View): Stage {
  const parts = rowParts(traits, `${name} zeros`, { view }, (b, row) => {
    const zero = b.splat(0)
    eachVectorOfRow(b, view, [row.view!], (offset) => b.store(row.view!, offset, zero))
  })
  return { parts }
}
