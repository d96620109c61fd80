// One peer in a process of its own, run when the parent says so, with the messages of scripts/benchmark/engine-runner.mjs:
// node runner.mjs '{"peer": "tfjs-wasm" | "pytorch@<threads>" | ..., "pass": "forward" | "forward-backward", "batch": 8}'
// It answers at first {kind: 'ready', info}, or {kind: 'unsupported', reason} where the peer is not to be had or lacks
// the pass; then each {kind: 'run', runs} (and {kind: 'turn', samples}, src/bench/contenders/protocol.ts) with {kind: 'samples', samples: [{ms}, ...], processorMs, elapsedMs}: the time
// that the turn took from its first sample to its last, and the processors' time in it, of all threads of the process
// that computes. processorMs / elapsedMs is therefore how many threads were really busy, spinning included.
// A peer is timed only after its results for the whole batch were found to be convmark's own. Its module has
// openPeer({network, batch, parameters, threads, pass}) -> {info, setImages(values), run(), results(), processorMs()}:
// `run` resolves to the milliseconds it took, `results` has what the last run made, by convmark's names and in its
// layouts; `processorMs` is the processor time so far of a process of the peer's own, left out where it is this one.
// What openPeer can't do it throws, with the reason.
import { convmark } from './convmark.mjs'

const { alexnet, initialize, initializeImages, openSession } = convmark

const SEED = 7
const MAX_RELATIVE_ERROR = 1e-4
/**
 * Wider, since a right peer may miss convmark's gradients by 1e-3 to 1e-2: where a value lies near zero, or two of a
 * pooling window nearly tie, another order of sums decides otherwise. A wrong layer is off by far more.
 */
const MAX_GRADIENT_ERROR = 1e-2
/**
 * Factors for the images that are checked. At 1, the benchmark's own, LRN changes next to nothing, and a wrong one would
 * pass; at 150 conv1's outputs are near 30, and every layer acts.
 */
const CHECKED_SCALES = [150, 1]

const peers = {
  'jax-js': () => import('./jax-js.mjs'),
  'tfjs-cpu': () => import('./tfjs-cpu.mjs'),
  'tfjs-wasm': () => import('./tfjs-wasm.mjs'),
  'onnxruntime-web': () => import('./onnxruntime-web.mjs'),
  'onnxruntime-node': () => import('./onnxruntime-node.mjs'),
  pytorch: () => import('./pytorch.mjs'),
  onednn: () => import('./onednn.mjs'),
  'onednn-winograd': async () => ({ openPeer: (await import('./onednn.mjs')).openWinogradPeer }),
}

/** 2-norm of the difference over 2-norm of the truth. */
function relativeError(tensor, values, truth) {
  if (values?.length !== truth.length)
    throw new Error(`${tensor} has ${values?.length ?? 'no'} values, not ${truth.length}`)
  let difference = 0
  let norm = 0
  for (let i = 0; i < truth.length; i++) {
    difference += (values[i] - truth[i]) ** 2
    norm += truth[i] ** 2
  }
  return Math.sqrt(difference / norm)
}

/** What convmark makes of each of the images: pool5, and in forward-backward the loss and the gradients. */
async function convmarkResults({ network, batch, parameters, pass }, allImages) {
  const session = await openSession(network, { batch, pass, engine: 'wasm@1', algorithm: 'direct' })
  try {
    session.write(parameters)
    const results = []
    for (const images of allImages) {
      await session.run({ images })
      results.push(Object.fromEntries(session.plan.outputs.map((tensor) => [tensor, session.read(tensor)])))
    }
    return results
  } finally {
    await session.dispose()
  }
}

/** The largest relative error of the activations and the loss, and of the gradients. Throws where one is too large. */
function compare(results, truth, scale) {
  const largest = { maxRelativeError: 0, maxGradientError: 0 }
  for (const [tensor, values] of Object.entries(truth)) {
    const isGradient = tensor.endsWith('.gradient')
    const allowed = isGradient ? MAX_GRADIENT_ERROR : MAX_RELATIVE_ERROR
    const error = relativeError(tensor, results[tensor], values)
    // Not the other way round: NaN is an error too.
    if (!(error <= allowed)) {
      const scaled = scale === 1 ? '' : ` with images ${scale} times as large`
      throw new Error(
        `${tensor} differs from convmark's by ${error.toExponential(1)}${scaled}; ${allowed} is allowed`,
      )
    }
    const kind = isGradient ? 'maxGradientError' : 'maxRelativeError'
    largest[kind] = Math.max(largest[kind], error)
  }
  return largest
}

