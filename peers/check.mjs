// What a peer's results must be before it is timed.
import { bench, convmark } from './convmark.mjs'
import { imagesOf } from './network.mjs'

const { initializeImages, openSession } = convmark
const { gradientsGivenActivations, MAX_RELATIVE_ERROR } = bench

/**
 * Factors for the images that are checked. At 1, the benchmark's own, LRN changes next to nothing, and a wrong one would
 * pass; at 150 conv1's outputs are near 30, and every layer acts.
 */
const CHECKED_SCALES = [1, 150]

/** 2-norm of the difference over 2-norm of the truth. */
function relativeError(values, truth) {
  let difference = 0
  let norm = 0
  for (let i = 0; i < truth.length; i++) {
    difference += (values[i] - truth[i]) ** 2
    norm += truth[i] ** 2
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm)
}

/** The largest error so far, and whose it is. Throws where one is too large. */
class Errors {
  maxRelativeError = 0
  tensor = ''

  compare(tensor, values, truth, whose) {
    if (values?.length !== truth.length)
      throw new Error(`${tensor} has ${values?.length ?? 'no'} values, not ${truth.length}`)
    const error = relativeError(values, truth)
    // Not the other way round: NaN is an error too.
    if (!(error <= MAX_RELATIVE_ERROR)) {
      throw new Error(
        `${tensor} differs from ${whose} by ${error.toExponential(1)}; ${MAX_RELATIVE_ERROR} is allowed`,
      )
    }
    if (error < this.maxRelativeError) return
    this.maxRelativeError = error
    this.tensor = tensor
  }
}

/** The images but for some, which are zeros. */
function onlyImages(values, batch, images) {
  const result = new Float32Array(values.length)
  const length = values.length / batch
  for (const image of images) {
    const from = image * length
    result.set(values.subarray(from, from + length), from)
  }
  return result
}

/**
 * Compares the peer's outputs for the whole batch, and in forward-backward its losses and gradients. Throws, naming the
 * tensor, where the peer is wrong. Returns what a result's `check` has.
 */
export async function checkPeer(peer, setup, seed) {
  const { network, batch, parameters, pass } = setup
  const isBackward = pass === 'forward-backward'
  const errors = new Errors()
  const keep = isBackward ? 'all' : []
  const own = await openSession(network, { batch, pass, keep, engine: 'wasm@1', algorithm: 'direct' })
  const runBoth = async (images) => {
    await peer.setImages(images)
    await peer.run()
    await own.run({ images })
  }
  try {
    own.write(parameters)
    const { images } = initializeImages(network, batch, { seed })
    for (const scale of CHECKED_SCALES) {
      await runBoth(images.map((value) => value * scale))
      const results = await peer.results()
      const whose = `convmark's${scale === 1 ? '' : ` with images ${scale} times as large`}`
      for (const tensor of own.plan.outputs) {
        if (!tensor.endsWith('.gradient')) errors.compare(tensor, results[tensor], own.read(tensor), whose)
      }
    }
    let against = "convmark's outputs for the whole batch"
    if (isBackward) {
      const large = images.map((value) => value * CHECKED_SCALES.at(-1))
      const checked = await compareGradients(peer, setup, large, own, runBoth, errors)
      against += `; gradients: float64, given its own activations of ${checked} images`
    }
    const { maxRelativeError, tensor } = errors
    return { against, maxRelativeError, tensor, passed: true }
  } finally {
    await own.dispose()
  }
}

/**
 * Gradients of the first and the last image, against float64 that goes backward from the peer's own activations: where
 * ReLU's input is near zero, or two values of a window nearly tie, a right peer may decide otherwise than convmark, and
 * its gradients then differ by up to 1e-2. The other images are zeros: biases are 0 and the loss is a sum, so they add
 * nothing, and float64's loops need not go over them.
 */
async function compareGradients(peer, { network, batch, parameters }, images, own, runBoth, errors) {
  const checked = [...new Set([0, batch - 1])]
  const given = onlyImages(images, batch, checked)
  await runBoth(given)
  const results = await peer.results()
  const activations = await peer.activations(checked)
  for (const [tensor, values] of Object.entries(activations))
    errors.compare(tensor, values, imagesOf(own.read(tensor), batch, checked), "convmark's, as it was shown,")
  const truth = gradientsGivenActivations(network, checked.length, {
    images: imagesOf(given, batch, checked),
    ...parameters,
    ...activations,
  })
  for (const [tensor, values] of Object.entries(truth))
    errors.compare(tensor, results[tensor], values, "float64's, given its own activations,")
  return checked.length
}
