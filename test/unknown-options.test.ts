// A misspelt option is refused wherever options are taken: TypeScript tells only those who compile.
import { describe, expect, it } from 'vitest'
import { built } from './support/built.ts'

const library = await built<typeof import('../src/index.ts')>('index.js')
const data = await built<typeof import('../src/data/index.ts')>('data/index.js')
const { createPlan, openEngine, requireTuning } = await built<typeof import('../src/engine.ts')>('engine.js')
const { benchmark, Checker } = await built<typeof import('../src/bench/index.ts')>('bench/index.js')
const { compare } = await built<typeof import('../src/bench/compare.ts')>('bench/compare.js')
const { onnxModel } = await built<typeof import('../src/formats/index.ts')>('formats/index.js')
const { reportHtml } = await built<typeof import('../src/report/index.ts')>('report/index.js')
const { evaluate, train } = await built<typeof import('../src/train/index.ts')>('train/index.js')
const { networks, openSession } = library

const inputs = { images: [6, 6, 1], labels: [] } as const
const network = library.defineNetwork('small', {
  inputs,
  layers: [library.dense('fc', { units: 3 }), library.softmaxLoss('loss', { inputs: ['fc', 'labels'] })],
})
const parameters = library.initialize(network, { seed: 1 })
const tuning = { version: 1, processor: 'p', engine: 'e', choices: {} } as const
const split = data.syntheticDataset({ size: 6, channels: 1 }).train
const image = { width: 6, height: 6, channels: 1, pixels: new Uint8Array(36) } as const
const preprocessing = { size: 6, channels: 1, resize: null, normalise: { kind: 'per-image' } } as const
const colour = { eigenvalues: [1], eigenvectors: [[1, 0, 0]] }
const state = {
  step: 0,
  epoch: 1,
  batch: 0,
  parameters,
  states: {},
  tuning: null,
  sums: { images: 0, loss: 0, correct: 0, elapsedMs: 0, waitedMs: 0 },
}
const training = { batches: () => [], batchesPerEpoch: 1, epochs: 1, batch: 2 }
const evaluation = { batches: [], batch: 2, parameters }
const first = async (events: AsyncIterable<unknown>) => {
  for await (const event of events) return event
}

