// So that projects for browsers need not know the types of `await using`.
/// <reference lib="esnext.disposable" preserve="true" />
import { optional, positiveInteger, type Rules, requireOptions, someText } from '../check-options.ts'
import { centreCrop, type KnownPreprocessing, openPipeline, type Preprocessing } from '../data/index.ts'
import { DivergedError, UsageError } from '../errors.ts'
import { type Network, shapeOf } from '../networks/network.ts'
import { openSession, type Session, type SessionChoices, type SessionOptions } from '../session.ts'
import { elementCount, type Shape } from '../tensor.ts'
import { batchInputs } from '../train/inputs.ts'
import type { Model } from '../train/model-file.ts'
import { featuresOf } from './features.ts'
import { pictureSplit } from './picture-split.ts'
import { decodedPicture, type Picture, type Preparation } from './pictures.ts'
import { type Prediction, predictionsOf, type Scores } from './scores.ts'

/** How a model's network is run. */
export type ModelRunOptions = SessionChoices & Pick<SessionOptions, 'engine'>

/** The options of `classify`. */
export interface ClassifyOptions {
  /** How many classes are told, the most probable first. 5 by default. */
  readonly top?: number | undefined
}

/** The options of `embed`. */
export interface EmbedOptions {
  /**
   * The tensor that is taken for the features, by its layer's name: by default what the last layer with weights reads,
   * which says most of a picture and least of the classes.
   */
  readonly layer?: string | undefined
}

/** How many pictures are decoded and computed: options of `classifyAll` and `embedAll`. */
export interface ManyOptions {
  /** Pictures at a time. 16 by default. */
  readonly batch?: number | undefined
  /** Threads that decode files. By default one for each core, up to 4. */
  readonly workers?: number | undefined
}

/** A picture of many, by its index among them: its answer, or why there is none. */
export type Classified =
  | { readonly index: number; readonly predictions: readonly Prediction[]; readonly error?: undefined }
  | { readonly index: number; readonly predictions?: undefined; readonly error: string }

/** A picture of many, by its index among them: its features, or why there are none. */
export type Embedded =
  | { readonly index: number; readonly features: Float32Array; readonly error?: undefined }
  | { readonly index: number; readonly features?: undefined; readonly error: string }

/** What a model does not say and was therefore assumed, in sentences; null if nothing was. */
export interface Assumed {
  readonly preprocessing: string | null
  readonly classNames: string | null
}

const DEFAULT_TOP = 5
const DEFAULT_BATCH = 16

const classifyRules: Rules<ClassifyOptions> = { top: optional(positiveInteger) }
const embedRules: Rules<EmbedOptions> = { layer: optional(someText) }
const manyRules: Rules<ManyOptions> = {
  batch: optional(positiveInteger),
  workers: optional(positiveInteger),
}

/** A model that is ready for pictures: what `openModel` gives. */
export class OpenedModel implements AsyncDisposable {
  /** Its network, parameters, names of classes and preprocessing: what `saveModel` writes. */
  readonly model: Model
  readonly preprocessing: Preprocessing
  /** How the preprocessing is known. */
  readonly ground: KnownPreprocessing['ground']
  /** What was assumed because the model does not say it. */
  readonly assumed: Assumed
  /** Where its answers are; null if it is no classifier. */
  readonly #scores: Scores | null
  /** Why it is no classifier. */
  readonly #noScores: string
  readonly #options: ModelRunOptions
  /** By batch and kept tensor. */
  readonly #sessions = new Map<string, Promise<Session>>()
  /** Runs are one after the other, in whatever order they are asked for. */
  #last: Promise<unknown> = Promise.resolve()
  #isDisposed = false

