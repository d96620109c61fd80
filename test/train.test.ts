import { describe, expect, it } from 'vitest'
import type { Network } from '../src/networks/index.ts'
import { normal } from '../src/random.ts'
import type { TrainEvent, TrainingState, TrainOptions } from '../src/train/index.ts'
import { built } from './support/built.ts'
import { ownCache } from './support/own-cache.ts'

ownCache()

const library = await built<typeof import('../src/index.ts')>('index.js')
const { adam, add, batchNorm, conv, defineNetwork, dense, dropout, maxPool, sgd, softmax, softmaxLoss } =
  library
const { initializeForTraining, UsageError } = library
const { importOnnx, onnxModel } = await built<typeof import('../src/formats/index.ts')>('formats/index.js')
const { decodeCheckpoint, decodeModel, encodeCheckpoint, encodeModel, evaluate, train } =
  await built<typeof import('../src/train/index.ts')>('train/index.js')

const CLASSES = 3
const BATCH = 6
const BATCHES = 4

const network = (rate = 0.3) =>
  defineNetwork('small', {
    inputs: { images: [6, 6, 2], labels: [] },
    layers: [
      conv('conv', { filters: 5, kernel: 3, activation: 'relu' }),
      maxPool('pool', { kernel: 2, stride: 2 }),
      dropout('drop', { rate }),
      dense('logits', { units: CLASSES }),
      softmaxLoss('loss', { inputs: ['logits', 'labels'] }),
    ],
  })

/** Noise, with one of three pictures behind it. */
function* batches(epoch: number, firstBatch: number) {
  for (let batch = firstBatch; batch < BATCHES; batch++) {
    const images = new Float32Array(BATCH * 72)
    normal(images, { seed: epoch, tensor: `batch ${batch}`, sd: 0.5 })
    const labels = Float32Array.from({ length: BATCH }, (_, i) => (i + batch) % CLASSES)
    labels.forEach((label, image) => {
      for (let p = 0; p < 24; p++) images[image * 72 + label * 24 + p]! += 1
    })
    yield { images, labels }
  }
}

const options: TrainOptions = {
  batches,
  batchesPerEpoch: BATCHES,
  epochs: 3,
  batch: BATCH,
  rate: 0.05,
  engine: 'wasm@2',
}

interface Trained {
  readonly losses: readonly number[]
  readonly events: readonly TrainEvent[]
  readonly state: TrainingState
}

async function trained(more: Partial<TrainOptions> = {}, tried: Network = network()): Promise<Trained> {
  const losses: number[] = []
  const events: TrainEvent[] = []
  let state: TrainingState | null = null
  for await (const event of train(tried, { ...options, ...more })) {
    events.push(event)
    if (event.kind === 'step') losses.push(event.loss)
    if (event.kind === 'end') state = event.state()
  }
  return { losses, events, state: state! }
}