/** What takes options, with what must be given beside the one that is misspelt. */
const takers: Readonly<Record<string, (more: object) => unknown>> = {
  ...Object.fromEntries(
    Object.entries(networks).map(([name, factory]) => [name, (more: object) => factory(more)]),
  ),
  networkNamed: (more) => library.networkNamed('lenet', more),
  conv: (more) => library.conv('a', { filters: 1, kernel: 1, ...more }),
  'conv.padding': (more) =>
    library.conv('a', { filters: 1, kernel: 1, padding: { top: 0, bottom: 0, left: 0, right: 0, ...more } }),
  'conv.initial': (more) =>
    library.conv('a', { filters: 1, kernel: 1, initial: { weightsSd: 1, biases: 0, ...more } }),
  dense: (more) => library.dense('a', { units: 1, ...more }),
  maxPool: (more) => library.maxPool('a', { kernel: 1, ...more }),
  lrn: (more) => library.lrn('a', more),
  dropout: (more) => library.dropout('a', more),
  relu: (more) => library.relu('a', more),
  sigmoid: (more) => library.sigmoid('a', more),
  tanh: (more) => library.tanh('a', more),
  clip: (more) => library.clip('a', { min: 0, max: 1, ...more }),
  crop: (more) => library.crop('a', { height: 1, width: 1, ...more }),
  unflatten: (more) => library.unflatten('a', { height: 1, width: 1, ...more }),
  relu6: (more) => library.relu6('a', more),
  leakyRelu: (more) => library.leakyRelu('a', more),
  elu: (more) => library.elu('a', more),
  hardSigmoid: (more) => library.hardSigmoid('a', more),
  hardSwish: (more) => library.hardSwish('a', more),
  silu: (more) => library.silu('a', more),
  gelu: (more) => library.gelu('a', more),
  softplus: (more) => library.softplus('a', more),
  prelu: (more) => library.prelu('a', more),
  mish: (more) => library.mish('a', more),
  abs: (more) => library.abs('a', more),
  exp: (more) => library.exp('a', more),
  erf: (more) => library.erf('a', more),
  power: (more) => library.power('a', { exponent: 2, ...more }),
  scale: (more) => library.scale('a', more),
  add: (more) => library.add('a', { inputs: ['a', 'b'], ...more }),
  multiply: (more) => library.multiply('a', { inputs: ['a', 'b'], ...more }),
  subtract: (more) => library.subtract('a', { inputs: ['a', 'b'], ...more }),
  divide: (more) => library.divide('a', { inputs: ['a', 'b'], ...more }),
  maximum: (more) => library.maximum('a', { inputs: ['a', 'b'], ...more }),
  minimum: (more) => library.minimum('a', { inputs: ['a', 'b'], ...more }),
  'conv.activation': (more) =>
    library.conv('a', { filters: 1, kernel: 1, activation: { kind: 'elu', ...more } }),
  l2Loss: (more) => library.l2Loss('a', more),
  softmaxLoss: (more) => library.softmaxLoss('a', { inputs: ['a', 'b'], ...more }),
  defineNetwork: (more) => library.defineNetwork('n', { inputs, layers: [library.relu('a')], ...more }),
  'a layer as data': (more) =>
    library.defineNetwork('n', { inputs, layers: [{ ...library.relu('a'), ...more }] }),
  "a layer's options as data": (more) =>
    library.defineNetwork('n', { inputs, layers: [{ ...library.relu('a'), options: more }] }),
  initialize: (more) => library.initialize(network, { seed: 1, ...more }),
  initializeImages: (more) => library.initializeImages(network, 1, { seed: 1, ...more }),
  initializeForTraining: (more) => library.initializeForTraining(network, { seed: 1, ...more }),
  sgd: (more) => library.sgd(more),
  adam: (more) => library.adam(more),
  openEngine: (more) => openEngine('reference', more),
  createPlan: (more) => createPlan(network, { batch: 1, pass: 'forward', ...more }),
  'createPlan.training': (more) =>
    createPlan(network, { batch: 1, pass: 'train', training: { optimizer: library.sgd(), ...more } }),
  'createPlan.training.optimizer': (more) =>
    createPlan(network, { batch: 1, pass: 'train', training: { optimizer: { ...library.sgd(), ...more } } }),
  'createPlan.training.decays': (more) =>
    createPlan(network, {
      batch: 1,
      pass: 'train',
      training: { optimizer: library.sgd(), decays: { ...more } },
    }),
  tuning: (more) => requireTuning({ ...tuning, ...more }),
  openSession: (more) => openSession(network, { batch: 1, engine: 'reference', ...more }),
  'openSession.tuning': (more) =>
    openSession(network, { batch: 1, engine: 'reference', tuning: { ...tuning, ...more } }),
  'openSession.training': (more) =>
    openSession(network, {
      batch: 1,
      pass: 'train',
      engine: 'reference',
      training: { optimizer: library.adam(), ...more },
    }),
  train: (more) => first(train(network, { ...training, ...more })),
  'train.optimizer': (more) =>
    first(train(network, { ...training, optimizer: { ...library.sgd(), ...more } })),
  'train.resume': (more) => first(train(network, { ...training, resume: { ...state, ...more } })),
  'train.resume.sums': (more) =>
    first(train(network, { ...training, resume: { ...state, sums: { ...state.sums, ...more } } })),
  evaluate: (more) => evaluate(network, { ...evaluation, ...more }),
  benchmark: (more) => first(benchmark(network, more)),
  compare: (more) => first(compare(network, { engines: ['reference'], ...more })),
  reportHtml: (more) => reportHtml([], { command: '', ...more }),
  onnxModel: (more) => onnxModel(network, parameters, more),
  openDataset: (more) => data.openDataset('synthetic', more),
  'openDataset.synthetic': (more) => data.openDataset('synthetic', { synthetic: more }),
  syntheticDataset: (more) => data.syntheticDataset(more),
  choosePreprocessing: (more) =>
    data.choosePreprocessing(data.syntheticDataset(), { size: 6, channels: 1 }, more),
  openDecoder: (more) => data.openDecoder(more),
  "choosePreprocessing's image": (more) =>
    data.choosePreprocessing(data.syntheticDataset({ size: 6 }), { size: 6, channels: 3, ...more }),
  centreCrop: (more) => data.centreCrop(image, { ...preprocessing, ...more }),
  tenCrops: (more) => data.tenCrops(image, { ...preprocessing, ...more }),
  openPipeline: (more) => data.openPipeline(split, { batch: 1, preprocessing, ...more }),
  'openPipeline.preprocessing': (more) =>
    data.openPipeline(split, { batch: 1, preprocessing: { ...preprocessing, ...more } }),
  'openPipeline.preprocessing.normalise': (more) =>
    data.openPipeline(split, {
      batch: 1,
      preprocessing: { ...preprocessing, normalise: { kind: 'per-image', ...more } },
    }),
  'openPipeline.augmentation': (more) =>
    data.openPipeline(split, {
      batch: 1,
      preprocessing,
      augmentation: { flip: true, crop: true, colour: null, ...more },
    }),
  'openPipeline.augmentation.colour': (more) =>
    data.openPipeline(split, {
      batch: 1,
      preprocessing: { ...preprocessing, channels: 3 },
      augmentation: { flip: true, crop: true, colour: { ...colour, ...more } },
    }),
}

const outcome = async (run: () => unknown): Promise<unknown> => {
  try {
    return await run()
  } catch (error) {
    return error
  }
}

