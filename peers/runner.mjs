// One peer in a process of its own, run when the parent says so, with the messages of scripts/benchmark-runner.mjs:
// node runner.mjs '{"peer": "tfjs-wasm" | "onnxruntime-web@<threads>", "batch": 32}'
// A peer is timed only after its pool5 of the whole batch was found to be convmark's own.
import { alexnet, initialize, initializeImages, openSession } from '../dist/index.js'

const SEED = 7
const MAX_RELATIVE_ERROR = 1e-4
/**
 * Factors for the images that are checked. At 1, the benchmark's own, LRN changes next to nothing, and a wrong one would
 * pass; at 150 conv1's outputs are near 30, and every layer acts.
 */
const CHECKED_SCALES = [150, 1]

const peers = {
  'tfjs-wasm': () => import('./tfjs-wasm.mjs'),
  'onnxruntime-web': () => import('./onnxruntime-web.mjs'),
}

/** 2-norm of the difference over 2-norm of the truth. */
function relativeError(values, truth) {
  if (values.length !== truth.length)
    throw new Error(`pool5 has ${values.length} values, not ${truth.length}`)
  let difference = 0
  let norm = 0
  for (let i = 0; i < truth.length; i++) {
    difference += (values[i] - truth[i]) ** 2
    norm += truth[i] ** 2
  }
  return Math.sqrt(difference / norm)
}

/** What convmark makes of each of the images. */
async function convmarkPool5(network, batch, parameters, allImages) {
  const session = await openSession(network, { batch, engine: 'wasm@1' })
  try {
    session.write(parameters)
    const results = []
    for (const images of allImages) {
      await session.run({ images })
      results.push(session.read('pool5'))
    }
    return results
  } finally {
    await session.dispose()
  }
}

async function openChecked({ peer: spec, batch = 32 }) {
  const [name, threads = '1'] = spec.split('@')
  if (!/^[1-9]\d*$/.test(threads)) throw new Error(`${spec}: '${threads}' is not a number of threads`)
  if (!Object.hasOwn(peers, name))
    throw new Error(`no peer '${name}'; there are ${Object.keys(peers).join(', ')}`)
  const network = alexnet()
  const parameters = initialize(network, { seed: SEED })
  const { images } = initializeImages(network, batch, { seed: SEED })
  const allImages = CHECKED_SCALES.map((scale) => images.map((value) => value * scale))
  const truths = await convmarkPool5(network, batch, parameters, allImages)

  const { openPeer } = await peers[name]()
  const peer = await openPeer({ network, batch, parameters, threads: Number(threads) })
  const errors = []
  for (const [i, scale] of CHECKED_SCALES.entries()) {
    peer.setImages(allImages[i])
    const error = relativeError(peer.toNhwc(await peer.run()), truths[i])
    // Not the other way round: NaN is an error too.
    if (!(error <= MAX_RELATIVE_ERROR)) {
      const scaled = scale === 1 ? '' : ` with images ${scale} times as large`
      throw new Error(
        `pool5 differs from convmark's by ${error.toExponential(1)}${scaled}; ${MAX_RELATIVE_ERROR} is allowed`,
      )
    }
    errors.push(error)
  }
  return { peer, info: { ...peer.info, maxRelativeError: Math.max(...errors) } }
}

async function timed(peer, runs) {
  const samples = []
  for (let i = 0; i < runs; i++) {
    const start = performance.now()
    await peer.run()
    samples.push({ ms: performance.now() - start })
  }
  return samples
}

process.on('disconnect', () => process.exit())
try {
  const { peer, info } = await openChecked(JSON.parse(process.argv[2]))
  process.on('message', async ({ kind, runs }) => {
    if (kind === 'run') process.send({ kind: 'samples', samples: await timed(peer, runs) })
    else process.exit(0)
  })
  process.send({ kind: 'ready', info })
} catch (error) {
  process.send({ kind: 'unsupported', reason: error.message }, () => process.exit(0))
}
