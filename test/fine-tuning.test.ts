// A network that learned one thing learns another: new heads, rates of single layers, and features of frozen layers that are made once.
import { describe, expect, it } from 'vitest'
import type { Split } from '../src/data/index.ts'
import type { Layer } from '../src/layers/index.ts'
import type { Network } from '../src/networks/index.ts'
import type { TrainingState, TrainOptions } from '../src/train/index.ts'
import { built } from './support/built.ts'
import { ownCache } from './support/own-cache.ts'

ownCache()

const library = await built<typeof import('../src/index.ts')>('index.js')
const { add, adam, batchNorm, conv, defineNetwork, dense, dropout, globalAveragePool, maxPool, sgd } = library
const { initializeForTraining, lastFixedTensor, softmaxLoss } = library
const { choosePreprocessing, openPipeline, syntheticDataset } =
  await built<typeof import('../src/data/index.ts')>('data/index.js')
const { DamagedImageError } = await built<typeof import('../src/errors.ts')>('errors.js')
const { evaluate, headAndBody, keepFeatures, replaceHead, train } =
  await built<typeof import('../src/train/index.ts')>('train/index.js')

/** Nothing is measured: the networks are too small for that to be worth its time. */
const ON = { engine: 'wasm@1', tuningBudgetMs: 0 } as const
const BATCH = 6
const dataset = syntheticDataset({ size: 8, channels: 3, classes: 3, trainCount: 27, testCount: 10 })
const preprocessing = await choosePreprocessing(dataset, { size: 8, channels: 3 })

const classifier = (...layers: readonly Layer[]): Network =>
  defineNetwork('tried', {
    inputs: { images: [8, 8, 3], labels: [] },
    layers: [
      conv('stem', { filters: 5, kernel: 3, biases: false }),
      batchNorm('bn', { activation: 'relu' }),
      ...layers,
      dense('fc', { units: 3 }),
      softmaxLoss('loss', { inputs: ['fc', 'labels'] }),
    ],
  })

const ofVectors = classifier(globalAveragePool('pool'))
const ofImages = classifier(
  dropout('drop', { rate: 0.3 }),
  conv('c', { filters: 4, kernel: 3 }),
  dropout('again'),
)
const ofBlocks = classifier(
  conv('inner', { filters: 5, kernel: 1 }),
  add('sum', { inputs: ['inner', 'bn'], activation: 'relu' }),
  maxPool('pool', { kernel: 2, stride: 2 }),
)

const options = { epochs: 3, batch: BATCH, batchesPerEpoch: 4, rate: 0.05, ...ON } as const

interface Trained {
  readonly losses: readonly number[]
  readonly corrects: readonly (number | null)[]
  readonly state: TrainingState
}

async function trained(
  network: Network,
  more: Pick<TrainOptions, 'batches'> & Partial<TrainOptions>,
): Promise<Trained> {
  const [losses, corrects]: [number[], (number | null)[]] = [[], []]
  let state: TrainingState | null = null
  for await (const event of train(network, { ...options, ...more })) {
    if (event.kind === 'step') losses.push(event.loss)
    if (event.kind === 'step') corrects.push(event.correct)
    if (event.kind === 'end') state = event.state()
  }
  return { losses, corrects, state: state! }
}

/** Over the pictures themselves. */
async function trainedOnPictures(
  network: Network,
  more: Partial<TrainOptions>,
  split: Split = dataset.train,
) {
  await using pipeline = await openPipeline(split, { batch: BATCH, preprocessing, epochs: 9 })
  return await trained(network, { batches: (epoch, first) => pipeline.epoch(epoch, first), ...more })
}

/** Over what the frozen layers make of them, which is kept. */
async function trainedOnFeatures(
  network: Network,
  more: Partial<TrainOptions>,
  split: Split = dataset.train,
) {
  const { freeze = [], resume } = more
  const parameters = resume?.parameters ?? more.parameters!
  const frozen = new Set(freeze)
  const from = lastFixedTensor(network, frozen)!
  const kept = await keepFeatures(network, {
    from,
    parameters,
    split,
    preprocessing,
    batch: 4,
    ...ON,
  })
  await using pipeline = kept.pipeline({ batch: BATCH, epochs: 9 })
  const batches: TrainOptions['batches'] = (epoch, first) => pipeline.epoch(epoch, first)
  return { from, kept, ...(await trained(network, { batches, from, ...more })) }
}

function expectClose(one: Trained, other: Trained): void {
  expect(one.corrects).toEqual(other.corrects)
  one.losses.forEach((loss, i) => {
    expect(Math.abs(loss / other.losses[i]! - 1), `step ${i}`).toBeLessThan(1e-4)
  })
  expect(Object.keys(one.state.parameters).sort()).toEqual(Object.keys(other.state.parameters).sort())
  for (const [name, values] of Object.entries(one.state.parameters)) {
    values.forEach((value, i) => {
      expect(value, name).toBeCloseTo(other.state.parameters[name]![i]!, 4)
    })
  }
  expect(one.state).toMatchObject({
    step: other.state.step,
    epoch: other.state.epoch,
    batch: other.state.batch,
  })
}

