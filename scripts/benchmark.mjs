// Speed as ratios of one run: `npm run benchmark`. Every engine has a process of its own; they take turns, so that drift
// of the machine hits all alike, and only one computes at a time. The peak is measured between the turns.
//   --rounds 6      turns of each engine
//   --peers         also the peers of peers/, as far as they are installed there
// Ends with 1 if a direct convolution is above its peak (then the peak is wrong); targets that are missed are only said.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '6' }, peers: { type: 'boolean', default: false } },
})
const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
}

async function start(name, setup, script = 'benchmark-runner.mjs') {
  const child = fork(here(script), [JSON.stringify(setup)])
  const died = once(child, 'exit').then(([code]) => {
    throw new Error(`${name} ended with exit code ${code}`)
  })
  died.catch(() => {})
  const next = async () => (await Promise.race([once(child, 'message'), died]))[0]
  const ready = await next()
  if (ready.kind === 'unsupported') return { name, unsupported: ready.reason }
  const ask = (message) => {
    child.send(message)
    return next()
  }
  const runs = setup.runs ?? 2
  await ask({ kind: 'run', runs: setup.warmUp ?? 4 })
  return { name, setup, ready, ask, runs, samples: [], peaks: [], stop: () => child.kill() }
}

const v8 = Number(/^\d+\.\d+/.exec(process.versions.v8)[0])
const cores = Math.min(2, availableParallelism())
const engines = [
  ['forward, 1 thread', { engine: 'wasm@1' }],
  [`forward, ${cores} threads`, { engine: `wasm@${cores}` }],
  ['forward-backward', { engine: `wasm@${cores}`, pass: 'forward-backward' }],
  ['batch 1', { engine: `wasm@${cores}`, batch: 1, runs: 40, warmUp: 100 }],
]
if (v8 >= 13.6) engines.push(['revectorized', { engine: `wasm:revectorized@${cores}` }])
const running = []
for (const [name, setup] of engines) running.push(await start(name, setup))
const peers = [
  { peer: 'tfjs-wasm', kind: 'wasm' },
  { peer: 'onnxruntime-web@1', kind: 'wasm' },
  { peer: `onnxruntime-web@${cores}`, kind: 'wasm' },
  { peer: `onnxruntime-node@${cores}`, kind: 'native' },
  { peer: `pytorch@${cores}`, kind: 'native' },
  { peer: `pytorch@${cores}`, kind: 'native', pass: 'forward-backward' },
  { peer: `onednn@${cores}`, kind: 'native' },
  { peer: `onednn@${cores}`, kind: 'native', pass: 'forward-backward' },
]
if (options.peers) {
  if (!existsSync(here('../peers/node_modules')))
    throw new Error('peers are not installed: npm ci --prefix peers')
  for (const setup of peers) {
    const name = setup.pass ? `${setup.peer}, ${setup.pass}` : setup.peer
    running.push(await start(name, { ...setup, batch: 32, runs: 1, warmUp: 2 }, '../peers/runner.mjs'))
  }
}

for (let round = 0; round < Number(options.rounds); round++) {
  for (const engine of running.filter(({ unsupported }) => !unsupported).sort(() => Math.random() - 0.5)) {
    const { samples } = await engine.ask({ kind: 'run', runs: engine.runs })
    engine.samples.push(...samples)
    if (engine.setup.peer) continue
    engine.peaks.push((await engine.ask({ kind: 'peak' })).gflops)
  }
}

const find = (name) => running.find((engine) => engine.name === name)
const ms = (engine) => median(engine.samples.map((sample) => sample.ms))
const stepMs = (engine, step) => median(engine.samples.map(({ stepsMs }) => stepsMs[step]))
const convolutions = ({ ready }) =>
  ready.steps.map((step, i) => ({ ...step, i })).filter(({ flops }) => flops > 0)
/** The peak of these threads, by the plain wasm target: the best seen. */
const peakOf = (engine) => {
  const { engine: spec } = engine.setup
  return Math.max(...running.filter((e) => e.setup?.engine === spec).flatMap(({ peaks }) => peaks))
}
const share = (engine, steps) => {
  const flops = steps.reduce((sum, step) => sum + step.flops, 0)
  const total = steps.reduce((sum, step) => sum + stepMs(engine, step.i), 0)
  return flops / total / 1e6 / peakOf(engine)
}
const wholeShare = (engine) =>
  convolutions(engine).reduce((sum, { flops }) => sum + flops, 0) / ms(engine) / 1e6 / peakOf(engine)

const [one, two, both, single] = running
const rows = []
const row = (what, measured, target, isMet) =>
  rows.push({ what, measured, target, met: isMet ? 'yes' : 'NO' })
