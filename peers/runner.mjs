// One peer in a process of its own, run when the parent says so, with the messages of scripts/benchmark/engine-runner.mjs:
// node runner.mjs '{"peer": "tfjs-wasm" | "pytorch@<threads>" | ..., "pass": "forward" | "forward-backward", "batch": 8}'
// or, without such an argument, with {kind: 'setup', setup} as its first message: a large network is too long for an argument.
// It answers at first {kind: 'ready', info}, or {kind: 'unsupported', reason} if the peer can't be had or lacks the pass; then
// each {kind: 'run', runs} (and {kind: 'turn', samples}, src/bench/contenders/protocol.ts) with {kind: 'samples', samples:
// [{ms}, ...], processorMs, elapsedMs}: the time that the turn took from its first sample to its last, and the processors' time
// in it, of all threads of the process that computes. processorMs / elapsedMs is therefore how many threads were really busy,
// spinning included. At any time it may answer {kind: 'failed', reason}, if the peer is wrong or breaks down, and end.
// A peer is timed only after its results were found right (check.mjs). Its module, <name>.mjs, has
// openPeer({network, batch, parameters, onnx, threads, pass, training}) -> {info, setImages(values, labels), run(), results(), ...}:
// `run` resolves to the milliseconds it took, `results` has what the last run made, by convmark's names and in its layouts:
// the network's outputs, where the pass goes backward the losses and gradients as well. Such a peer has
// `activations(images)`: what every layer makes of these of the images that are set, by a run of its own, which is not
// timed; and where the network has dropout `setDropout(isOn)`, at first it is on.
// In the pass train a run also updates the parameters by SGD, with training's {momentum, decay}, the decay of every one.
// `restart(rate)` begins anew: the parameters as they were given, no momentum, and this rate, which is 0 at first.
// `results` then has the parameters too.
// `processorMs`, the processor time so far of a process of the peer's own, is left out where it is this one; `dispose`
// where there is nothing to end, and so are `warnings`, an array of sentences. What openPeer can't do it throws, with the reason.
// `onnx` is the ONNX file that the network comes from (src/bench/contenders/protocol.ts), for adapters that read such
// files, or null.
import { checkPeer, MismatchError } from './check.mjs'
import { BENCHMARK_DECAY, convmark, networks, peers, readWeights } from './convmark.mjs'
import { importFrom } from './packages.mjs'

const { UsageError } = convmark

/** Of a peer that can't be opened, for the reason that its adapter gives. */
class UnsupportedError extends Error {}

const messageOf = (error) => (error instanceof Error ? error.message : String(error))

/** What the adapter, <name>.mjs, makes of the setup. */
async function open(name, setup) {
  try {
    const { openPeer } = await import(`./${name}.mjs`)
    return await openPeer(setup)
  } catch (error) {
    throw new UnsupportedError(messageOf(error))
  }
}

/**
 * The same network with `images` and `labels` as its inputs, whatever it calls them: the adapters know these. Throws
 * UnsupportedError for more inputs of images.
 */
function withUsualInputs(network) {
  const labels = Object.keys(networks.labelClasses(network))
  const images = Object.keys(network.inputs).filter((name) => !labels.includes(name))
  if (images.length > 1 || labels.length > 1)
    throw new UnsupportedError(
      `the network reads ${Object.keys(network.inputs).join(', ')}; adapters have one input of images and one of labels`,
    )
  const usual = new Map([
    ...images.map((name) => [name, 'images']),
    ...labels.map((name) => [name, 'labels']),
  ])
  const renamed = (name) => usual.get(name) ?? name
  const { inputs, layers, ...others } = networks.networkData(network)
  const taken = layers.find(({ name }) => [...usual.values()].includes(name))
  if (taken) throw new UnsupportedError(`a layer is called '${taken.name}', which is an input of adapters`)
  return networks.networkOf({
    ...others,
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, shape]) => [renamed(name), shape])),
    layers: layers.map((layer) => ({ ...layer, inputs: layer.inputs.map(renamed) })),
  })
}

async function openChecked(asked) {
  const {
    engine,
    peer: spec = engine,
    pass = 'forward',
    batch = 32,
    network: given = 'alexnet',
    seed = 7,
  } = asked
  const [name] = spec.split('@')
  if (!Object.hasOwn(peers, name))
    throw new UsageError(`no peer '${name}'; there are ${Object.keys(peers).join(', ')}`)
  const own = peers[name].hasThreads ? (asked.threads ?? 1) : 1
  const [, threads = String(own)] = spec.split('@')
  if (!/^[1-9]\d*$/.test(threads)) throw new UsageError(`${spec}: '${threads}' is not a number of threads`)
  // A name, by scripts/benchmark
  const network =
    typeof given === 'string' ? networks.networkNamed(given, {}) : withUsualInputs(networks.networkOf(given))
  const { weightsFile = null, onnx = null } = asked
  const parameters =
    weightsFile === null ? convmark.initialize(network, { seed }) : await readWeights(weightsFile, network)
  const training = { momentum: convmark.sgd().momentum, decay: BENCHMARK_DECAY }
  const setup = { network, batch, parameters, onnx, threads: Number(threads), pass, training }
  if (asked.packagesFrom) importFrom(asked.packagesFrom)
  const peer = await open(name, setup)
  const check = await checkPeer(peer, setup, seed)
  const { images, labels } = convmark.initializeImages(network, batch, { seed })
  await peer.setImages(images, labels)
  const { info, warnings = [] } = peer
  return { peer, check, warnings, info: { ...info, maxRelativeError: check.maxRelativeError } }
}

/** The parent's first message. */
const setupOfParent = () =>
  new Promise((resolve) => {
    process.once('message', ({ setup }) => resolve(setup))
  })

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
function described({ name, target, threads, reason }) {
  return {
    engine: { name, target, threads, reason, v8Flags: [] },
    plan: { steps: [], layerBytes: {}, fusedWith: {} },
    tuning: null,
  }
}

/** Says why, and ends. */
function fail(error) {
  const kind =
    error instanceof UnsupportedError ? 'unsupported' : error instanceof UsageError ? 'misused' : 'failed'
  const reason = `${error instanceof MismatchError ? 'refused: ' : ''}${messageOf(error)}`
  process.send({ kind, reason: reason.replace(/\s*\n\s*/g, ' ') }, () => process.exit(0))
}

async function answer(peer, { kind, runs, samples }) {
  if (kind === 'run') process.send({ kind: 'samples', ...(await timed(peer, runs)) })
  else if (kind === 'turn') process.send(await turn(peer, samples))
  else process.exit(0)
}

process.on('disconnect', () => process.exit())
// What ends the whole job is for the parent to decide; it ends this process by SIGKILL.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
try {
  const [, , given = ''] = process.argv
  const asked = given.startsWith('{') ? JSON.parse(given) : await setupOfParent()
  const { peer, check, warnings, info } = await openChecked(asked)
  for (let i = 0; i < (asked.burnIn ?? 0); i++) await peer.run()
  process.on('message', (request) => answer(peer, request).catch(fail))
  process.send({ kind: 'ready', info, check, warnings, ...described(info) })
} catch (error) {
  fail(error)
}
