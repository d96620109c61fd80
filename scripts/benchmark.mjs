// Speed as ratios of one run: `npm run benchmark`. Every engine has a process of its own; they take turns, so that drift
// of the machine hits all alike, and only one computes at a time. The peak is measured between the turns.
//   --rounds 6              turns of each
//   --families a,b          only these: x64:avx512, x64:avx2, wasm, wasm:revectorized
//   --peers                 also the peers that are installed in peers/
//   --networks              instead: network by network beside other engines; scripts/benchmark/networks.mjs has its options
// The exit code is 1 if a direct convolution is above its peak even without its padding's zeros (then the peak is wrong);
// goals that are missed are only reported.
import { existsSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import {
  convolutions,
  ENGINE_RUNNER,
  ms,
  PEER_RUNNER,
  peakOf,
  share,
  start,
  stepMs,
  takeTurns,
} from './benchmark/contenders.mjs'
import { families, peers } from './benchmark/families.mjs'
import { compareNetworks } from './benchmark/networks.mjs'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string' },
    families: { type: 'string' },
    peers: { type: 'boolean', default: false },
    networks: { type: 'boolean', default: false },
    only: { type: 'string' },
    batch: { type: 'string' },
    pass: { type: 'string' },
    pairs: { type: 'string' },
  },
})
if (options.networks) process.exit((await compareNetworks(options)) ? 0 : 1)
const rounds = options.rounds ?? '6'
const threads = Math.min(2, availableParallelism())
const known = families(threads)
const wanted = options.families?.split(',') ?? Object.keys(known)
for (const name of wanted) {
  if (!known[name]) throw new Error(`no family '${name}'; there are ${Object.keys(known).join(', ')}`)
}
if (options.peers && !existsSync(new URL('../peers/node_modules', import.meta.url)))
  throw new Error('peers are not installed: npm ci --prefix peers')

const nameOf = ({ engine, batch = 32, pass = 'forward', network = 'alexnet', algorithm = 'auto' }) =>
  `${engine}, ${network}, batch ${batch}, ${pass}, ${algorithm}`

const running = {}
const missing = []
for (const name of wanted) {
  const entries = []
  for (const [key, setup] of Object.entries(known[name].setups)) {
    const contender = await start(nameOf(setup), setup, ENGINE_RUNNER)
    if (contender.unsupported) {
      missing.push(contender)
      break
    }
    entries.push([key, contender])
  }
  if (entries.length > 0) running[name] = Object.fromEntries(entries)
}
const rivals = []
for (const setup of options.peers ? peers(threads) : []) {
  const rival = await start(`${setup.peer}, ${setup.pass ?? 'forward'}`, setup, PEER_RUNNER)
  rivals.push(rival)
  if (rival.unsupported) missing.push(rival)
}
const own = Object.values(running).flatMap((family) => Object.values(family))
const all = [...own, ...rivals.filter(({ samples }) => samples)]
await takeTurns(all, Number(rounds))

console.log(
  `${cpus()[0].model.trim()}, ${threads} threads, Node ${process.version}, V8 ${process.versions.v8}`,
)
console.log(`${new Date().toISOString().slice(0, 10)}, medians of ${rounds} rounds\n`)
for (const contender of all) {
  const { name, setup, ready, samples } = contender
  const { reason, maxRelativeError } = ready.info
  const about = setup.peer ? `${reason}; off by ${maxRelativeError.toExponential(1)}` : ''
  const peak = setup.peer ? '' : `peak ${peakOf(contender, own).toFixed(1)} GFLOP/s`
  console.log(
    `${name.padEnd(48)}${ms(contender).toFixed(1).padStart(9)} ms, ${String(samples.length).padStart(3)} samples   ${peak}${about}`,
  )
}
for (const { name, unsupported } of missing) console.log(`${name.padEnd(48)}not here: ${unsupported}`)

let exitCode = 0
for (const [name, contenders] of Object.entries(running)) {
  console.log(`\n${name}`)
  for (const { what, measured, goal, isMet } of known[name].rows(contenders, own, rivals)) {
    console.log(
      `  ${what.padEnd(56)}${measured.padStart(8)}   ${goal.padEnd(18)}${isMet ? 'met' : 'NOT MET'}`,
    )
  }
  const { backward, fastestBackward } = contenders
  if (!backward) continue
  console.log(
    `\n  ${'step of forward-backward'.padEnd(31)}direct ms  of peak  fastest ms  of peak  algorithm and tile`,
  )
  const fastestSteps = convolutions(fastestBackward)
  for (const [i, step] of convolutions(backward).entries()) {
    const fast = fastestSteps[i]
    const columns = [
      [backward, step, 9],
      [fastestBackward, fast, 12],
    ].map(([contender, each, width]) => {
      const ofPeak = share(contender, [each], own)
      return `${stepMs(contender, each.i).toFixed(1).padStart(width)}${`${(100 * ofPeak).toFixed(1)}%`.padStart(9)}`
    })
    console.log(
      `  ${`${step.kind} ${step.layer}`.padEnd(31)}${columns.join('')}  ${fast.algorithm} ${fast.tile}`,
    )
    if (share(backward, [step], own) * (step.leastFlops / step.flops) <= 1) continue
    console.error(`${step.kind} of ${step.layer} is above the peak: the peak is wrong`)
    exitCode = 1
  }
}
for (const contender of all) contender.stop()
process.exitCode = exitCode
