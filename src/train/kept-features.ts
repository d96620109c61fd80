// What frozen layers make of images, computed once and kept for all epochs of a training.
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
import type { Split } from '../data/dataset.ts'
import { type BatchOptions, openPipeline, type Pipeline, pipelineOf } from '../data/pipeline.ts'
import type { Preprocessing } from '../data/preprocessing.ts'
import type { SampleMaker } from '../data/sample-makers.ts'
import type { SkippedImage } from '../data/samples.ts'
import { type Network, parametersIn, requireNetwork, shapeOf } from '../networks/network.ts'
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
import { batchInputs } from './inputs.ts'
import { evaluationBeside } from './room.ts'

/** The options of `keepFeatures`. */
export interface KeepOptions extends SessionChoices, Pick<SessionOptions, 'engine'> {
  /** The tensor to keep, for example `lastFixedTensor`. */
  readonly from: string
  /** By name; those of the layers before the tensor are used. */
  readonly parameters: Readonly<Record<string, Float32Array>>
  readonly split: Split
  readonly preprocessing: Preprocessing
  /** Images that are computed at a time. */
  readonly batch: number
  /** Called before the first batch, for what the session says of itself. */
  readonly onOpen?: (session: Session) => void
  /** Called after each batch. */
  readonly onBatch?: (imagesDone: number) => void
}

const rules: Rules<KeepOptions> = {
  from: someText,
  parameters: float32Tensors,
  split: someObject,
  preprocessing: someObject,
  batch: positiveInteger,
  engine: optional(engineRule),
  onOpen: optional(someFunction),
  onBatch: optional(someFunction),
  ...sessionChoiceRules,
}

/** The values of one tensor for all images of a split that could be read. */
export interface KeptFeatures {
  readonly byteLength: number
  /** The images that were found damaged, in the split's order. */
  readonly skipped: readonly SkippedImage[]
  /** The decoder of the images and why it was chosen; null if nothing was decoded. */
  readonly decoder: string | null
  /** As `openPipeline` without augmentation, with the tensor's values (N, ...) as `images`: the same images in the same order. */
  pipeline(options: BatchOptions): Pipeline
}

/** The memory that the values of `from` take for so many images. */
export const featureBytes = (network: Network, from: string, images: number): number =>
  images * elementCount(shapeOf(network, from)) * Float32Array.BYTES_PER_ELEMENT

/**
 * Runs the layers before `from` forward over all images of a split, once, and keeps the tensor's values, in memory. With `from`, `train` and
 * `evaluate` then compute only the layers after it. Throws UsageError, NetworkError as `splitNetwork` does, and what `openPipeline` throws.
 */
export async function keepFeatures(network: Network, options: KeepOptions): Promise<KeptFeatures> {
  requireNetwork('keepFeatures', network)
  requireOptions('keepFeatures', options, rules)
  const { from, parameters, split, preprocessing, batch, onOpen, onBatch, ...sessionOptions } = options
  const { signal } = options
  const { trunk } = splitNetwork(network, from)
  const { images: input } = batchInputs(trunk)
  const length = elementCount(shapeOf(network, from))
  const values = new Map<number, Float32Array>()
  const pictures = await openPipeline(split, { batch, preprocessing, shuffle: false })
  try {
    const bytes = featureBytes(network, from, split.count)
    const session = await openSession(trunk, {
      ...sessionOptions,
      memoryBeside: (plan) => ({ bytes: evaluationBeside(plan).bytes + bytes }),
      batch,
      keep: [from],
    })
    try {
      onOpen?.(session)
      session.write(parametersIn(trunk, parameters))
      const padded = new Float32Array(batch * elementCount(trunk.inputs[input]!))
      let done = 0
      for await (const { images, indexes } of pictures.epoch(1)) {
        signal?.throwIfAborted()
        padded.set(images) // the rest is left from the batch before; it is computed but ignored
        await session.run({ [input]: padded }, signal && { signal })
        const all = await session.fetch(from)
        indexes.forEach((index, i) => {
          values.set(index, all.slice(i * length, (i + 1) * length))
        })
        done += indexes.length
        onBatch?.(done)
      }
    } finally {
      await session.dispose()
    }
  } finally {
    await pictures.dispose()
  }
  const { skipped, decoder } = pictures
  return {
    byteLength: values.size * length * Float32Array.BYTES_PER_ELEMENT,
    skipped,
    decoder,
    pipeline: (options) => pipelineOf(split, makerOf(values, skipped, length), length, options),
  }
}

function makerOf(
  values: ReadonlyMap<number, Float32Array>,
  skipped: readonly SkippedImage[],
  length: number,
): SampleMaker {
  return {
    decoder: null,
    allocate: (length) => new Float32Array(length),
    make: async (_epoch, places, batch) =>
      places.flatMap(({ index, position }) => {
        const own = values.get(index)
        if (own) batch.set(own, position * length)
        const damaged = own ? undefined : skipped.find((image) => image.index === index)
        return damaged ? [{ position, ...damaged }] : []
      }),
    dispose: async () => {},
  }
}