describe('train', () => {
  it('takes an imported network by the names that its file gave', async () => {
    const from = network(0)
    const parameters = initializeForTraining(from, { seed: 7 })
    const layers = from.layers.filter(({ isLoss }) => !isLoss)
    const named = defineNetwork('named', {
      inputs: { 'x:0': from.inputs.images! },
      layers: [...layers.map(({ layer }) => ({ ...layer, inputs: undefined })), softmax('classes')],
    })
    const imported = await importOnnx(onnxModel(named, parameters, { layout: 'NHWC' }))
    expect(Object.keys(imported.network.inputs)).toEqual(['x:0', 'labels'])
    const usual = await trained({ parameters, epochs: 2 }, from)
    const own = await trained({ parameters: imported.parameters, epochs: 2 }, imported.network)
    expect(own.losses).toEqual(usual.losses)
    expect(own.events.map((event) => event.kind === 'step' && event.correct)).toEqual(
      usual.events.map((event) => event.kind === 'step' && event.correct),
    )
    const settings = { batches: batches(9, 0), batch: BATCH, engine: 'wasm@2' }
    const accuracy = await evaluate(imported.network, { ...settings, parameters: own.state.parameters })
    expect(accuracy).toEqual(
      await evaluate(from, { ...settings, batches: batches(9, 0), parameters: usual.state.parameters }),
    )
    expect(accuracy.top1).toBeGreaterThan(1 / CLASSES)
  })

  it('refuses a network of several images, all in one error', async () => {
    const two = defineNetwork('two', {
      inputs: { 'left:0': [1, 1, 2], 'right:0': [1, 1, 2], classes: [] },
      layers: [
        add('sum', { inputs: ['left:0', 'right:0'] }),
        softmaxLoss('loss', { inputs: ['sum', 'classes'] }),
      ],
    })
    const message =
      'two: its inputs of images are left:0, right:0, and of labels classes; training and evaluation give one of images and one of labels'
    await expect(trained({}, two)).rejects.toThrow(new UsageError(message))
    await expect(evaluate(two, { batches: batches(1, 0), batch: BATCH, parameters: {} })).rejects.toThrow(
      new UsageError(message),
    )
  })

  it('learns, and says after every step and epoch how it goes', async () => {
    const { events, losses } = await trained({ epochs: 12 })
    expect(losses).toHaveLength(12 * BATCHES)
    expect(losses.at(-1)!).toBeLessThan(losses[0]! / 3)
    const epochs = events.filter(({ kind }) => kind === 'epoch')
    expect(epochs).toHaveLength(12)
    expect(epochs.at(-1)).toMatchObject({ epoch: 12, step: 48, sums: { images: 24, correct: 24 } })
    expect(events.at(-1)).toMatchObject({ kind: 'end', reason: 'done', step: 48 })
  })

  it.each(['reference', 'wasm@1'])('follows the same losses on %s', async (engine) => {
    const [one, other] = [await trained(), await trained({ engine })]
    other.losses.forEach((loss, i) => {
      expect(loss).toBeCloseTo(one.losses[i]!, 4)
    })
  })

  it.each([
    ['sgd', sgd({ momentum: 0.8 })],
    ['adam', adam()],
  ])('goes on to the same bits from where it was left, by %s', async (_, optimizer) => {
    const whole = await trained({ optimizer, schedule: 'cosine' })
    const controller = new AbortController()
    const halves = [{ signal: controller.signal }, {}] as const
    let left: TrainingState | undefined
    for await (const event of train(network(), { ...options, optimizer, schedule: 'cosine', ...halves[0] })) {
      if (event.kind === 'step' && event.step === 6) controller.abort()
      if (event.kind === 'end') {
        expect(event.reason).toBe('interrupted')
        left = event.state()
      }
    }
    expect(left).toMatchObject({ step: 6, epoch: 2, batch: 2 })
    // Through a file
    const model = {
      network: network(),
      parameters: left!.parameters,
      classNames: ['a', 'b', 'c'],
      preprocessing: null,
    }
    const bytes = encodeCheckpoint({ model, state: left!, settings: { seed: 7 } })
    const read = decodeCheckpoint(bytes, 'checkpoint')
    expect(read.settings).toEqual({ seed: 7 })
    const resumed = await trained({ optimizer, schedule: 'cosine', resume: read.state })
    expect(resumed.losses).toEqual(whole.losses.slice(6))
    expect(resumed.state.parameters).toEqual(whole.state.parameters)
    expect(resumed.state.states).toEqual(whole.state.states)
    const lastSums = ({ events }: Trained) => events.findLast(({ kind }) => kind === 'epoch')
    expect(lastSums(resumed)).toMatchObject({ sums: { images: 24 } })
  })

  // torch/nn#1165, tensorflow/tensorflow#3926
  it('takes running statistics along in a checkpoint, and leaves those of a frozen layer', async () => {
    const tried = defineNetwork('normalized', {
      inputs: { images: [6, 6, 2], labels: [] },
      layers: [
        conv('conv', { filters: 5, kernel: 3, biases: false }),
        batchNorm('frozen'),
        conv('conv2', { filters: 4, kernel: 3, biases: false }),
        batchNorm('norm', { activation: 'relu' }),
        dense('logits', { units: CLASSES }),
        softmaxLoss('loss', { inputs: ['logits', 'labels'] }),
      ],
    })
    const given = { freeze: ['frozen'], decay: 0.1 }
    const whole = await trained(given, tried)
    const left = await trained({ ...given, epochs: 1 }, tried)
    const model = {
      network: tried,
      parameters: left.state.parameters,
      classNames: ['a', 'b', 'c'],
      preprocessing: null,
    }
    const bytes = encodeCheckpoint({ model, state: left.state, settings: {} })
    const { state } = decodeCheckpoint(bytes, 'checkpoint')
    expect(state.parameters['norm/mean']!.some((mean) => mean !== 0)).toBe(true)
    const resumed = await trained({ ...given, resume: state }, tried)
    expect(resumed.state.parameters).toEqual(whole.state.parameters)
    const first = library.initializeForTraining(tried, { seed: 7 })
    for (const name of ['scale', 'shift', 'mean', 'variance'])
      expect(resumed.state.parameters[`frozen/${name}`]).toEqual(first[`frozen/${name}`])
  })

  // facebookresearch/maskrcnn-benchmark#263
  it.each<[Partial<TrainOptions>, Partial<TrainOptions>, string]>([
    [
      {},
      { freeze: ['conv'] },
      "train: resume has 'conv/weights.momentum', which this training has not; give",
    ],
    [{ freeze: ['conv'] }, {}, "train: resume lacks 'conv/weights.momentum', which this training has; give"],
    [{}, { optimizer: adam() }, "train: resume lacks 'conv/weights.moment1', which this training has; give"],
  ])('refuses to go on from %o with %o', async (begun, resumed, message) => {
    const { state } = await trained({ ...begun, epochs: 1 })
    await expect(trained({ ...resumed, resume: state })).rejects.toThrow(message)
  })

  it('told to end within a step, leaves running statistics as the step before left them', async () => {
    const normalized = defineNetwork('normalized', {
      inputs: { images: [6, 6, 2], labels: [] },
      layers: [
        conv('conv', { filters: 5, kernel: 3, biases: false }),
        batchNorm('norm', { activation: 'relu' }),
        dense('logits', { units: CLASSES }),
        softmaxLoss('loss', { inputs: ['logits', 'labels'] }),
      ],
    })
    const controller = new AbortController()
    const ending = function* () {
      const [first, second] = batches(1, 0)
      yield first!
      let microBatches = 0
      yield {
        labels: second!.labels,
        // Read for each micro-batch; by the second, forward has run over the first.
        get images() {
          if (++microBatches === 2) controller.abort()
          return second!.images
        },
      }
    }
    const left = await trained({ batches: ending, microBatch: 2, signal: controller.signal }, normalized)
    expect(left.events.at(-1)).toMatchObject({ reason: 'interrupted', step: 1 })
    const one = () => [...batches(1, 0)].slice(0, 1)
    const expected = await trained(
      { batches: one, batchesPerEpoch: BATCHES, epochs: 1, microBatch: 2 },
      normalized,
    )
    expect(left.state.parameters).toEqual(expected.state.parameters)
  })

  it.each([
    ['a data source that fails', new Error('the disk is gone'), 'the disk is gone'],
    ['an end of the source', Object.assign(new Error(), { name: 'AbortError' }), null],
  ])('told to end, tells %s from that', async (_, thrown, message) => {
    const controller = new AbortController()
    const failing = function* () {
      yield* [...batches(1, 0)].slice(0, 2)
      controller.abort()
      throw thrown
    }
    const ended = trained({ batches: failing, signal: controller.signal })
    if (message !== null) return expect(ended).rejects.toThrow(message)
    expect((await ended).events.at(-1)).toMatchObject({ kind: 'end', reason: 'interrupted', step: 2 })
  })

  it('takes a batch in micro-batches, with the same gradients', async () => {
    const [whole, split] = [await trained({}, network(0)), await trained({ microBatch: 2 }, network(0))]
    split.losses.forEach((loss, i) => {
      expect(loss).toBeCloseTo(whole.losses[i]!, 4)
    })
  })

  it('drops other values in every step, and the same ones again', async () => {
    const [first, again] = [await trained({ rate: 1e-12 }), await trained({ rate: 1e-12 })]
    expect(again.losses).toEqual(first.losses)
    const still = await trained({
      rate: 1e-12,
      batches: function* (epoch) {
        for (let i = 0; i < BATCHES; i++) yield* [...batches(1, BATCHES - 1)].slice(0, epoch)
      },
    })
    expect(new Set(still.losses).size).toBeGreaterThan(still.losses.length / 2)
  })

  it('clips gradients, and tells their norm', async () => {
    const { events } = await trained({ clipNorm: 1e-6, decay: 0 })
    const [first] = events.filter((event) => event.kind === 'step')
    expect(first!.gradientNorm).toBeGreaterThan(0.01)
    const free = await trained()
    expect(free.events.find((event) => event.kind === 'step')!.gradientNorm).toBeNull()
  })

  it('stops where the loss is no number, naming the first layer, and keeps the parameters', async () => {
    const parameters = library.initializeForTraining(network(), { seed: 7 })
    const huge = { ...parameters, 'conv/weights': parameters['conv/weights']!.map(() => 3e38) }
    await expect(trained({ parameters: huge })).rejects.toThrow(
      /^the loss is .* in step 1 \(epoch 1\): layer 'conv' is the first that is not finite/,
    )
    const normalized = library.defineNetwork('normalized', {
      inputs: { images: [6, 6, 2], labels: [] },
      layers: [
        conv('conv', { filters: 5, kernel: 3, biases: false }),
        library.batchNorm('norm'),
        dense('logits', { units: CLASSES }),
        softmaxLoss('loss', { inputs: ['logits', 'labels'] }),
      ],
    })
    const statistics = library.initializeForTraining(normalized, { seed: 7 })
    const hugeToo = { ...statistics, 'conv/weights': statistics['conv/weights']!.map(() => 3e38) }
    await expect(trained({ parameters: hugeToo }, normalized)).rejects.toThrow(
      "layer 'conv' is the first that is not finite",
    )
    const bad = function* () {
      for (const { images, labels } of batches(1, 0)) yield { images: images.fill(Number.NaN), labels }
    }
    await expect(trained({ batches: bad })).rejects.toThrow("the input 'images' is not finite")
  })

  describe('stops where the last update of an epoch ruined it, which no loss has seen', () => {
    const one = { epochs: 1, batchesPerEpoch: 1, batches: () => [...batches(1, BATCHES - 1)] }
    const started = async (more: Partial<TrainOptions>): Promise<{ kinds: string[]; error: Error }> => {
      const kinds: string[] = []
      try {
        for await (const { kind } of train(network(), { ...options, ...one, ...more })) kinds.push(kind)
      } catch (error) {
        return { kinds, error: error as Error }
      }
      return expect.fail('it came to its end')
    }

    it('though its parameters are finite', async () => {
      const { kinds, error } = await started({ rate: 1e20 })
      expect(error).toMatchObject({ name: 'DivergedError', exitCode: 1 })
      expect(error.message).toMatch(
        /^the loss is \S+ after step 1 \(epoch 1\): layer '\w+' is the first that is not finite; try a lower rate/,
      )
      expect(kinds).toEqual(['start', 'step'])
    })

    /** Behind ReLU a bias of -Infinity is a zero as any other. */
    const ruining = async (): Promise<Partial<TrainOptions>> => {
      const { state } = await trained({ ...one })
      const momentum = state.states['conv/biases.momentum']!.map(() => 1e38)
      return {
        rate: 10,
        epochs: 2,
        resume: { ...state, states: { ...state.states, 'conv/biases.momentum': momentum } },
      }
    }

    it('though it is told to end', async () => {
      const controller = new AbortController()
      const last = function* () {
        yield* one.batches()
        controller.abort()
      }
      const { error } = await started({ rate: 1e20, batches: last, signal: controller.signal })
      expect(error).toMatchObject({ name: 'DivergedError' })
    })

    it('though its loss is finite', async () => {
      const { kinds, error } = await started(await ruining())
      expect(error).toMatchObject({ name: 'DivergedError' })
      expect(error.message).toMatch(
        /^'conv\/biases' is not finite after step 2 \(epoch 2\): value 0 of 5 is -Infinity/,
      )
      expect(kinds).toEqual(['start', 'step'])
    })

    it('and gives no state of it in the middle of an epoch', async () => {
      const more = { ...(await ruining()), batchesPerEpoch: BATCHES, batches }
      for await (const event of train(network(), { ...options, ...more })) {
        if (event.kind !== 'step') continue
        expect(() => event.state()).toThrow("'conv/biases' is not finite after step 2")
        break
      }
      expect.assertions(1)
    })

    it('in a batch of micro-batches too', async () => {
      const { error } = await started({ rate: 1e20, microBatch: 2 })
      expect(error.message).toMatch(/^the loss is \S+ after step 1/)
    })

    it('or by a norm of its gradients that is not finite', async () => {
      const parameters = library.initializeForTraining(network(), { seed: 7 })
      const large = { ...parameters, 'logits/weights': parameters['logits/weights']!.map((w) => 1e25 * w) }
      const { error } = await started({ parameters: large, clipNorm: 1 })
      expect(error.message).toMatch(
        /^the gradients' norm is Infinity in step 1 \(epoch 1\); try a lower rate/,
      )
    })
  })

  it.each([
    [{ batch: 0 }, 'batch is 0'],
    [{ rate: 1e39 }, 'rate is 1e+39; it must be a finite number over 0 in float32, where it is Infinity'],
    [{ rate: 1e-50 }, 'rate is 1e-50; it must be a finite number over 0 in float32, where it is 0'],
    [{ rate: Number.NaN }, 'rate is NaN'],
    [{ rate: 1e38, optimizer: adam() }, 'in its first step adam multiplies by 1.0'],
    [
      { optimizer: { kind: 'sgd' as const, momentum: 0.99999999 } },
      'momentum is 0.99999999; it must be a number from 0 to below 1 in float32, where it is 1',
    ],
    [{ optimizer: { ...adam(), beta2: 0.99999999 } }, 'beta2 is 0.99999999'],
    [{ optimizer: { ...adam(), epsilon: 1e-50 } }, 'epsilon is 1e-50'],
    [{ optimizer: { ...adam(), epsilon: 1e-38 } }, 'epsilon is 1e-38'],
    [{ optimizer: { ...adam(), epsilon: 1e39 } }, 'epsilon is 1e+39'],
    [{ decay: 1e39 }, 'decay is 1e+39; it must be a finite number from 0 in float32'],
    [{ clipNorm: 1e39 }, 'clipNorm is 1e+39'],
    [{ clipNorm: 1e-50 }, 'clipNorm is 1e-50'],
    [{ microBatch: 4 }, 'microBatch is 4; it must divide the batch, 6'],
    [{ rate: -1 }, 'rate is -1'],
    [{ optimizer: { kind: 'sgd' as const, momentum: 1 } }, 'momentum is 1'],
    [{ clipNorm: 0 }, 'clipNorm is 0'],
    [{ batches: function* () {} }, 'epoch 1 has no batch'],
    [
      { batches: () => [{ images: new Float32Array(3), labels: new Float32Array(BATCH) }] },
      "'images' has 3 values",
    ],
  ] as const)('refuses %j', async (wrong, message) => {
    await expect(trained(wrong as Partial<TrainOptions>)).rejects.toThrow(message)
  })
})

