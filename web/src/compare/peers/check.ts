// What a peer's results must be before it is timed; as peers/check.mjs does it for the command line.
import { type Network, openSession } from 'convmark'
import { type CheckResult, MAX_RELATIVE_ERROR } from 'convmark/bench'
import type { Peer } from './peer.ts'

/** Factors for the images: at 1, the benchmark's own, LRN changes next to nothing; at 150 every layer acts. */
const CHECKED_SCALES = [1, 150]

interface Checked {
  readonly network: Network
  readonly batch: number
  readonly parameters: Readonly<Record<string, Float32Array>>
  readonly images: Float32Array
}

/** Compares outputs of the whole batch with convmark's own. Throws, naming the tensor, where the peer is wrong. */
export async function checkPeer(
  peer: Peer,
  { network, batch, parameters, images }: Checked,
): Promise<CheckResult> {
  const own = await openSession(network, { batch, engine: 'wasm@1', algorithm: 'direct' })
  let [maxRelativeError, worst] = [0, '']
  try {
    own.write(parameters)
    for (const scale of CHECKED_SCALES) {
      const scaled = images.map((value) => value * scale)
      await peer.setImages(scaled)
      await peer.run()
      await own.run({ images: scaled })
      const results = peer.results()
      for (const tensor of own.plan.outputs) {
        const error = relativeError(results[tensor], own.read(tensor))
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
  } finally {
    await own.dispose()
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
