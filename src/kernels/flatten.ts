import type { VectorOptions } from '../layers/flatten.ts'
import type { View } from '../plan/views.ts'
import { onlyWay } from './kernel.ts'
import { everyValue, type Move, reversed } from './moves.ts'

/** From an image to its vector. */
export function flattening(image: View, { order }: VectorOptions): Move[] {
  const [, height, width, channels] = image.shape
  return [
    {
      counts: [height, width, channels],
      from: { first: 0, steps: [image.rowPitch, image.pixelPitch, 1] },
      to: { first: 0, steps: order === 'HWC' ? [width * channels, channels, 1] : [width, 1, height * width] },
    },
  ]
}

export const flattenForward = onlyWay<'flatten-forward'>(({ layer, reads, writes, options }, traits) => {
  const views = { from: reads.input, to: writes.output }
  return { stages: [everyValue(traits, layer, views, flattening(reads.input, options))] }
})

export const flattenBackward = onlyWay<'flatten-backward'>(({ layer, reads, writes, options }, traits) => {
  const views = { from: reads.outputGradient, to: writes.inputGradient }
  const moves = flattening(writes.inputGradient, options).map(reversed)
  return { stages: [everyValue(traits, `${layer} gradient`, views, moves, options)] }
})
