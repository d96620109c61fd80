// What both the page and Node run.
import { conv, defineNetwork, dense, dropout, l2Loss, lrn, maxPool, softmaxLoss } from 'convmark'

export const CLASSES = 3

export const tower = () =>
  defineNetwork('tower', {
    inputs: { images: [23, 19, 3] },
    layers: [
      conv('conv1', { filters: 16, kernel: 5, stride: 2, padding: 'same', activation: 'relu' }),
      lrn('lrn1'),
      maxPool('pool1', { kernel: 3, stride: 2 }),
      conv('conv2', { filters: 24, kernel: 3, padding: 'same', activation: 'relu' }),
      l2Loss('loss'),
    ],
  })

export const classifier = () =>
  defineNetwork('classifier', {
    inputs: { images: [12, 12, 1], labels: [] },
    layers: [
      conv('conv', { filters: 8, kernel: 3, activation: 'relu' }),
      maxPool('pool', { kernel: 2, stride: 2 }),
      dropout('drop', { rate: 0.3 }),
      dense('logits', { units: CLASSES }),
      softmaxLoss('loss', { inputs: ['logits', 'labels'] }),
    ],
  })

/** So large that a run takes some time, and with few tiles to choose from. */
export const slow = () =>
  defineNetwork('slow', {
    inputs: { images: [56, 56, 64] },
    layers: Array.from({ length: 40 }, (_, i) => lrn(`lrn${i}`)),
  })