  /** @internal */
  constructor(
    model: Model,
    {
      preprocessing,
      ground,
      scores,
      assumed,
      options,
    }: {
      readonly preprocessing: Preprocessing
      readonly ground: KnownPreprocessing['ground']
      readonly scores: Scores | string
      readonly assumed: Assumed
      readonly options: ModelRunOptions
    },
  ) {
    this.model = model
    this.preprocessing = preprocessing
    this.ground = ground
    this.assumed = assumed
    this.#scores = typeof scores === 'string' ? null : scores
    this.#noScores = typeof scores === 'string' ? scores : ''
    this.#options = options
  }

  /** The network that is run; it ends in a classifier's loss if the model is one. */
  get network(): Network {
    return this.model.network
  }

  /** By index; empty if the model is no classifier. */
  get classNames(): readonly string[] {
    return this.model.classNames
  }

  /**
   * What a picture shows: the most probable classes with their probabilities, the most probable first. Calls may overlap;
   * they are computed one after the other. Throws UsageError for a model that is no classifier, DamagedImageError for a
   * picture that can't be decoded, and DivergedError if the scores are NaN or infinite.
   */
  async classify(picture: Picture, options: ClassifyOptions = {}): Promise<readonly Prediction[]> {
    requireOptions('classify', options, classifyRules)
    const { tensor } = this.#requireScores()
    const values = await this.#valuesOf(picture, tensor)
    const predictions = this.#predictions(values, 0, options)
    if (predictions) return predictions
    throw new DivergedError(`${this.network.name}: ${NO_PREDICTION}`)
  }

  /**
   * As `classify`, for many pictures, which are decoded while the network runs: in Node files by worker threads. Their
   * answers come in order; a picture that can't be decoded has an `error` in place of one.
   */
  async *classifyAll(
    pictures: readonly Picture[],
    options: ClassifyOptions & ManyOptions = {},
  ): AsyncGenerator<Classified, void> {
    requireOptions('classifyAll', options, { ...classifyRules, ...manyRules })
    const { tensor } = this.#requireScores()
    for await (const { index, values, error } of this.#eachOf(pictures, tensor, options)) {
      const predictions = values && this.#predictions(values, 0, options)
      if (predictions) yield { index, predictions }
      else yield { index, error: error ?? NO_PREDICTION }
    }
  }

  /**
   * A picture's features: the values of a layer, dense, (H, W, C) or (C), for a search of similar pictures or a classifier of
   * one's own. Throws UsageError for a layer that the network does not have.
   */
  async embed(picture: Picture, options: EmbedOptions = {}): Promise<Float32Array> {
    requireOptions('embed', options, embedRules)
    return this.#valuesOf(picture, this.featuresLayer(options.layer))
  }

  /** As `embed`, for many pictures; see `classifyAll`. */
  async *embedAll(
    pictures: readonly Picture[],
    options: EmbedOptions & ManyOptions = {},
  ): AsyncGenerator<Embedded, void> {
    requireOptions('embedAll', options, { ...embedRules, ...manyRules })
    const layer = this.featuresLayer(options.layer)
    for await (const { index, values, error } of this.#eachOf(pictures, layer, options))
      yield values ? { index, features: values } : { index, error: error! }
  }

  /** The shape of a layer's values for one picture, (H, W, C) or (C). */
  featuresShape(layer?: string): Shape {
    return shapeOf(this.network, this.featuresLayer(layer))
  }

  /** The layer that `embed` takes: the one asked for, or else the default. Throws UsageError if there is none such. */
  featuresLayer(layer?: string): string {
    return featuresOf(this.network, layer)
  }

  /**
   * Prepares the network for so many pictures at a time, one by default, which otherwise happens when they come: its tiles
   * are measured, which takes seconds on a machine that has not seen it. With `layer` for `embed`, otherwise for `classify`.
   * Returns the session that will run it. Throws UsageError if the batch does not fit into memory, and without `layer` for
   * a model that is no classifier.
   */
  async prepare({ batch = 1, layer }: EmbedOptions & Pick<ManyOptions, 'batch'> = {}): Promise<Session> {
    return this.#session(
      batch,
      layer === undefined ? this.#requireScores().tensor : this.featuresLayer(layer),
    )
  }

