import { lenet, type Network, openSession, type Session } from 'convmark'
import { type Dataset, openPipeline, type Preprocessing, parsePreprocessing } from 'convmark/data'
import { decodeModel, encodeModel, evaluate, type Model, type TrainingState, train } from 'convmark/train'
import type { Tell, Work } from '../work/serve.ts'
import type { TrainingEvent, TrainRequest } from './messages.ts'
import { CLASSES, loadDigits, PREPROCESSING, SIZE } from './mnist-subset.ts'

type Parameters = Model['parameters']
type Request<Kind extends TrainRequest['kind']> = Extract<TrainRequest, { kind: Kind }>

/** A model of digits, and how a digit becomes its input. */
interface DigitModel extends Model {
  readonly preprocessing: Preprocessing
}

const BATCH = 50
const TEST_BATCH = 100
const STEPS_PER_FILTERS = 5
const SEED = 7
const CLASS_NAMES = Array.from({ length: CLASSES }, (_, digit) => String(digit))

let digits: Promise<Dataset> | null = null
/** What was learned, or opened. */
let model: DigitModel | null = null
/** Where its training was left; null after a model was opened, which has no such state. */
let state: TrainingState | null = null
/** Answers with the model, a drawing at a time. */
let asked: { readonly network: Network; readonly session: Promise<Session> } | null = null

export const trainWork: Work<TrainRequest, TrainingEvent> = async (request, tell, signal) => {
  if (request.kind === 'train') await learn(request, tell, signal)
  else if (request.kind === 'predict') tell({ kind: 'answer', probabilities: await answer(request.pixels) })
  else if (request.kind === 'test-digit') await takeTestDigit(request, tell)
  else if (request.kind === 'save') tell({ kind: 'model', bytes: new Uint8Array(encodeModel(required())) })
  else openModel(request, tell)
}

function required(): DigitModel {
  if (!model) throw new Error('there is no model yet')
  return model
}

function load(base: string): Promise<Dataset> {
  digits ??= loadDigits(base)
  digits.catch(() => {
    digits = null // the next one tries again
  })
  return digits
}

async function learn(
  { base, epochs, rate }: Request<'train'>,
  tell: Tell<TrainingEvent>,
  signal: AbortSignal,
): Promise<void> {
  const dataset = await load(base)
  tell({ kind: 'loaded' })
  const { network, preprocessing, parameters } = model ?? {
    network: lenet(),
    preprocessing: PREPROCESSING,
    parameters: null,
  }
  const done = state ? state.epoch - 1 : 0
  const pipeline = await openPipeline(dataset.train, {
    batch: BATCH,
    preprocessing,
    seed: SEED,
    epochs: done + epochs,
  })
  const events = train(network, {
    batches: (epoch, firstBatch) => pipeline.epoch(epoch, firstBatch),
    batchesPerEpoch: pipeline.batchesPerEpoch,
    epochs: done + epochs,
    batch: BATCH,
    rate,
    seed: SEED,
    ...(state ? { resume: state } : parameters && { parameters }),
    signal,
  })
  try {
    for await (const event of events) {
      if (event.kind === 'step') {
        tell({ kind: 'step', step: event.step, epoch: event.epoch - done, loss: event.loss })
        if (event.step % STEPS_PER_FILTERS === 1) tellFilters(network, event.state().parameters, tell)
      } else if (event.kind === 'epoch' || event.kind === 'end') {
        state = event.state()
        model = { network, preprocessing, parameters: state.parameters, classNames: CLASS_NAMES }
        tellFilters(network, state.parameters, tell)
        tell({ kind: 'ready' })
        if (event.kind === 'end') continue
        const fraction = await testAccuracy(dataset, model, signal)
        if (fraction !== null) tell({ kind: 'accuracy', step: event.step, fraction })
      }
    }
  } finally {
    await pipeline.dispose()
  }
}

/** Where the first layer is a convolution of grey images. */
function tellFilters({ layers }: Network, parameters: Parameters, tell: Tell<TrainingEvent>): void {
  const [first] = layers
  if (first?.layer.kind !== 'conv') return
  const [name, { shape }] = Object.entries(first.parameters)[0]!
  const values = parameters[name]!.slice()
  tell({ kind: 'filters', shape, values }, { transfer: [values.buffer] })
}

/** Null where it was stopped: what was learned is not to wait for it. */
async function testAccuracy(
  { test }: Dataset,
  { network, preprocessing, parameters }: DigitModel,
  signal: AbortSignal,
): Promise<number | null> {
  const pipeline = await openPipeline(test!, { batch: TEST_BATCH, preprocessing, shuffle: false })
  try {
    const batches = pipeline.epoch(1)
    const { top1 } = await evaluate(network, { parameters, batches, batch: TEST_BATCH, signal })
    return top1
  } catch (error) {
    if (signal.aborted) return null
    throw error
  } finally {
    await pipeline.dispose()
  }
}

/** A probability a class. */
async function answer(pixels: Uint8Array): Promise<number[]> {
  const { network, preprocessing, parameters } = required()
  if (asked?.network !== network) {
    await (await asked?.session)?.dispose()
    asked = { network, session: openSession(network, { batch: 1 }) }
  }
  const session = await asked.session
  session.write(parameters)
  // As a data set of this one digit: prepared as all others
  const image = { width: SIZE, height: SIZE, channels: 1 as const, pixels }
  const split = { count: 1, label: () => 0, image: () => image }
  const pipeline = await openPipeline(split, { batch: 1, preprocessing, shuffle: false })
  try {
    for await (const { images } of pipeline.epoch(1)) await session.run({ images })
  } finally {
    await pipeline.dispose()
  }
  return softmax(await session.fetch(session.plan.outputs[0]!))
}

function softmax(logits: Float32Array): number[] {
  const largest = Math.max(...logits)
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest))
  const total = powers.reduce((sum, power) => sum + power, 0)
  return powers.map((power) => power / total)
}

async function takeTestDigit(
  { base, index }: Request<'test-digit'>,
  tell: Tell<TrainingEvent>,
): Promise<void> {
  const { test } = await load(base)
  const at = index % test!.count
  const { pixels } = await test!.image(at)
  tell({ kind: 'test-digit', pixels: pixels.slice(), label: test!.label(at) })
}

/** Throws FormatError for what is no model. */
function openModel({ name, bytes }: Request<'open'>, tell: Tell<TrainingEvent>): void {
  const opened = decodeModel(bytes, name)
  const [height, width, channels] = opened.network.inputs.images ?? []
  const isOfDigits = height === SIZE && width === SIZE && channels === 1
  if (!isOfDigits || opened.classNames.length !== CLASSES) {
    tell({ kind: 'not-this-model' })
    return
  }
  model = { ...opened, preprocessing: parsePreprocessing(opened.preprocessing, name) }
  state = null
  tellFilters(model.network, model.parameters, tell)
  tell({ kind: 'ready' })
}
