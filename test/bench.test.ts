import { expect, it } from 'vitest'
import { built } from './support/built.ts'

const { madeDenormalsWarning } =
  await built<typeof import('../src/bench/value-warnings.ts')>('bench/value-warnings.js')
const { benchmark } = await built<typeof import('../src/bench/bench.ts')>('bench/bench.js')
const { conv, defineNetwork, l2Loss, openSession, relu } =
  await built<typeof import('../src/index.ts')>('index.js')

const network = defineNetwork('one convolution', {
  inputs: { images: [9, 9, 3] },
  layers: [conv('conv', { filters: 8, kernel: 3, padding: 'valid' }), l2Loss('loss')],
})

it('leaves room between samples, and tells what the limits and the least bytes are', async () => {
  const order: string[] = []
  const runs = []
  const events = benchmark(network, {
    engine: 'wasm@1',
    passes: ['forward-backward'],
    batch: 2,
    batches: 3,
    burnIn: 1,
    check: false,
    betweenSamples: () => order.push('between'),
  })
  for await (const event of events) {
    if (event.kind === 'step') order.push(`sample ${event.step}`)
    if (event.kind === 'finished') runs.push(event.run)
  }
  expect(order).toEqual(['between', 'sample 0', 'between', 'sample 1', 'between', 'sample 2'])
  const [run] = runs
  expect(run!.bandwidthGigabytesPerSecond).toBeGreaterThan(0.1)
  const [images, output, weights, biases] = [2 * 9 * 9 * 3, 2 * 7 * 7 * 8, 3 * 3 * 3 * 8, 8]
  expect(run!.layers.map(({ bytes, backwardBytes }) => [bytes, backwardBytes])).toEqual([
    [4 * (images + weights + biases + output), 4 * (output + images + weights + biases)],
    [4 * (output + 1), 4 * (2 * output)],
  ])
})

it('takes its samples in rounds where it is asked for several', async () => {
  const events = benchmark(network, {
    engine: 'wasm@1',
    passes: ['forward'],
    batch: 1,
    batches: 2,
    rounds: 3,
    burnIn: 0,
    check: false,
  })
  for await (const event of events) {
    if (event.kind !== 'finished') continue
    expect(event.run).toMatchObject({ batches: 6, rounds: [2, 2, 2] })
    expect(event.run.samplesMs).toHaveLength(6)
    const [, second, third] = event.run.startsMs
    expect(third! - second!).toBeGreaterThanOrEqual(250)
  }
  expect.hasAssertions()
})

it('has a warning where what is made vanishes into denormal values', async () => {
  const vanishing = defineNetwork('vanishing', {
    inputs: { images: [6, 6, 3] },
    layers: [conv('conv', { filters: 64, kernel: 3 }), relu('relu')],
  })
  const session = await openSession(vanishing, { batch: 2, engine: 'wasm', pass: 'forward' })
  try {
    session.write({
      images: new Float32Array(216).fill(1),
      'conv/weights': new Float32Array(1728).fill(1),
      'conv/biases': new Float32Array(64),
    })
    await session.run()
    expect(madeDenormalsWarning(session)).toBeNull()
    session.write({ images: new Float32Array(216).fill(1e-40) })
    await session.run()
    expect(madeDenormalsWarning(session)).toMatch(
      /^relu: 100\.0% of the values are below 1\.2e-38 \(denormal\): wasm takes longer with them/,
    )
  } finally {
    await session.dispose()
  }
})
