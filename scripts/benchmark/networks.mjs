// How many times as fast as other engines convmark is, network by network: `npm run benchmark -- --networks`. In each
// pair two engines take turns in one run (src/bench/compare.ts), each checked before it is timed; engines that read ONNX
// get convmark's own exports.
//   --only a,b              networks; by default all of about ImageNet's size
//   --batch 1,16            batches
//   --pass forward          or forward-backward, train
//   --pairs x64/pytorch     by default x64 with onnxruntime-node and wasm with onnxruntime-web, backward x64 with pytorch, whose
//                           other layout is the peer pytorch-channels-first
//   --rounds 10             turns of each
import { compare } from '../../dist/bench/compare.js'
import { networkNamed } from '../../dist/networks/index.js'
import { TRAINABLE_NETWORK_NAMES } from '../../dist/networks/names.js'

/** Too small to be measured beside a process's own noise. */
const SMALL = ['lenet', 'alexnet-cifar10', 'resnet20-cifar']
const PAIRS = {
  forward: ['x64/onnxruntime-node', 'wasm/onnxruntime-web'],
  'forward-backward': ['x64/pytorch'],
  train: ['x64/pytorch'],
}
/** Fewer show no difference: see src/bench/compare.ts. */
const MIN_ROUNDS = 6
/** About so many images are timed in a turn, and a batch at least. */
const IMAGES_PER_TURN = 32

/** Prints a line for each pair, then for each kind of pair the geometric mean and the worst; returns whether all were compared. */
export async function compareNetworks({ only, batch = '1,16', pass = 'forward', pairs, rounds = '10' }) {
  if (!(Number(rounds) >= MIN_ROUNDS))
    throw new Error(`--rounds is ${rounds}; it must be ${MIN_ROUNDS} or more`)
  const names = only?.split(',') ?? TRAINABLE_NETWORK_NAMES.filter((name) => !SMALL.includes(name))
  const wanted = pairs?.split(',') ?? PAIRS[pass]
  const found = new Map()
  let areAllCompared = true
  for (const images of batch.split(',').map(Number)) {
    for (const pair of wanted) {
      const kind = `${pair}, batch ${images}, ${pass}`
      console.log(`\n${kind}`)
      for (const name of names) {
        const compared = await comparePair(networkNamed(name), pair.split('/'), images, pass, Number(rounds))
        areAllCompared &&= 'ratio' in compared
        console.log(`  ${name.padEnd(22)}${'ratio' in compared ? lineOf(compared) : compared.reason}`)
        if ('ratio' in compared) found.set(kind, [...(found.get(kind) ?? []), { name, ...compared }])
      }
    }
  }
  console.log('')
  for (const [kind, all] of found) {
    const mean = Math.exp(all.reduce((sum, { ratio }) => sum + Math.log(ratio), 0) / all.length)
    const worst = all.reduce((least, each) => (each.ratio < least.ratio ? each : least))
    console.log(
      `${kind.padEnd(46)}geometric mean ${mean.toFixed(2)}x of ${all.length}, worst ${worst.ratio.toFixed(2)}x (${worst.name})`,
    )
  }
  return areAllCompared
}

const lineOf = ({ ratio, interval: [from, to], ownMs, otherMs }) =>
  `${ratio.toFixed(2).padStart(6)}x (${from.toFixed(2)} to ${to.toFixed(2)})` +
  `${ownMs.toFixed(1).padStart(10)} ms against ${otherMs.toFixed(1)}`

/** The ratio of the first engine's speed to the second's, or why there is none. */
async function comparePair(network, engines, batch, pass, rounds) {
  const batches = Math.max(1, Math.round(IMAGES_PER_TURN / batch / 2))
  const options = { engines, passes: [pass], batch, batches, rounds, burnIn: 3 }
  try {
    for await (const event of compare(network, options)) {
      if (event.kind !== 'finished') continue
      const [comparison] = event.comparisons
      if (!comparison)
        return { reason: event.unsupported.map(({ engine, reason }) => `${engine}: ${reason}`).join('; ') }
      const msOf = (spec) => event.runs.find(({ engine }) => spec.startsWith(engine.name)).summary.medianMs
      const isOwn = comparison.engine === engines[0]
      const [from, to] = comparison.interval
      return {
        ratio: isOwn ? comparison.ratio : 1 / comparison.ratio,
        interval: isOwn ? [from, to] : [1 / to, 1 / from],
        ownMs: msOf(engines[0]),
        otherMs: msOf(engines[1]),
      }
    }
    return { reason: 'the comparison ended early' }
  } catch (error) {
    return { reason: error.message }
  }
}
