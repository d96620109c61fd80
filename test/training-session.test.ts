// The pass `train` by the library's own means: runs that are told a rate.
import { describe, expect, it } from 'vitest'
import type { Optimizer } from '../src/optimizers/index.ts'
import { built } from './support/built.ts'

const {
  adam,
  conv,
  defineNetwork,
  dense,
  dropout,
  initialize,
  initializeImages,
  l2Loss,
  openSession,
  scale,
  sgd,
  softmaxLoss,
} = await built<typeof import('../src/index.ts')>('index.js')

const network = defineNetwork('small', {
  inputs: { images: [6, 6, 2], labels: [] },
  layers: [
    conv('a', { filters: 4, kernel: 3, activation: 'relu' }),
    dropout('drop'),
    dense('b', { units: 5 }),
    softmaxLoss('loss', { inputs: ['b', 'labels'] }),
  ],
})
const inputs = initializeImages(network, 8, { seed: 3, sd: 1 })
const parameters = initialize(network, { seed: 3, sd: 0.3 })

async function open(optimizer: Optimizer, engine = 'reference') {
  const session = await openSession(network, { batch: 8, engine, pass: 'train', training: { optimizer } })
  session.write({ ...parameters, ...inputs })
  return session
}

describe('a session that trains', () => {
  it.each(['reference', 'wasm@1'])(
    'follows its gradients at the rate that a run is told, on %s',
    async (engine) => {
      await using session = await open(sgd({ momentum: 0 }), engine)
      await session.run({}, { rate: 0.25 })
      const gradient = session.read('b/weights.gradient')
      const expected = parameters['b/weights']!.map((value, i) => value - 0.25 * gradient[i]!)
      session.read('b/weights').forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 6)
      })
    },
  )

  it.each(['reference', 'wasm@1'])('leaves the constants of a model as they are, on %s', async (engine) => {
    const fixed = defineNetwork('fixed', {
      inputs: { images: [6, 6, 2] },
      layers: [
        scale('normalized', { trained: false }),
        conv('a', { filters: 4, kernel: 3 }),
        scale('doubled', { trained: false }),
        l2Loss('loss'),
      ],
    })
    const [given, images] = [initialize(fixed, { seed: 3 }), initializeImages(fixed, 2, { seed: 3, sd: 1 })]
    const constants = {
      'normalized/scale': Float32Array.of(0.5, 2),
      'normalized/shift': Float32Array.of(-1, 1),
      'doubled/scale': Float32Array.of(2, 3, 4, 5),
      'doubled/shift': Float32Array.of(1, 2, 3, 4),
    }
    const training = { optimizer: sgd() }
    await using session = await openSession(fixed, { batch: 2, engine, pass: 'train', training })
    session.write({ ...given, ...images, ...constants })
    for (let i = 0; i < 3; i++) await session.run({}, { rate: 0.01 })
    for (const [name, values] of Object.entries(constants))
      expect(session.read(name as keyof typeof constants), name).toEqual(values)
    expect(session.read('a/weights')).not.toEqual(given['a/weights'])
    expect(() => session.read('doubled/scale.gradient')).toThrow("unknown tensor 'doubled/scale.gradient'")
  })

  it('learns', async () => {
    await using session = await open(sgd(), 'wasm@1')
    const losses: number[] = []
    for (let i = 0; i < 40; i++) {
      await session.run({}, { rate: 0.02 })
      losses.push(session.read('loss')[0]!)
    }
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2)
  })

  it('counts its steps, by which Adam corrects its moments and dropout drops other values', async () => {
    await using counted = await open(adam())
    await using told = await open(adam())
    for (const step of [1, 2, 3]) {
      await counted.run({}, { rate: 0.01 })
      await told.run({}, { rate: 0.01, step })
      expect(told.read('b/weights')).toEqual(counted.read('b/weights'))
      expect(told.read('loss')).toEqual(counted.read('loss'))
    }
    await counted.run({}, { rate: 0.01 })
    await told.run({}, { rate: 0.01, step: 400 })
    expect(told.read('loss')).not.toEqual(counted.read('loss'))
  })

  it('drops other values in each micro-batch, and goes on from the step that it was told', async () => {
    const training = { optimizer: adam(), microBatches: 2 }
    const open = async () => {
      const session = await openSession(network, { batch: 8, engine: 'reference', pass: 'train', training })
      session.write({ ...parameters, ...inputs })
      return session
    }
    await using session = await open()
    await session.run({}, { part: 'gradients', rate: 0.01, step: 50 })
    const first = session.read('loss')
    await session.run({}, { rate: 0.01 })
    expect(session.read('loss'), 'the same images, other values dropped').not.toEqual(first)
    await using told = await open()
    await told.run({}, { part: 'gradients', rate: 0.01, step: 50 })
    await told.run({}, { rate: 0.01, step: 50 })
    expect(session.read('b/weights')).toEqual(told.read('b/weights'))
    for (const each of [session, told])
      await each.run({}, { part: 'gradients', rate: 0.01, ...(each === told && { step: 51 }) })
    expect(session.read('loss')).toEqual(told.read('loss'))
  })

  it('keeps the rate that it was told last', async () => {
    await using session = await open(sgd({ momentum: 0 }))
    await session.run({}, { rate: 0 })
    expect(session.read('a/weights')).toEqual(parameters['a/weights'])
    await session.run()
    expect(session.read('a/weights')).toEqual(parameters['a/weights'])
  })

  it('says what it lacks, and what is not of its pass', async () => {
    await using session = await open(sgd())
    await expect(session.run()).rejects.toThrow('give it one: run(inputs, { rate: 0.01 })')
    await expect(session.run({}, { step: 2 })).rejects.toThrow('run: a step is given without a rate')
    await expect(session.run({}, { rate: -1 })).rejects.toThrow(
      'rate is -1; it must be a finite number from 0',
    )
    await using forward = await openSession(network, { batch: 8, engine: 'reference' })
    await expect(forward.run({}, { rate: 0.1 })).rejects.toThrow(
      "run: rate and step belong to the pass 'train'; this session's pass is 'forward'",
    )
  })
})
