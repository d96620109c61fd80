// A network that restores its images from a quarter of their rows and columns: convolutions make them smaller, transposed
// convolutions larger again.
import { expect, it } from 'vitest'
import { built } from './support/built.ts'

const { adam, add, conv, convTranspose, defineNetwork, initializeForTraining, l2Loss, openSession } =
  await built<typeof import('../src/index.ts')>('index.js')

const SIZE = 12
const network = defineNetwork('autoencoder', {
  inputs: { images: [SIZE, SIZE, 1], negatives: [SIZE, SIZE, 1] },
  layers: [
    conv('half', {
      filters: 8,
      kernel: 3,
      stride: 2,
      padding: 'same',
      activation: 'relu',
      inputs: ['images'],
    }),
    conv('quarter', { filters: 12, kernel: 3, stride: 2, padding: 'same', activation: 'relu' }),
    convTranspose('up', { filters: 8, kernel: 4, stride: 2, padding: 1, activation: 'relu' }),
    convTranspose('made', { filters: 1, kernel: 3, stride: 2, padding: 1, outputPadding: 1 }),
    add('difference', { inputs: ['made', 'negatives'] }),
    l2Loss('loss'),
  ],
})

const BATCH = 8
/** Images of waves, each with a length and a direction of its own. */
const images = Float32Array.from({ length: BATCH * SIZE * SIZE }, (_, i) => {
  const [image, y, x] = [Math.floor(i / SIZE ** 2), Math.floor(i / SIZE) % SIZE, i % SIZE]
  return Math.sin(0.2 * (image + 1) * (y * Math.cos(image) + x * Math.sin(image)))
})

async function losses(engine: string, steps: number): Promise<number[]> {
  const training = { optimizer: adam() }
  await using session = await openSession(network, { batch: BATCH, engine, pass: 'train', training })
  session.write(initializeForTraining(network, { seed: 5 }))
  const found: number[] = []
  for (let step = 0; step < steps; step++) {
    await session.run({ images, negatives: images.map((value) => -value) }, { rate: 0.01 })
    found.push(session.read('loss')[0]!)
  }
  return found
}

it('an autoencoder learns its images, on wasm as on the reference', async () => {
  const [reference, wasm] = [await losses('reference', 6), await losses('wasm@2', 80)]
  reference.forEach((loss, step) => {
    expect(Math.abs(wasm[step]! / loss - 1), `step ${step}`).toBeLessThan(1e-4)
  })
  expect(reference.at(-1)).toBeLessThan(0.7 * reference[0]!)
  expect(wasm.at(-1)).toBeLessThan(0.1 * wasm[0]!)
})
