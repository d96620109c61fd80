import {
  float32Tensors,
  optional,
  positiveInteger,
  type Rules,
  requireOptions,
  someFunction,
  someObject,
  someText,
} from '../check-options.ts'
import { type Engine, prepareRules } from '../engines/engine.ts'
import { UsageError } from '../errors.ts'
import { type Network, parametersIn, requireNetwork } from '../networks/network.ts'
import { splitNetwork } from '../networks/split.ts'
import {
  engineRule,
  openSession,
  type Session,
  type SessionChoices,
  type SessionOptions,
  sessionChoiceRules,
} from '../session.ts'
import { elementCount } from '../tensor.ts'
import { judge, meanOfSoftmax } from './accuracy.ts'
import { batchInputs } from './inputs.ts'
import { logitsOf } from './logits.ts'
import { evaluationBeside } from './room.ts'

/**
 * Images (N, H, W, C) and the index of each one's class: any number up to `batch`. With `views`, consecutive ones
 * belong to one image and one label.
 */
export interface EvaluationBatch {
  readonly images: Float32Array
  readonly labels: Float32Array
}

/** What `evaluate` measures, and how. */
export interface EvaluateOptions extends SessionChoices, Pick<SessionOptions, 'memoryBeside' | 'isRoomSure'> {
  /** By name, in convmark's layouts. */
  readonly parameters: Readonly<Record<string, Float32Array>>
  /** A tensor whose values are the batches' `images`, as in `train`: only what comes after it is computed. */
  readonly from?: string
  readonly batches: AsyncIterable<EvaluationBatch> | Iterable<EvaluationBatch>
  /** The most images (or views) in a batch. */
  readonly batch: number
  /** Views of each image, whose answers are averaged: 10 for ten crops; 1 by default. */
  readonly views?: number
  /** A spec or an open engine, which is then not closed; `auto` by default. */
  readonly engine?: string | Engine
  /** Called before the first batch, for what the session says of itself, such as steps that were not measured. */
  readonly onOpen?: (session: Session) => void
  /** Called after each batch with the number of images that were classified so far. */
  readonly onBatch?: (imagesDone: number) => void
  /** If aborted, the evaluation rejects. */
  readonly signal?: AbortSignal
}

const rules: Rules<EvaluateOptions> = {
  parameters: float32Tensors,
  from: optional(someText),
  batches: someObject,
  batch: positiveInteger,
  views: optional(positiveInteger),
  engine: optional(engineRule),
  onOpen: optional(someFunction),
  onBatch: optional(someFunction),
  ...sessionChoiceRules,
  memoryBeside: prepareRules.memoryBeside,
  isRoomSure: prepareRules.isRoomSure,
}

/** How well a network classified all images of all batches. */
export interface Accuracy {
  /** How many images there were. */
  readonly count: number
  /** The share of images whose class has the largest logit. */
  readonly top1: number
  /**
   * The share of images whose class is among the five largest logits. With five classes or fewer, every image that has
   * a prediction counts.
   */
  readonly top5: number
  /** Mean cross-entropy; NaN if an image has no prediction. */
  readonly loss: number
  /** confusion[actual][predicted]: the number of images, of those that have a prediction. */
  readonly confusion: readonly (readonly number[])[]
  /** By class: images without a prediction, because their logits are NaN or infinite. They count as wrong. */
  readonly unpredicted: readonly number[]
}

/**
 * How well a network with these parameters classifies, in the pass forward, so with dropout off. Throws UsageError for
 * a network without classes, or if there is no image.
 */
export async function evaluate(whole: Network, options: EvaluateOptions): Promise<Accuracy> {
  requireNetwork('evaluate', whole)
  requireOptions('evaluate', options, rules)
  const { from } = options
  const network = from === undefined ? whole : splitNetwork(whole, from).rest
  const logits = logitsOf(network)
  if (!logits) throw new UsageError(`${network.name} has no classes; a network that ends in softmaxLoss has`)
  const { parameters, from: _, batches, batch, views = 1, onOpen, onBatch, ...sessionOptions } = options
  const { signal } = options
  const { images: input } = batchInputs(network)
  const { classes, name } = logits
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  const unpredicted = new Array<number>(classes).fill(0)
  let [count, correct, inFive, loss] = [0, 0, 0, 0]
  const session = await openSession(network, {
    ...sessionOptions,
    memoryBeside: options.memoryBeside ?? evaluationBeside,
    batch,
    keep: [name],
  })
  try {
    onOpen?.(session)
    session.write(from === undefined ? parameters : parametersIn(network, parameters))
    const length = elementCount(network.inputs[input]!)
    const padded = new Float32Array(batch * length)
    for await (const { images, labels } of batches) {
      signal?.throwIfAborted()
      padded.set(images) // the rest is left from the batch before; it is computed but ignored
      await session.run({ [input]: padded }, signal && { signal })
      const all = await session.fetch(name)
      labels.forEach((label, image) => {
        const own = views === 1 ? all : meanOfSoftmax(all, image * views, views, classes)
        const { predicted, rank, loss: ownLoss } = judge(own, views === 1 ? image : 0, classes, label)
        if (predicted === null) unpredicted[label]!++
        else confusion[label]![predicted]!++
        loss += ownLoss
        if (predicted === label) correct++
        if (rank < 5) inFive++
      })
      count += labels.length
      onBatch?.(count)
    }
  } finally {
    await session.dispose()
  }
  if (count === 0) throw new UsageError('there is no image to evaluate')
  return { count, top1: correct / count, top5: inFive / count, loss: loss / count, confusion, unpredicted }
}
