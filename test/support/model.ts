import { conv, dense, softmaxLoss } from '../../src/layers/index.ts'
import { defineNetwork, initialize } from '../../src/networks/index.ts'
import type { Checkpoint } from '../../src/train/model-file.ts'

/** A small model of two classes, and a checkpoint of its training. */
export function exampleCheckpoint(imageSize: number) {
  const network = defineNetwork('small', {
    inputs: { images: [imageSize, imageSize, 1], labels: [] },
    layers: [
      conv('conv1', { filters: 2, kernel: 3, activation: 'relu' }),
      dense('fc', { units: 2 }),
      softmaxLoss('loss', { inputs: ['fc', 'labels'] }),
    ],
  })
  const parameters = initialize(network, { seed: 1 })
  const model = {
    network,
    parameters,
    classNames: ['cat', 'dog'],
    preprocessing: { size: imageSize, channels: 1, resize: null, normalise: { kind: 'per-image' } },
  } as const
  const checkpoint: Checkpoint = {
    model,
    state: {
      step: 3,
      epoch: 1,
      batch: 3,
      parameters,
      states: { 'fc/biases.momentum': new Float32Array(2) },
      tuning: { version: 1, processor: 'p', engine: 'e', choices: {} },
      sums: { images: 3, loss: 0.5, correct: null, elapsedMs: 1, waitedMs: 0 },
    },
    settings: { rate: 0.1 },
  }
  return { network, parameters, model, checkpoint }
}
