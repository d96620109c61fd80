// What a peer's results must be before it is timed; as peers/check.mjs does it for the command line.
import type { CheckResult } from 'convmark/bench'
import { MAX_RELATIVE_ERROR } from 'convmark/bench'
import type { Truth } from '../messages.ts'
import type { Peer } from './peer.ts'

/** Compares outputs of the whole batch with convmark's own. Throws, naming the tensor, where the peer is wrong. */
export async function checkPeer(
  peer: Peer,
  images: Float32Array,
  truths: readonly Truth[],
): Promise<CheckResult> {
  if (truths.length === 0) throw new Error('convmark could not make what it is to be compared with')
  let [maxRelativeError, worst] = [0, '']
  for (const { scale, outputs } of truths) {
    await peer.setImages(images.map((value) => value * scale))
    await peer.run()
    const results = peer.results()
    for (const [tensor, truth] of Object.entries(outputs)) {
      const error = relativeError(results[tensor], truth)
      // Not the other way round: NaN is an error too
      if (!(error <= MAX_RELATIVE_ERROR)) {
        throw new Error(
          `${tensor} differs from convmark's by ${error.toExponential(1)} with images ${scale} times the benchmark's; ` +
            `${MAX_RELATIVE_ERROR} is allowed, so it is not timed`,
        )
      }
      if (error >= maxRelativeError) [maxRelativeError, worst] = [error, tensor]
    }
  }
  return { against: "convmark's outputs for the whole batch", maxRelativeError, tensor: worst, passed: true }
}

/** 2-norm of the difference over 2-norm of the truth; NaN where lengths differ. */
function relativeError(values: Float32Array | undefined, truth: Float32Array): number {
  if (values?.length !== truth.length) return Number.NaN
  let [difference, norm] = [0, 0]
  for (let i = 0; i < truth.length; i++) {
    difference += (values[i]! - truth[i]!) ** 2
    norm += truth[i]! ** 2
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm)
}