describe('features of frozen layers that are kept', () => {
  it.each<[string, Network, string, Partial<TrainOptions>]>([
    ['a vector', ofVectors, 'pool', { freeze: ['stem', 'bn'] }],
    [
      'an image, before a dropout that goes on dropping',
      ofImages,
      'bn',
      { freeze: ['stem', 'bn', 'c'], decay: 0.1 },
    ],
    [
      'after a block',
      ofBlocks,
      'pool',
      { freeze: ['stem', 'bn', 'inner'], optimizer: adam(), microBatch: 3 },
    ],
    [
      'before a block of which one layer is trained',
      ofBlocks,
      'bn',
      { freeze: ['stem', 'bn'], clipNorm: 0.1 },
    ],
    ['with other rates', ofBlocks, 'bn', { freeze: ['stem', 'bn'], rates: { fc: 0.3 }, schedule: 'cosine' }],
    ['with activations made again', ofBlocks, 'bn', { freeze: ['stem', 'bn'], checkpoint: 'blocks' }],
  ])('lead to what training on the pictures leads to: %s', async (_, network, from, more) => {
    const parameters = initializeForTraining(network, { seed: 5 })
    const onFeatures = await trainedOnFeatures(network, { ...more, parameters })
    expect(onFeatures.from).toBe(from)
    expectClose(onFeatures, await trainedOnPictures(network, { ...more, parameters }))
    // A frozen batch norm keeps its statistics (keras-team/keras#7085), and neither decay nor momentum moves a frozen weight
    // (ahrefs/ocannl#673), which has no momentum (explosion/curated-transformers#69)
    for (const name of Object.keys(parameters).filter((name) => /^(stem|bn)/.test(name)))
      expect(onFeatures.state.parameters[name], name).toEqual(parameters[name])
    expect(Object.keys(onFeatures.state.states).filter((name) => /^(stem|bn)/.test(name))).toEqual([])
    expect(onFeatures.state.parameters['fc/weights']).not.toEqual(parameters['fc/weights'])
  })

  it('skip the damaged pictures, and put the same others in their place', async () => {
    const split: Split = {
      ...dataset.train,
      count: 250,
      label: (index) => index % 3,
      image: (index) => {
        if (index === 3 || index === 17) throw new DamagedImageError(`${index}.png`, 'is cut off')
        return dataset.train.image(index % 27)
      },
    }
    const more = {
      freeze: ['stem', 'bn'],
      parameters: initializeForTraining(ofVectors, { seed: 5 }),
      batchesPerEpoch: 41,
    }
    const onFeatures = await trainedOnFeatures(ofVectors, more, split)
    expect(onFeatures.kept.skipped.map(({ index, file, reason }) => [index, file, reason])).toEqual([
      [3, '3.png', 'is cut off'],
      [17, '17.png', 'is cut off'],
    ])
    expect(onFeatures.kept.byteLength).toBe(248 * 5 * 4)
    expectClose(onFeatures, await trainedOnPictures(ofVectors, more, split))
    await using tested = onFeatures.kept.pipeline({ batch: 100, shuffle: false })
    const lengths: number[] = []
    for await (const { indexes, images } of tested.epoch(1)) {
      expect(images.length).toBe(indexes.length * 5)
      lengths.push(indexes.length)
    }
    expect(lengths).toEqual([98, 100, 50])
    expect(tested.skipped.map(({ file }) => file)).toEqual(['3.png', '17.png'])
  })

  it('are left and taken up again, with the same bits, or by a training on the pictures', async () => {
    const more = { freeze: ['stem', 'bn', 'c'], parameters: initializeForTraining(ofImages, { seed: 5 }) }
    const whole = await trainedOnFeatures(ofImages, more)
    const { state } = await trainedOnFeatures(ofImages, { ...more, epochs: 2 })
    expect(Object.keys(state.parameters).sort()).toEqual(Object.keys(more.parameters).sort())
    const resumed = await trainedOnFeatures(ofImages, { ...more, resume: state })
    expect(resumed.state.parameters).toEqual(whole.state.parameters)
    const onPictures = await trainedOnPictures(ofImages, { ...more, resume: state })
    expectClose(onPictures, resumed)
  })

  it('are evaluated as the pictures are', async () => {
    const parameters = initializeForTraining(ofVectors, { seed: 5 })
    const split = dataset.test!
    const kept = await keepFeatures(ofVectors, {
      from: 'pool',
      parameters,
      split,
      preprocessing,
      batch: 4,
      ...ON,
    })
    await using features = kept.pipeline({ batch: 4, shuffle: false })
    await using pictures = await openPipeline(split, { batch: 4, preprocessing, shuffle: false })
    const settings = { parameters, batch: 4, ...ON }
    const ofFeatures = await evaluate(ofVectors, { ...settings, from: 'pool', batches: features.epoch(1) })
    const ofPictures = await evaluate(ofVectors, { ...settings, batches: pictures.epoch(1) })
    expect(ofFeatures).toEqual({ ...ofPictures, loss: expect.closeTo(ofPictures.loss, 5) })
    expect(ofFeatures.count).toBe(10)
  })

  it('end when they are told to', async () => {
    const controller = new AbortController()
    const parameters = initializeForTraining(ofVectors, { seed: 5 })
    const keeping = keepFeatures(ofVectors, {
      from: 'pool',
      parameters,
      split: dataset.train,
      preprocessing,
      batch: 4,
      ...ON,
      onBatch: (done) => done === 8 && controller.abort(new Error('enough')),
      signal: controller.signal,
    })
    await expect(keeping).rejects.toThrow('enough')
  })

  it('are refused where the training changes what is before them', async () => {
    const parameters = initializeForTraining(ofBlocks, { seed: 5 })
    const from = (tensor: string, freeze: readonly string[]) =>
      trained(ofBlocks, { batches: () => [], parameters, from: tensor, freeze })
    await expect(from('pool', ['stem', 'bn'])).rejects.toThrow(
      "train: from 'pool': 'inner' before it changes in training; freeze it, or begin earlier",
    )
    await expect(from('inner', ['stem', 'bn', 'inner'])).rejects.toThrow(
      "tried: it can't be divided at 'inner': 'sum' comes after it and reads 'bn'",
    )
    await expect(from('bm', ['stem', 'bn'])).rejects.toThrow("unknown tensor 'bm'; did you mean 'bn'?")
    await expect(from('bn', ['*'])).rejects.toThrow('it leaves tried no parameter to train')
  })
})