/** Peers that have no threads in Node, however many there are. */
const SINGLE = ['jax-js', 'tfjs-cpu', 'tfjs-wasm']

async function openChecked(asked) {
  const {
    engine,
    peer: spec = engine,
    pass = 'forward',
    batch = 32,
    network: networkName = 'alexnet',
  } = asked
  const name = spec.split('@')[0]
  const given = SINGLE.includes(name) ? 1 : (asked.threads ?? 1)
  const [, threads = String(given)] = spec.split('@')
  if (!/^[1-9]\d*$/.test(threads)) throw new Error(`${spec}: '${threads}' is not a number of threads`)
  if (!Object.hasOwn(peers, name))
    throw new Error(`no peer '${name}'; there are ${Object.keys(peers).join(', ')}`)
  if (networkName !== 'alexnet') throw new Error(`peers run alexnet, not ${networkName}`)
  const network = alexnet({ imageSize: asked.imageSize ?? 224 })
  const parameters = initialize(network, { seed: SEED })
  const setup = { network, batch, parameters, threads: Number(threads), pass }
  const { openPeer } = await peers[name]()
  const peer = await openPeer(setup)

  const { images } = initializeImages(network, batch, { seed: SEED })
  const allImages = CHECKED_SCALES.map((scale) => images.map((value) => value * scale))
  const truths = await convmarkResults(setup, allImages)
  const errors = []
  for (const [i, scale] of CHECKED_SCALES.entries()) {
    await peer.setImages(allImages[i])
    await peer.run()
    errors.push(compare(await peer.results(), truths[i], scale))
  }
  const largest = (kind) => Math.max(...errors.map((error) => error[kind]))
  const checked = { maxRelativeError: largest('maxRelativeError') }
  if (pass === 'forward-backward') checked.maxGradientError = largest('maxGradientError')
  return { peer, info: { ...peer.info, ...checked } }
}

/** Of this process, all its threads. */
function ownProcessorMs() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

async function timed({ run, processorMs = ownProcessorMs }, runs) {
  const samples = []
  const [start, processorStart] = [performance.now(), await processorMs()]
  for (let i = 0; i < runs; i++) {
    const startedAtMs = performance.timeOrigin + performance.now()
    samples.push({ startedAtMs, ms: await run() })
  }
  const elapsedMs = performance.now() - start
  return { samples, processorMs: (await processorMs()) - processorStart, elapsedMs }
}

/** A turn of `convmark compare`: one run that is not counted, then so many samples. */
async function turn(peer, count) {
  await peer.run()
  const { samples, ...times } = await timed(peer, count)
  return {
    kind: 'samples',
    samplesMs: samples.map(({ ms }) => ms),
    startedAtMs: samples.map(({ startedAtMs }) => startedAtMs),
    stepsMs: null,
    ...times,
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
  }
}

/** What `convmark compare` wants to know beside. */
function described({ name, target, threads, reason, maxRelativeError }) {
  return {
    engine: { name, target, threads, reason, v8Flags: [] },
    check: {
      against: "convmark's results for the whole batch",
      maxRelativeError,
      tensor: 'pool5',
      passed: true,
    },
    plan: { steps: [], layerBytes: {} },
    tuning: null,
  }
}

process.on('disconnect', () => process.exit())
try {
  const asked = JSON.parse(process.argv[2])
  const { peer, info } = await openChecked(asked)
  for (let i = 0; i < (asked.burnIn ?? 0); i++) await peer.run()
  process.on('message', async ({ kind, runs, samples }) => {
    if (kind === 'run') process.send({ kind: 'samples', ...(await timed(peer, runs)) })
    else if (kind === 'turn') process.send(await turn(peer, samples))
    else process.exit(0)
  })
  process.send({ kind: 'ready', info, ...described(info) })
} catch (error) {
  process.send({ kind: 'unsupported', reason: error.message }, () => process.exit(0))
}
