// One engine in a process of its own, run when the parent says so: node benchmark-runner.mjs '{"engine": "wasm@1", ...}'

import { openEngine } from '../dist/engine.js'
import { alexnet, initialize, initializeImages, openSession } from '../dist/index.js'

const { engine: spec, batch = 32, pass = 'forward' } = JSON.parse(process.argv[2])
const engine = await openEngine(spec, { experimentalV8Flags: true })
const network = alexnet()
const session = await openSession(network, { batch, pass, engine })
session.write({ ...initialize(network, { seed: 7 }), ...initializeImages(network, batch, { seed: 7 }) })

/** FLOPs of each heavy step, for its share of the peak. */
const flopsOf = (step) => {
  const { flops } = network.layers.find(({ layer }) => layer.name === step.layer)
  const parts = {
    'conv-forward': flops.forward,
    'conv-weights-gradient': flops.parametersGradient,
    'conv-input-gradient': flops.inputGradient,
  }
  return batch * (parts[step.kind] ?? 0)
}
const flops = session.steps.map(({ step }) => flopsOf(step))
const steps = session.steps.map(({ step, tile }, i) => ({
  kind: step.kind,
  layer: step.layer,
  tile,
  flops: flops[i],
}))
process.send({ kind: 'ready', steps, info: engine.info })

process.on('message', async ({ kind, runs }) => {
  if (kind === 'peak') process.send({ kind: 'peak', gflops: (await engine.measurePeaks()).gflopsPerSecond })
  else if (kind === 'run') {
    const samples = []
    for (let i = 0; i < runs; i++) {
      const start = performance.now()
      await session.run()
      samples.push({ ms: performance.now() - start, stepsMs: session.stepTimesMs() })
    }
    process.send({ kind: 'samples', samples })
  } else process.exit(0)
})