  /** Ends its sessions, after the pictures that were asked for. Later calls reject. */
  async dispose(): Promise<void> {
    this.#isDisposed = true
    await this.#last
    await Promise.allSettled([...this.#sessions.values()].map(async (session) => (await session).dispose()))
  }

  /** As `dispose`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  #requireScores(): Scores {
    if (this.#scores) return this.#scores
    throw new UsageError(this.#noScores)
  }

  #predictions(values: Float32Array, image: number, { top = DEFAULT_TOP }: ClassifyOptions) {
    return predictionsOf(values, image, this.#requireScores(), this.classNames, top)
  }

  async #valuesOf(picture: Picture, tensor: string): Promise<Float32Array> {
    const image = await decodedPicture(picture, this.#preparation())
    return this.#run(1, tensor, centreCrop(image, this.preprocessing))
  }

  /** A tensor's values of each picture, in order. */
  async *#eachOf(
    pictures: readonly Picture[],
    tensor: string,
    { batch = DEFAULT_BATCH, workers }: ManyOptions,
  ): AsyncGenerator<
    | { readonly index: number; readonly values: Float32Array; readonly error?: undefined }
    | { readonly index: number; readonly values?: undefined; readonly error: string }
  > {
    if (pictures.length === 0) return
    const size = Math.min(batch, pictures.length)
    await this.#session(size, tensor) // before a picture is decoded: what does not fit into memory is said at once
    const length = elementCount(shapeOf(this.network, tensor))
    const pipeline = await openPipeline(pictureSplit(pictures, this.#preparation()), {
      batch: size,
      preprocessing: this.preprocessing,
      shuffle: false,
      maxDamagedShare: 1,
      ...(workers !== undefined && { workers }),
    })
    const { signal } = this.#options
    let next = 0
    const failed = function* (before: number) {
      const reasons = new Map(pipeline.skipped.map((skipped) => [skipped.index, skipped.reason]))
      for (; next < before; next++) yield { index: next, error: reasons.get(next) ?? 'it was not decoded' }
    }
    try {
      const padded = new Float32Array(size * elementCount(this.network.inputs[this.#imagesInput()]!))
      for await (const { images, indexes } of pipeline.epoch(1)) {
        signal?.throwIfAborted()
        padded.set(images) // the rest is left from the batch before; it is computed but ignored
        const values = await this.#run(size, tensor, padded)
        for (const [position, index] of indexes.entries()) {
          yield* failed(index)
          next = index + 1
          yield { index, values: values.slice(position * length, (position + 1) * length) }
        }
      }
      yield* failed(pictures.length)
    } finally {
      await pipeline.dispose()
    }
  }

  async #run(batch: number, tensor: string, images: Float32Array): Promise<Float32Array> {
    const session = await this.#session(batch, tensor)
    const { signal } = this.#options
    const run = this.#last.then(async () => {
      await session.run({ [this.#imagesInput()]: images }, { ...(signal && { signal }) })
      return session.fetch(tensor)
    })
    this.#last = run.catch(() => {}) // its caller gets the error
    return run
  }

  #preparation(): Preparation {
    return { preprocessing: this.preprocessing, isForAnySize: this.ground === 'model' }
  }

  #imagesInput(): string {
    return batchInputs(this.network).images
  }

  #session(batch: number, tensor: string): Promise<Session> {
    if (this.#isDisposed) throw new UsageError(`${this.network.name}: this model is disposed`)
    const key = `${batch} ${tensor}`
    const known = this.#sessions.get(key)
    if (known) return known
    const opening = this.#opened(batch, tensor)
    opening.catch(() => this.#sessions.delete(key))
    this.#sessions.set(key, opening)
    return opening
  }

  async #opened(batch: number, tensor: string): Promise<Session> {
    const session = await openSession(this.network, { ...this.#options, batch, keep: [tensor] })
    session.write(this.model.parameters)
    return session
  }
}

const NO_PREDICTION = 'no prediction, since its scores are NaN or infinite'
