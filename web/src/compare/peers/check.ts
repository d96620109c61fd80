// What a peer's results must be before it is timed; as peers/check.mjs does it for the command line.
import type { Network } from 'convmark'
import {
  type CheckResult,
  gradientsGivenActivations,
  lossesGivenActivations,
  MAX_RELATIVE_ERROR,
} from 'convmark/bench'
import type { ComparedPass, Truth } from '../messages.ts'
import { type Inputs, type Peer, scaledImages } from './peer.ts'

export interface PeerCheckSetup {
  readonly network: Network
  readonly pass: ComparedPass
  readonly batch: number
  readonly parameters: Readonly<Record<string, Float32Array>>
  readonly inputs: Inputs
  readonly truths: readonly Truth[]
  /** Called before whatever may take long. */
  readonly alive: () => void
}

/**
 * Compares outputs of the whole batch with convmark's own, and gradients with float64. Throws, naming the tensor, where the
 * peer is wrong.
 */
export async function checkPeer(peer: Peer, setup: PeerCheckSetup): Promise<CheckResult> {
  const { network, pass, inputs, truths, alive } = setup
  if (truths.length === 0) throw new Error('convmark could not make what it is to be compared with')
  const errors = new Errors()
  const against = ["convmark's outputs for the whole batch"]
  for (const { scale, outputs } of truths) {
    alive()
    await peer.setInputs(scaledImages(network, inputs, scale))
    await peer.run()
    errors.compare(peer.results(), outputs, `convmark's with images ${scale} times the benchmark's`)
  }
  if (pass === 'forward-backward') {
    against.push('gradients: float64, given its own activations of the first and the last image')
    await checkGradients(peer, setup, errors)
  }
  return { against: against.join('; '), ...errors.largest, outlier: null, passed: true }
}

/** The largest error so far, and whose it is. */
class Errors {
  largest = { maxRelativeError: 0, tensor: '' }

  /** Throws where one is too large. */
  compare(
    results: Readonly<Record<string, Float32Array>>,
    truths: Readonly<Record<string, Float32Array | Float64Array>>,
    whose: string,
  ): void {
    for (const [tensor, truth] of Object.entries(truths)) {
      const error = relativeError(results[tensor], truth)
      // Not the other way round: NaN is an error too
      if (!(error <= MAX_RELATIVE_ERROR)) {
        throw new Error(
          `${tensor} differs from ${whose} by ${error.toExponential(1)}; ${MAX_RELATIVE_ERROR} is allowed, so it is not timed`,
        )
      }
      if (error >= this.largest.maxRelativeError) this.largest = { maxRelativeError: error, tensor }
    }
  }
}

/**
 * Float64 goes backward from the peer's own activations, so from its own decisions where ReLU's input is next to zero or
 * two values of a window nearly tie. Of two images; the others are zeros with one label, and one of them stands for all.
 */
async function checkGradients(
  peer: Peer,
  { network, batch, parameters, inputs, truths, alive }: PeerCheckSetup,
  errors: Errors,
): Promise<void> {
  const checked = [...new Set([0, batch - 1])]
  const zeros = batch - checked.length
  for (const scale of gradientScales(network, batch, truths)) {
    const shown = mapValues(scaledImages(network, inputs, scale), (values) =>
      onlyImages(values, batch, checked),
    )
    alive()
    await peer.setInputs(shown)
    const activations = await peer.activations!()
    alive()
    await peer.run()
    const truthOf = (images: readonly number[], share: { readonly copies?: number; readonly of: number }) => {
      alive()
      const tensors = mapValues({ ...shown, ...activations }, (values) => imagesOf(values, batch, images))
      return gradientsGivenActivations(network, images.length, { ...tensors, ...parameters }, share)
    }
    const gradients = truthOf(checked, { of: batch })
    if (zeros > 0) {
      for (const [name, values] of Object.entries(truthOf([1], { copies: zeros, of: batch }))) {
        const sum = gradients[name]!
        for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!
      }
    }
    const losses = lossesGivenActivations(network, batch, { ...shown, ...activations })
    errors.compare(peer.results(), { ...losses, ...gradients }, "float64's, given its own activations,")
  }
}

/** Where LRN acts; and where classes are apart but none has all of the softmax: logits near 1. */
function gradientScales({ layers }: Network, batch: number, truths: readonly Truth[]): number[] {
  const scales = layers.some(({ layer }) => layer.kind === 'lrn') ? [truths.at(-1)!.scale] : []
  const classifier = layers.find(({ layer }) => layer.kind === 'softmax-loss')
  const { scale, outputs } = truths[0]!
  // A file may end with the shares themselves
  const output = classifier && outputs[classifier.inputs[0]!]
  if (output) {
    const logits = imagesOf(output, batch, [0])
    scales.push((scale * Math.sqrt(logits.length)) / Math.hypot(...logits))
  }
  return scales.length > 0 ? scales : [1]
}

const mapValues = <Value, Mapped>(
  record: Readonly<Record<string, Value>>,
  map: (value: Value) => Mapped,
): Record<string, Mapped> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]))

/** Of a batch's values, (N, ...), those of some images. */
function imagesOf(values: Float32Array, batch: number, images: readonly number[]): Float32Array {
  const length = values.length / batch
  const picked = new Float32Array(images.length * length)
  images.forEach((image, i) => {
    picked.set(values.subarray(image * length, (image + 1) * length), i * length)
  })
  return picked
}

/** A batch's values but for some images', which are zeros. */
function onlyImages(values: Float32Array, batch: number, images: readonly number[]): Float32Array {
  const length = values.length / batch
  const result = new Float32Array(values.length)
  for (const image of images) {
    const from = image * length
    result.set(values.subarray(from, from + length), from)
  }
  return result
}

/** 2-norm of the difference over 2-norm of the truth; NaN where lengths differ. */
function relativeError(values: Float32Array | undefined, truth: Float32Array | Float64Array): number {
  if (values?.length !== truth.length) return Number.NaN
  let [difference, norm] = [0, 0]
  for (let i = 0; i < truth.length; i++) {
    difference += (values[i]! - truth[i]!) ** 2
    norm += truth[i]! ** 2
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm)
}
