// A family is one target with the setups that its figures need, and the goals for those figures.
import { convolutions, median, ms, share, stepMs, wholeShare } from './contenders.mjs'

const percent = (value) => `${(100 * value).toFixed(1)}%`
const times = (value) => `${value.toFixed(2)}x`
const atLeast = (what, value, goal, format) => ({
  what,
  measured: format(value),
  goal: `at least ${format(goal)}`,
  isMet: value >= goal,
})
const atMost = (what, value, goal, format) => ({
  what,
  measured: format(value),
  goal: `at most ${format(goal)}`,
  isMet: value <= goal,
})

/**
 * What every family has. `single` is one thread's, all others have all threads. Shares of the peak are of direct
 * convolutions; the last three take whatever is fastest.
 */
const common = (engine, threads) => {
  const all = { engine: `${engine}@${threads}` }
  const direct = { ...all, algorithm: 'direct' }
  const latency = { batch: 1, runs: 40, warmUp: 100 }
  return {
    single: { engine: `${engine}@1`, algorithm: 'direct' },
    forward: direct,
    backward: { ...direct, pass: 'forward-backward' },
    latency: { ...direct, ...latency },
    fastest: all,
    fastestBackward: { ...all, pass: 'forward-backward' },
    fastestLatency: { ...all, ...latency },
  }
}

const perImage = (contender) => ms(contender) / (contender.setup.batch ?? 32)

/** Layer times are taken in every run: a look at the clock for each stage, of which a step has one to three. */
function clockCost(contender) {
  const reads = 100_000
  const start = performance.now()
  for (let i = 0; i < reads; i++) performance.now()
  const clockMs = (performance.now() - start) / reads
  return (3 * contender.ready.steps.length * clockMs) / ms(contender)
}

function layerTimeRows({ forward, backward }) {
  const sums = [forward, backward].map(({ samples }) =>
    median(samples.map(({ ms, stepsMs }) => stepsMs.reduce((all, step) => all + step, 0) / ms)),
  )
  const furthest = Math.max(...sums.map((sum) => Math.abs(sum - 1)))
  return [
    atMost('layer times, off from the run', furthest, 0.02, percent),
    atMost('cost of taking layer times', clockCost(backward), 0.01, percent),
  ]
}

/** The fastest of the installed rivals. */
const bestOf = (rivals) => rivals.filter(({ samples }) => samples).sort((a, b) => ms(a) - ms(b))[0]

const over = (own, rival, goal) =>
  rival?.samples
    ? [atLeast(`over ${rival.name} (${ms(rival).toFixed(0)} ms)`, ms(rival) / ms(own), goal, times)]
    : []

/** Figures with Winograd: multiples of the direct limit, and batch 1, which uses it only if it is faster. */
const winogradRows = ({ latency, fastest, fastestBackward, fastestLatency }, all, [forward, backward]) => [
  atLeast('whole forward, of the direct limit', wholeShare(fastest, all), forward, times),
  atLeast('whole forward-backward, of the direct limit', wholeShare(fastestBackward, all), backward, times),
  atLeast('batch 1, over direct', ms(latency) / ms(fastestLatency), 1, times),
]

function wasm(threads) {
  return {
    setups: common('wasm', threads),
    rows(own, all, rivals) {
      const { single, forward, backward, latency } = own
      const web = (count) => rivals.filter(({ setup }) => setup.kind === 'wasm' && setup.threads <= count)
      return [
        ...[single, forward].flatMap((each) => [
          atLeast(`conv steps, ${each.name}`, share(each, convolutions(each), all), 0.82, percent),
          atLeast(`whole forward, ${each.name}`, wholeShare(each, all), 0.77, percent),
        ]),
        atLeast(`${threads} threads over 1`, ms(single) / ms(forward), 1.85, times),
        atMost('forward-backward over forward', ms(backward) / ms(forward), 3.1, times),
        atMost('batch 1, time per image', perImage(latency) / perImage(forward), 1.25, times),
        ...layerTimeRows(own),
        ...over(single, bestOf(web(1)), 1.35),
        ...over(forward, bestOf(web(threads)), 2),
        atLeast('Winograd forward, over direct', ms(forward) / ms(own.fastest), 1.8, times),
        atLeast('Winograd forward-backward, over direct', ms(backward) / ms(own.fastestBackward), 1, times),
        atLeast('batch 1, over direct', ms(latency) / ms(own.fastestLatency), 1, times),
        ...over(own.fastest, bestOf(rivals.filter(({ setup }) => setup.name === 'onnxruntime-node')), 1),
      ]
    },
  }
}

