import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  add,
  batchNorm,
  conv,
  dense,
  dropout,
  globalAveragePool,
  isTrainedRole,
  l2Loss,
  lrn,
  maxPool,
  softmaxLoss,
} from '../src/layers/index.ts'
import { defineNetwork, initialize, type Network, parametersOf } from '../src/networks/index.ts'
import { sgd } from '../src/optimizers/index.ts'
import { RATES_TENSOR } from '../src/plan/training.ts'
import type { Session, SessionOptions } from '../src/session.ts'
import type { Peer, Tensors } from './peers/suite.ts'
import { built } from './support/built.ts'
import { root } from './support/package.ts'

// The check that a peer must pass, with a session of convmark's own as the peer, right or with a fault.

const { openSession } = await built<typeof import('../src/session.ts')>('session.js')
const { checkPeer } = await import(new URL('peers/check.mjs', `file://${root}`).href)

const network = defineNetwork('small', {
  inputs: { images: [12, 11, 3] },
  layers: [
    conv('a', { filters: 8, kernel: 3, padding: 'same', activation: 'relu' }),
    lrn('b'),
    maxPool('c', { kernel: 3, stride: 2 }),
    conv('d', { filters: 5, kernel: 3, activation: 'relu' }),
    l2Loss('loss'),
  ],
})
const classifierWith = (rate: number) =>
  defineNetwork('classifier', {
    inputs: { images: [9, 8, 2], labels: [] },
    layers: [
      conv('a', { filters: 6, kernel: 3, activation: 'relu' }),
      dropout('drop', { rate }),
      // Nothing stops what goes back to its biases, from images that are zeros too.
      dense('b', { units: 10 }),
      dense('c', { units: 7 }),
      softmaxLoss('loss', { inputs: ['c', 'labels'] }),
    ],
  })
/** Its layers mix the images of a batch. */
const residual = defineNetwork('residual', {
  inputs: { images: [8, 7, 2], labels: [] },
  layers: [
    conv('a', { filters: 6, kernel: 3, padding: 1, biases: false }),
    batchNorm('n1', { activation: 'relu' }),
    // Its biases are undone by what follows: their gradient is rounding.
    conv('b', { filters: 6, kernel: 3, padding: 1 }),
    batchNorm('n2'),
    add('sum', { inputs: ['n2', 'n1'], activation: 'relu' }),
    globalAveragePool('mean'),
    dense('fc', { units: 5 }),
    softmaxLoss('loss', { inputs: ['fc', 'labels'] }),
  ],
})
const BATCH = 4
const SETTINGS = { batch: BATCH, engine: 'wasm@1', algorithm: 'direct', tuningCache: false } as const
const parametersFor = (of: Network) => initialize(of, { seed: 7 })

const sessions: Session[] = []
async function opened(of: Network, options: Partial<SessionOptions>): Promise<Session> {
  const session = await openSession(of, { ...SETTINGS, keep: 'all', ...options })
  session.write(parametersFor(of))
  sessions.push(session)
  return session
}

let session: Session
/** Of the classifier, whose dropout is on and off: as convmark's own of the benchmark would be, and with faults. */
const trainers: Record<string, { readonly on: Session; readonly off: Session }> = {}
const TRAINING = { momentum: 0.9, decay: 5e-4 }
const TRAINERS = {
  right: {},
  'without decay': { decay: 0 },
  'of another momentum': { momentum: 0.89 },
  'that drops too much': { rate: 0.7 },
  'that drops nothing': { rate: 0 },
}
/** The residual network's. */
let trainer: { readonly on: Session; readonly off: Session }
beforeAll(async () => {
  const training = {
    optimizer: sgd({ momentum: TRAINING.momentum }),
    decays: decaysOf(residual, TRAINING.decay),
  }
  const only = await opened(residual, { pass: 'train', training })
  trainer = { on: only, off: only }
  session = await opened(network, { pass: 'forward-backward' })
  for (const [name, fault] of Object.entries(TRAINERS)) {
    const { rate, momentum, decay } = { rate: 0.5, ...TRAINING, ...fault }
    const open = (of: Network) =>
      opened(of, { pass: 'train', training: { optimizer: sgd({ momentum }), decays: decaysOf(of, decay) } })
    const [on, off] = [await open(classifierWith(rate)), await open(classifierWith(0))]
    trainers[name] = { on, off }
  }
})
afterAll(async () => {
  for (const each of sessions) await each.dispose()
})

const decaysOf = (of: Network, decay: number) =>
  Object.fromEntries(trainedOf(of).map((name) => [name, decay]))

const trainedOf = (of: Network) =>
  Object.entries(parametersOf(of)).flatMap(([name, { role }]) => (isTrainedRole(role) ? [name] : []))

