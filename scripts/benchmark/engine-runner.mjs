// One engine in a process of its own, run when the parent says so: node engine-runner.mjs '{"engine": "wasm@1", ...}'

import { openEngine } from '../../dist/engine.js'
import * as convmark from '../../dist/index.js'

const setup = JSON.parse(process.argv[2])
const { engine: spec, batch = 32, pass = 'forward', network: name = 'alexnet', algorithm = 'auto' } = setup
const networks = { alexnet: convmark.alexnet, 'alexnet-full': convmark.alexnetFull }

/** The share of kernel taps along an axis, over all outputs, that meet the input and not its padding. */
function shareInside(outputs, kernel, stride, before, input) {
  let inside = 0
  for (let at = 0; at < outputs; at++) {
    const start = at * stride - before
    inside += Math.max(0, Math.min(start + kernel, input) - Math.max(start, 0))
  }
  return inside / (outputs * kernel)
}

/** A direct convolution may leave out products with the padding's zeros, but nothing else. */
const leastShare = ({ geometry: g }) =>
  g
    ? shareInside(g.outputHeight, g.kernelHeight, g.strideHeight, g.top, g.inputHeight) *
      shareInside(g.outputWidth, g.kernelWidth, g.strideWidth, g.left, g.inputWidth)
    : 1

/** FLOPs of each heavy step, for its share of the peak, and the weights that a dense layer reads. */
function stepsOf(session) {
  return session.steps.map(({ step, algorithm, tile }) => {
    const { kind, layer } = step
    const { flops, parameters } = session.network.layers.find((each) => each.layer.name === layer)
    const parts = {
      'conv-forward': flops.forward,
      'conv-weights-gradient': flops.parametersGradient,
      'conv-input-gradient': flops.inputGradient,
    }
    const weights = kind === 'dense-forward' ? parameters[`${layer}/weights`].shape : [0]
    const weightBytes = 4 * weights.reduce((product, extent) => product * extent, 1)
    const all = batch * (parts[kind] ?? 0)
    return {
      kind,
      layer,
      algorithm,
      tile,
      flops: all,
      leastFlops: all * leastShare(step.options),
      weightBytes,
    }
  })
}

try {
  const engine = await openEngine(spec, { experimentalV8Flags: true })
  const network = networks[name]()
  const session = await convmark.openSession(network, { batch, pass, engine, algorithm })
  session.write({
    ...convmark.initialize(network, { seed: 7 }),
    ...convmark.initializeImages(network, batch, { seed: 7 }),
  })
  process.on('message', async ({ kind, runs }) => {
    if (kind === 'peak') {
      const { gflopsPerSecond, bandwidthGigabytesPerSecond } = await engine.measurePeaks({
        withBandwidth: true,
      })
      process.send({ kind: 'peak', gflops: gflopsPerSecond, gigabytesPerSecond: bandwidthGigabytesPerSecond })
    } else if (kind === 'run') {
      const samples = []
      for (let i = 0; i < runs; i++) {
        const start = performance.now()
        await session.run()
        samples.push({ ms: performance.now() - start, stepsMs: session.stepTimesMs() })
      }
      process.send({ kind: 'samples', samples })
    } else process.exit(0)
  })
  process.send({ kind: 'ready', steps: stepsOf(session), info: engine.info })
} catch (error) {
  if (error.name !== 'UnavailableError') throw error
  process.send({ kind: 'unsupported', reason: error.message }, () => process.exit(0))
}