describe('rates of single layers', () => {
  const network = defineNetwork('two', {
    inputs: { images: [8, 8, 3], labels: [] },
    layers: [
      conv('conv', { filters: 4, kernel: 3, activation: 'relu' }),
      dense('fc', { units: 3 }),
      softmaxLoss('loss', { inputs: ['fc', 'labels'] }),
    ],
  })
  const parameters = initializeForTraining(network, { seed: 5 })
  const one = { parameters, epochs: 1, decay: 0, optimizer: sgd({ momentum: 0 }) }

  it('are in place of the rate, and of 1 the same bits', async () => {
    const usual = await trainedOnPictures(network, one)
    const same = await trainedOnPictures(network, { ...one, rates: { '*': 0.05 } })
    expect(same.state.parameters).toEqual(usual.state.parameters)
    const other = await trainedOnPictures(network, { ...one, rate: 0.0125, rates: { '*': 0.05 } })
    expect(other.losses).toEqual(usual.losses.map((loss) => expect.closeTo(loss, 4)))
  })

  // microsoft/hi-ml#611: a schedule that knows one rate
  it('follow the schedule', async () => {
    const more = { ...one, epochs: 2, schedule: 'step' } as const
    const usual = await trainedOnPictures(network, { ...more, rate: 0.1 })
    const other = await trainedOnPictures(network, { ...more, rate: 0.01, rates: { '*': 0.1 } })
    expect(other.losses).toEqual(usual.losses.map((loss) => expect.closeTo(loss, 4)))
  })

  it('are refused for layers that are frozen or that there are not', async () => {
    const refused = (more: Partial<TrainOptions>) => trainedOnPictures(network, { ...one, ...more })
    await expect(refused({ rates: { fd: 0.1 } })).rejects.toThrow(
      "rates: unknown layer 'fd'; did you mean 'fc'?",
    )
    await expect(refused({ rates: { conv: 0.1 }, freeze: ['conv'] })).rejects.toThrow(
      "rates: 'conv' names no layer that is trained; leave it out, or freeze fewer",
    )
    await expect(refused({ rates: { conv: 0 } })).rejects.toThrow('train: rates of conv is 0; it must be')
    await expect(refused({ rates: { conv: 1e38 }, optimizer: adam() })).rejects.toThrow('rate is 1e+38')
  })
})

it('a network that learned ten classes learns three, quicker than from nothing', async () => {
  const ten = syntheticDataset({ size: 8, channels: 3, classes: 10, trainCount: 200 })
  const network = defineNetwork('learner', {
    inputs: { images: [8, 8, 3], labels: [] },
    layers: [
      conv('conv', { filters: 16, kernel: 3, activation: 'relu' }),
      dense('hidden', { units: 32, activation: 'relu' }),
      dense('fc', { units: 10 }),
      softmaxLoss('loss', { inputs: ['fc', 'labels'] }),
    ],
  })
  const learned = await trainedOnPictures(network, { epochs: 4, batchesPerEpoch: 33, rate: 0.01 }, ten.train)
  const {
    network: tuned,
    parameters,
    body,
  } = replaceHead(network, { classes: 3, parameters: learned.state.parameters })
  expect(body).toEqual(['conv', 'hidden'])
  expect(headAndBody(tuned)).toEqual({ head: ['fc'], body })
  const { losses, state } = await trainedOnFeatures(tuned, { parameters, freeze: body, epochs: 6 })
  const fromNothing = await trainedOnPictures(tuned, { epochs: 6, freeze: body })
  expect(losses.at(-1)!).toBeLessThan(fromNothing.losses.at(-1)!)
  expect(state.parameters['conv/weights']).toEqual(learned.state.parameters['conv/weights'])
  expect(state.parameters['fc/biases']).toHaveLength(3)
})