type Fault = (tensor: string, values: Float32Array) => Float32Array | undefined

/** A session as a peer, whose tensors are changed before they are seen. `current` is the session that runs. */
function peerOf(current: () => Session, fault: Fault, extra: readonly string[] = []): Peer {
  const read = (names: readonly string[], pick = (values: Float32Array) => values): Tensors =>
    Object.fromEntries(names.map((name) => [name, fault(name, pick(current().read(name)))!]))
  return {
    setImages: (images, labels) => current().write({ images, ...(labels && { labels }) }),
    async run() {
      await current().run()
      return 1
    },
    results: () => read([...current().plan.outputs, ...extra]),
    async activations(images) {
      await current().run()
      const names = current().network.layers.filter(({ isLoss }) => !isLoss)
      return read(
        names.map(({ layer }) => layer.name),
        (values) => {
          const length = values.length / BATCH
          return Float32Array.from(
            images.flatMap((image) => [...values.subarray(image * length, (image + 1) * length)]),
          )
        },
      )
    },
  }
}

const peerWith = (fault: Fault): Peer => peerOf(() => session, fault)

/** One that trains. */
const trainerWith = (name: keyof typeof TRAINERS, fault: Fault = (_tensor, values) => values): Peer =>
  trainerOf(trainers[name]!, fault)

function trainerOf({ on, off }: { readonly on: Session; readonly off: Session }, fault: Fault): Peer {
  const parameters = parametersFor(off.network)
  const trained = trainedOf(off.network)
  let current = on
  const begin = (rate: number) => {
    const still = trained.map((name) => [`${name}.momentum`, parameters[name]!.map(() => 0)])
    for (const each of [on, off])
      each.write({ ...parameters, ...Object.fromEntries(still), [RATES_TENSOR]: Float32Array.of(rate, 1) })
  }
  begin(0)
  const peer = peerOf(() => current, fault, Object.keys(parameters))
  return {
    ...peer,
    // It has no forward of its own: the parameters and momenta stand as they are.
    async activations(images) {
      const names = [...Object.keys(parameters), ...trained.map((name) => `${name}.momentum`)]
      const states = Object.fromEntries(names.map((name) => [name, current.read(name)]))
      const activations = await peer.activations(images)
      current.write(states)
      return activations
    },
    setDropout: (isOn) => {
      current = isOn ? on : off
    },
    restart: begin,
  }
}

const check = (peer: Peer, pass = 'forward-backward') =>
  checkPeer(peer, { network, batch: BATCH, parameters: parametersFor(network), pass }, 7)

const checkTrainer = (peer: Peer, of: Network = classifierWith(0.5)) => {
  const setup = {
    network: of,
    batch: BATCH,
    parameters: parametersFor(of),
    pass: 'train',
    training: TRAINING,
  }
  return checkPeer(peer, setup, 7)
}

/** The tensor's values, one of them changed. */
const changed = (values: Float32Array, change: (value: number) => number) =>
  values.with(5, change(values[5]!))

it('passes what is right, and says against what', async () => {
  const { passed, against, maxRelativeError } = await check(peerWith((_tensor, values) => values))
  expect(passed).toBe(true)
  expect(maxRelativeError).toBeLessThan(1e-5)
  expect(against).toContain('gradients: float64, given its own activations of 2 images')
})

describe('refuses', () => {
  it.each<[string, Fault, string]>([
    [
      'an output that is off',
      (tensor, values) => (tensor === 'd' ? values.map((value) => 1.001 * value) : values),
      "d differs from convmark's by 1.0e-3",
    ],
    [
      'a gradient that is off by less than two right engines may be',
      (tensor, values) => (tensor === 'a/weights.gradient' ? values.map((value) => 1.001 * value) : values),
      "a/weights.gradient differs from float64's with images 150 times as large, given its own activations, by 1.0e-3",
    ],
    [
      'one NaN in a gradient',
      (tensor, values) => (tensor === 'd/weights.gradient' ? changed(values, () => Number.NaN) : values),
      'd/weights.gradient differs',
    ],
    [
      'activations that are not those of the run',
      (tensor, values) => (tensor === 'b' ? values.map((value) => 1.001 * value) : values),
      "b differs from convmark's with images 150 times as large, as it was shown, by 1.0e-3",
    ],
    [
      'a gradient that is missing',
      (tensor, values) => (tensor === 'a/biases.gradient' ? undefined : values),
      'a/biases.gradient has no values, not 8',
    ],
  ])('%s', (_what, fault, reason) => expect(check(peerWith(fault))).rejects.toThrow(reason))
})