describe('an option that there is not', () => {
  it.each(Object.entries(takers))('is refused by %s', async (_name, take) => {
    expect(await outcome(() => take({ misspelt: 1 }))).toMatchObject({
      name: expect.stringMatching(/^(Usage|Network|Format)Error$/),
      message: expect.stringMatching(/unknown .*'misspelt'/),
    })
  })

  it.each([
    [() => library.conv('a', { filters: 1, kernel: 3, strides: 2 } as never), "did you mean 'stride'?"],
    [() => library.conv('a', { filters: 1, kernel: 3, activatoin: 'relu' } as never), "'activation'?"],
    [() => openSession(network, { bacth: 8 } as never), "did you mean 'batch'?"],
  ])('names the nearest that there is', async (take, message) => {
    expect(await outcome(take)).toMatchObject({ message: expect.stringContaining(message) })
  })

  it('is refused by a session and an engine that are open', async () => {
    const engine = await openEngine('reference')
    await using session = await openSession(network, { batch: 1, engine })
    session.write(parameters)
    const images = new Float32Array(36)
    await expect(session.run({ images }, { sginal: 1 } as never)).rejects.toThrow(
      "run: unknown option 'sginal'; did you mean 'signal'? (signal, part, rate, step)",
    )
    await expect(session.run({ image: images } as never)).rejects.toThrow("unknown tensor 'image'")
    await expect(session.run(images as never)).rejects.toThrow('tensors are given by name')
    await expect(session.run({ images: [...images] } as never)).rejects.toThrow(
      "'images' must be a Float32Array, not [0,0",
    )
    await session.run({ images, labels: undefined }, { signal: undefined, part: undefined })
    await expect(engine.prepare(session.plan, { tunig: tuning } as never)).rejects.toThrow(
      "prepare: unknown option 'tunig'",
    )
    const checker = new Checker(network, 1, 1)
    await expect(checker.check(session, { onProgres: () => {} } as never)).rejects.toThrow(
      "check: unknown option 'onProgres'",
    )
    await checker.dispose()
  })
})

describe('a value of another type', () => {
  it.each<[string, () => unknown, string]>([
    ['a batch in text', () => openSession(network, { batch: '8' } as never), "batch is '8'"],
    ['no options', () => openSession(network, undefined as never), 'options must be an object'],
    ['no engine', () => openSession(network, { batch: 1, engine: null } as never), 'engine is null'],
    ['a network by its name', () => openSession('lenet' as never, { batch: 1 }), "the network is 'lenet'"],
    [
      'a flag in text',
      () => openSession(network, { batch: 1, tuningCache: 'no' } as never),
      "tuningCache is 'no'",
    ],
    [
      'a controller',
      () => openSession(network, { batch: 1, signal: new AbortController() } as never),
      'signal is {}; it must be an AbortSignal, with its throwIfAborted',
    ],
    ['what to keep', () => openSession(network, { batch: 1, keep: 'al' } as never), "unknown keep 'al'"],
    ['a rate in text', () => first(train(network, { ...training, rate: '0.1' } as never)), "rate is '0.1'"],
    [
      'a schedule',
      () => first(train(network, { ...training, schedule: 'cosin' } as never)),
      "unknown schedule 'cosin'; did you mean 'cosine'?",
    ],
    [
      'an optimizer by its name',
      () => first(train(network, { ...training, optimizer: 'adam' } as never)),
      '',
    ],
    ['a momentum in text', () => library.sgd({ momentum: '0.9' as never }), "momentum is '0.9'"],
    ['a flip in text', () => openFlipped('no'), "augmentation: flip is 'no'; it must be true or false"],
    ['a seed', () => library.initialize(network, { seed: 1.5 }), 'seed is 1.5'],
    ['an engine that is no spec', () => openEngine(5 as never), 'engine 5 is not name[:target][@threads]'],
    ['layers', () => library.defineNetwork('n', { inputs, layers: {} } as never), 'layers is {}'],
    ['a layer', () => library.defineNetwork('n', { inputs, layers: ['relu'] } as never), 'n: layer 0: '],
    [
      'no options of a layer',
      () => library.defineNetwork('n', { inputs, layers: [{ kind: 'relu', name: 'a' }] } as never),
      'n: a: options is missing',
    ],
    ['inputs of a layer', () => library.relu('a', { inputs: 'images' } as never), "inputs is 'images'"],
    ['no options of a layer’s factory', () => library.conv('a', undefined as never), 'a: options must be'],
  ])('is refused: %s', async (_what, take, message) => {
    expect(await outcome(take)).toMatchObject({
      name: expect.stringMatching(/^(Usage|Network)Error$/),
      message: expect.stringContaining(message),
    })
  })

  const openFlipped = (flip: unknown) =>
    data.openPipeline(split, {
      batch: 1,
      preprocessing,
      augmentation: { flip, crop: false, colour: null } as never,
    })
})

it('what is undefined is not given', () => {
  expect(library.lrn('a', { radius: undefined as never })).toEqual(library.lrn('a'))
  expect(library.dropout('a', { rate: undefined as never })).toEqual(library.dropout('a'))
  expect(library.sgd({ momentum: undefined as never })).toEqual(library.sgd())
  expect(
    library.conv('a', { filters: 1, kernel: 1, activation: undefined, inputs: undefined as never }),
  ).toEqual(library.conv('a', { filters: 1, kernel: 1 }))
})