function revectorized(threads) {
  return {
    setups: { forward: { engine: `wasm:revectorized@${threads}` } },
    rows({ forward }, all) {
      const plain = all.find(
        ({ setup }) => setup.engine === `wasm@${threads}` && !setup.pass && !setup.batch && !setup.algorithm,
      )
      return plain?.samples ? [atLeast('over wasm', ms(plain) / ms(forward), 1.4, times)] : []
    },
  }
}

/** Goals set on two other machines, one with AVX-512 and one with AVX2: see docs/performance.md. */
const WANTED = {
  'x64:avx512': { direct: 0.9, winograd: [1.45, 1.4], onnxruntime: 4, pytorch: 2.6, pytorchBackward: 3.8 },
  'x64:avx2': { direct: 0.87, winograd: [1.8, 1.7], onnxruntime: 3.5, pytorch: 1.5, pytorchBackward: 2.9 },
}

function x64(engine, threads) {
  return {
    setups: {
      ...common(engine, threads),
      small: { engine: `${engine}@${threads}`, algorithm: 'direct', batch: 8, runs: 4 },
      large: { engine: `${engine}@${threads}`, algorithm: 'direct', batch: 256, runs: 1, warmUp: 1 },
      full: {
        engine: `${engine}@${threads}`,
        batch: 1,
        network: 'alexnet-full',
        runs: 20,
        warmUp: 10,
      },
    },
    rows(own, all, rivals) {
      const { single, forward, backward, latency, small, large, full, fastest, fastestBackward } = own
      const kinds = ['conv-forward', 'conv-weights-gradient', 'conv-input-gradient']
      const images = [small, forward, large].map(perImage)
      const dense = full.ready.steps.map((step, i) => ({ ...step, i })).filter((step) => step.weightBytes > 0)
      const denseMs = dense.reduce((sum, { i }) => sum + stepMs(full, i), 0)
      const denseBytes = dense.reduce((sum, step) => sum + step.weightBytes, 0)
      const bandwidth = median(full.peaks.map(({ gigabytesPerSecond }) => gigabytesPerSecond))
      const peer = (name, pass) => rivals.find(({ setup }) => setup.name === name && setup.pass === pass)
      const wanted = WANTED[engine]
      return [
        ...kinds.map((kind) =>
          atLeast(kind, share(backward, convolutions(backward, kind), all), wanted.direct, percent),
        ),
        ...[single, forward].map((each) =>
          atLeast(`whole forward, ${each.name}`, wholeShare(each, all), 0.82, percent),
        ),
        atLeast('whole forward-backward', wholeShare(backward, all), 0.79, percent),
        atLeast(`${threads} threads over 1`, ms(single) / ms(forward), 1.9, times),
        atMost('batch 1, time per image', perImage(latency) / perImage(forward), 1.2, times),
        atMost('batch 8 to 256, per image', Math.max(...images) / Math.min(...images), 1.1, times),
        atLeast(
          `alexnet-full, batch 1: weights, of ${bandwidth.toFixed(1)} GB/s`,
          denseBytes / denseMs / 1e6 / bandwidth,
          0.8,
          percent,
        ),
        ...layerTimeRows(own),
        ...over(backward, peer('onednn', 'forward-backward'), 1),
        ...winogradRows(own, all, wanted.winograd),
        ...over(fastest, peer('onnxruntime-node'), wanted.onnxruntime),
        ...over(fastest, peer('pytorch'), wanted.pytorch),
        ...over(fastestBackward, peer('pytorch', 'forward-backward'), wanted.pytorchBackward),
        ...over(fastest, peer('onednn-winograd'), 1),
        ...over(fastestBackward, peer('onednn-winograd', 'forward-backward'), 1),
      ]
    },
  }
}

export const families = (threads) => ({
  'x64:avx512': x64('x64:avx512', threads),
  'x64:avx2': x64('x64:avx2', threads),
  wasm: wasm(threads),
  'wasm:revectorized': revectorized(threads),
})

export const peers = (threads) =>
  [
    { name: 'tfjs-wasm', threads: 1, kind: 'wasm' },
    { name: 'onnxruntime-web', threads: 1, kind: 'wasm' },
    { name: 'onnxruntime-web', threads, kind: 'wasm' },
    { name: 'onnxruntime-node', threads, kind: 'native' },
    { name: 'pytorch', threads, kind: 'native' },
    { name: 'pytorch', threads, kind: 'native', pass: 'forward-backward' },
    { name: 'onednn', threads, kind: 'native' },
    { name: 'onednn', threads, kind: 'native', pass: 'forward-backward' },
    { name: 'onednn-winograd', threads, kind: 'native' },
    { name: 'onednn-winograd', threads, kind: 'native', pass: 'forward-backward' },
  ].map((setup) => ({
    ...setup,
    peer: setup.name === 'tfjs-wasm' ? setup.name : `${setup.name}@${setup.threads}`,
    batch: 32,
    runs: 1,
    warmUp: 2,
  }))