const percent = (value) => `${(100 * value).toFixed(1)}%`
for (const engine of [one, two]) {
  const conv = share(engine, convolutions(engine))
  row(`conv steps of the peak, ${engine.name}`, percent(conv), '82%', conv >= 0.82)
  row(`whole ${engine.name}, of the peak`, percent(wholeShare(engine)), '77%', wholeShare(engine) >= 0.77)
}
const scaling = ms(one) / ms(two)
row(`${cores} threads over 1`, `${scaling.toFixed(2)}x`, '1.85x', scaling >= 1.85)
const backward = ms(both) / ms(two)
row('forward-backward over forward', `${backward.toFixed(2)}x`, 'at most 3.1x', backward <= 3.1)
const latency = (ms(single) * 32) / ms(two)
row('batch 1, time per image over batch 32', `${latency.toFixed(2)}x`, 'under 1.25x', latency < 1.25)
for (const engine of [two, both]) {
  const sum = median(
    engine.samples.map(({ ms, stepsMs }) => stepsMs.reduce((all, step) => all + step, 0) / ms),
  )
  row(`layer times of the run, ${engine.name}`, percent(sum), '98 to 102%', Math.abs(sum - 1) <= 0.02)
}
// Taking them is a look at the clock for each step (the stages of a step are 1 or 2), in every run, asked for or not.
const CLOCK_READS = 100_000
const clockStart = performance.now()
for (let i = 0; i < CLOCK_READS; i++) performance.now()
const clockMs = (performance.now() - clockStart) / CLOCK_READS
const cost = (2 * both.ready.steps.length * clockMs) / ms(both)
row('cost of taking layer times', `${(100 * cost).toFixed(4)}%`, 'under 1%', cost < 0.01)
const revectorized = find('revectorized')
if (revectorized) {
  const factor = ms(two) / ms(revectorized)
  row('wasm:revectorized over wasm', `${factor.toFixed(2)}x`, '1.4x', factor >= 1.4)
}
if (options.peers) {
  for (const [engine, target] of [
    [one, 1.35],
    [two, 2],
  ]) {
    const threads = engine === one ? 1 : cores
    const rivals = running.filter(
      ({ name, setup }) => setup?.kind === 'wasm' && (threads > 1 || !name.endsWith(`@${cores}`)),
    )
    const best = rivals.sort((a, b) => ms(a) - ms(b))[0]
    if (!best) continue
    const factor = ms(best) / ms(engine)
    row(
      `${engine.name} over ${best.name} (${ms(best).toFixed(0)} ms)`,
      `${factor.toFixed(2)}x`,
      `${target}x`,
      factor >= target,
    )
  }
}

console.log(`${cpus()[0].model.trim()}, ${cores} cores, Node ${process.version}, V8 ${process.versions.v8}`)
console.log(
  `${one.ready.info.reason}; peak ${peakOf(one).toFixed(1)} GFLOP/s on 1 thread, ${peakOf(two).toFixed(1)} on ${cores}\n`,
)
for (const { name, unsupported, setup, ready, samples } of running) {
  if (unsupported) console.log(`${name.padEnd(28)}unsupported: ${unsupported}`)
  else {
    const time = `${median(samples.map((sample) => sample.ms)).toFixed(1)} ms`
    const { reason, maxRelativeError, maxGradientError } = ready.info
    const errors = [maxRelativeError, maxGradientError].filter(Boolean).map((error) => error.toExponential(1))
    const about = setup.peer ? `   ${reason}; off by ${errors.join(', gradients ')}` : ''
    console.log(`${name.padEnd(28)}${time.padStart(11)}, ${samples.length} samples${about}`)
  }
}
console.log()
for (const { what, measured, target, met } of rows) {
  console.log(`${what.padEnd(56)}${measured.padStart(8)}   target ${target.padEnd(14)}${met}`)
}

console.log(`\n${'step'.padEnd(32)}${'tile'.padEnd(14)}     ms   of peak   (${both.name}, ${cores} threads)`)
for (const { kind, layer, tile, i } of convolutions(both)) {
  const of = percent(share(both, [convolutions(both).find((step) => step.i === i)]))
  console.log(
    `${`${kind} ${layer}`.padEnd(32)}${tile.padEnd(14)}${stepMs(both, i).toFixed(1).padStart(7)}   ${of.padStart(7)}`,
  )
}

let exitCode = 0
for (const engine of [one, two, both]) {
  for (const step of convolutions(engine)) {
    if (share(engine, [step]) <= 1) continue
    console.error(
      `${engine.name}: ${step.kind} of ${step.layer} is above the peak (${percent(share(engine, [step]))}): the peak is wrong`,
    )
    exitCode = 1
  }
}
for (const engine of running) engine.stop?.()
process.exitCode = exitCode