describe('evaluate', () => {
  it('counts what is right, by class, in a model read from its file', async () => {
    const { state } = await trained({ epochs: 12 })
    const bytes = encodeModel({
      network: network(),
      parameters: state.parameters,
      classNames: ['a', 'b', 'c'],
      preprocessing: { size: 6 },
    })
    const model = decodeModel(bytes, 'model')
    expect(model).toMatchObject({ classNames: ['a', 'b', 'c'], preprocessing: { size: 6 } })
    const accuracy = await evaluate(model.network, {
      parameters: model.parameters,
      batches: batches(99, 0),
      batch: BATCH + 2,
      engine: 'wasm@1',
    })
    expect(accuracy).toMatchObject({ count: 24, top5: 1 })
    expect(accuracy.top1).toBeGreaterThan(0.8)
    expect(accuracy.confusion.map((row) => row.reduce((a, b) => a + b))).toEqual([8, 8, 8])
  })

  it('has no prediction of an image whose logits are NaN: it is neither class 0 nor among the first five', async () => {
    const parameters = library.initializeForTraining(network(), { seed: 7 })
    const huge = { ...parameters, 'logits/weights': parameters['logits/weights']!.map((w) => 1e38 * w) }
    const accuracy = await evaluate(network(), {
      parameters: { ...huge, 'conv/biases': parameters['conv/biases']!.map(() => 1e30) },
      batches: batches(99, 0),
      batch: BATCH,
      engine: 'wasm@1',
    })
    expect(accuracy).toMatchObject({ count: 24, top1: 0, top5: 0, loss: Number.NaN, unpredicted: [8, 8, 8] })
    expect(accuracy.confusion.flat().every((count) => count === 0)).toBe(true)
  })

  it('is of no model that is not finite: none is written', () => {
    const parameters = library.initializeForTraining(network(), { seed: 1 })
    parameters['conv/weights']![3] = Number.NaN
    const model = { network: network(), parameters, classNames: ['a', 'b', 'c'], preprocessing: null }
    expect(() => encodeModel(model)).toThrow('conv/weights: value 3 of 90 is NaN; a model must be finite')
  })

  it('refuses what is no model, with what to do', () => {
    const bytes = encodeModel({
      network: network(),
      parameters: library.initializeForTraining(network(), { seed: 1 }),
      classNames: ['a', 'b', 'c'],
      preprocessing: null,
    })
    expect(() => decodeCheckpoint(bytes, 'm')).toThrow(
      "m: a model, not a checkpoint: it lacks the optimizer's state",
    )
    expect(() => decodeModel(bytes.subarray(0, 500), 'm')).toThrow('m: ')
  })
})
