// A model whose answers can be worked out by hand: it says whether a picture is red, green or blue.
import { dense, globalAveragePool, type Layer, softmax, softmaxLoss } from '../../src/layers/index.ts'
import { defineNetwork, type Network } from '../../src/networks/network.ts'
import type { Model } from '../../src/train/model-file.ts'
import { painted, pngOf } from './images.ts'

export const COLOURS = ['red', 'green', 'blue'] as const
const SIZE = 8
/** A logit is a channel's mean times this: with values from 0 to 1, e^5 to 1 for a pure colour. */
const SHARPNESS = 5

const ENDS = {
  loss: [softmaxLoss('loss', { inputs: ['fc', 'labels'] })],
  softmax: [softmax('classes')],
  logits: [],
} as const satisfies Record<string, readonly Layer[]>

/** `ending`: in a classifier's loss, as trained networks do, in a softmax, in logits, or in a sigmoid of each class. */
export function colourNetwork(ending: keyof typeof ENDS | 'sigmoid' = 'loss'): Network {
  const inputs: Network['inputs'] = { images: [SIZE, SIZE, 3], ...(ending === 'loss' && { labels: [] }) }
  return defineNetwork('colours', {
    inputs,
    layers: [
      globalAveragePool('mean'),
      dense('fc', { units: 3, ...(ending === 'sigmoid' && { activation: 'sigmoid' }) }),
      ...(ending === 'sigmoid' ? [] : ENDS[ending]),
    ],
  })
}

export const colourParameters = {
  'fc/weights': Float32Array.of(SHARPNESS, 0, 0, 0, SHARPNESS, 0, 0, 0, SHARPNESS),
  'fc/biases': new Float32Array(3),
}

/** As `train` would write it. */
export const colourModel: Model = {
  network: colourNetwork(),
  parameters: colourParameters,
  classNames: COLOURS,
  preprocessing: {
    size: SIZE,
    channels: 3,
    resize: SIZE,
    normalise: { kind: 'channels', mean: [0, 0, 0], sd: [1, 1, 1] },
  },
}

/** The probability that the model gives a pure colour. */
export const CERTAIN = Math.exp(SHARPNESS) / (Math.exp(SHARPNESS) + 2)

const BYTES = { red: [255, 0, 0], green: [0, 255, 0], blue: [0, 0, 255], grey: [90, 90, 90] } as const

export const pixelsOf = (colour: keyof typeof BYTES, width = 20, height = 12) =>
  painted(width, height, () => BYTES[colour])
export const pictureOf = (colour: keyof typeof BYTES, width = 20, height = 12): Promise<Uint8Array> =>
  pngOf(pixelsOf(colour, width, height))