describe('of training', () => {
  it('passes what is right, and leaves it as it is timed', async () => {
    const { passed, against, maxRelativeError } = await checkTrainer(trainerWith('right'))
    expect(passed).toBe(true)
    expect(maxRelativeError).toBeLessThan(1e-5)
    expect(against).toContain('three updates: float64, given its own gradients')
    const { on } = trainers.right!
    for (const [name, values] of Object.entries(parametersFor(on.network)))
      expect(on.read(name), name).toEqual(values)
    expect(on.read(RATES_TENSOR)[0]).toBe(0)
  })

  it.each<[keyof typeof TRAINERS, string]>([
    ['without decay', "differs from float64's after the first update"],
    ['of another momentum', "differs from float64's after the second update without images"],
    ['that drops too much', 'drop differs from what is kept divided by 0.5'],
    ['that drops nothing', 'drop differs from what is kept divided by 0.5'],
  ])('refuses one %s', (name, reason) => expect(checkTrainer(trainerWith(name))).rejects.toThrow(reason))

  // Behind ReLU half of the values are zeros, and dropout makes it three quarters.
  const shareOfZeros = (values: Float32Array) => values.filter((value) => value === 0).length / values.length

  it.each<[string, Fault, string | RegExp]>([
    [
      'the sum of the losses, not their mean',
      (tensor, values) => (tensor === 'loss' ? values.map((loss) => BATCH * loss) : values),
      "loss differs from float64's, given convmark's outputs, by 3.0",
    ],
    [
      'gradients of the sum of the losses',
      (tensor, values) => (tensor.endsWith('.gradient') ? values.map((value) => BATCH * value) : values),
      "gradient differs from float64's",
    ],
    [
      'biases whose gradients leave out the images that are zeros',
      (tensor, values) => (tensor === 'b/biases.gradient' ? values.map((value) => 0.999 * value) : values),
      "b/biases.gradient differs from float64's",
    ],
    [
      'biases that stay as they are',
      (tensor, values) => (tensor === 'c/biases' ? values.map(() => 0) : values),
      "c/biases differs from float64's after the first update by 1.0",
    ],
    [
      'dropout of every value',
      (tensor, values) => (tensor === 'drop' && shareOfZeros(values) > 0.65 ? values.map(() => 0) : values),
      /^drop drops (\d+) of \1 values; its rate is 0.5/,
    ],
  ])('refuses %s', (_what, fault, reason) =>
    expect(checkTrainer(trainerWith('right', fault))).rejects.toThrow(reason),
  )
})

describe('of training with batch norm', () => {
  const checkResidual = (fault: Fault) => checkTrainer(trainerOf(trainer, fault), residual)

  it('passes what is right, by all images of the batch, and leaves it as it is timed', async () => {
    const { passed, against, maxRelativeError } = await checkResidual((_tensor, values) => values)
    expect(passed).toBe(true)
    expect(maxRelativeError).toBeLessThan(3e-5)
    expect(against).toContain('gradients: float64, given its own activations of 4 images')
    expect(against).toContain('running statistics after two runs: float64, given its own activations')
    for (const [name, values] of Object.entries(parametersFor(residual)))
      expect(trainer.on.read(name), name).toEqual(values)
  })

  it.each<[string, Fault, string]>([
    [
      'running statistics that stay as they are',
      (tensor, values) => (tensor === 'n1/mean' ? values.map(() => 0) : values),
      "n1/mean differs from float64's after two runs, given its own activations, by 6.5e-2",
    ],
    [
      'a running variance of the biased ones',
      // 4 images of 8 x 7 pixels; two runs of momentum 0.1 leave 0.81 of the first variances, which are 1.
      (tensor, values) =>
        tensor === 'n2/variance' ? values.map((value) => 0.81 + ((value - 0.81) * 223) / 224) : values,
      "n2/variance differs from float64's after two runs, given its own activations, by",
    ],
    [
      'a layer that makes a little else of what it reads',
      (tensor, values) => (tensor === 'n1' ? values.map((value) => 1.001 * value) : values),
      "n1 differs from float64's, given its own inputs, by 1.0e-3",
    ],
    [
      'outputs that are off',
      (tensor, values) => (tensor === 'fc' ? values.map((value) => 1.01 * value) : values),
      "fc differs from convmark's by 1.0e-2; 0.001 is allowed",
    ],
    [
      'a gradient that is off by a hundredth',
      (tensor, values) => (tensor === 'a/weights.gradient' ? values.map((value) => 1.01 * value) : values),
      "a/weights.gradient differs from float64's, given its own activations, by 1.0e-2",
    ],
  ])('refuses %s', (_what, fault, reason) => expect(checkResidual(fault)).rejects.toThrow(reason))
})
