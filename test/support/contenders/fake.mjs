// A contender that behaves as its setup's engine says.
const { engine } = await new Promise((resolve) => {
  process.once('message', ({ setup }) => resolve(setup))
})
const send = (message) => process.send(message)
const info = { name: engine, target: 'fake', threads: 1, reason: 'asked for', v8Flags: [] }

process.on('disconnect', () => process.exit())
process.on('message', ({ kind, samples }) => {
  if (kind === 'peaks') {
    send({ kind: 'peaks', peaks: { gflopsPerSecond: 100, bandwidthGigabytesPerSecond: 20 } })
  } else if (engine === 'crashes-later') process.exit(7)
  else if (engine === 'hangs-later') return
  else {
    const samplesMs = Array.from({ length: samples }, (_, i) => 10 + i)
    const startedAtMs = samplesMs.map((_, i) => 1e12 + 20 * i)
    send({
      kind: 'samples',
      samplesMs,
      startedAtMs,
      stepsMs: null,
      processorMs: 5,
      elapsedMs: 10,
      peakMemoryBytes: 1e6,
    })
  }
})
if (engine === 'crashes') process.exit(3)
else if (engine === 'unsupported') send({ kind: 'unsupported', reason: 'no filter gradient' })
else if (engine === 'fails') send({ kind: 'failed', reason: 'refused: conv1 is off' })
else if (engine !== 'hangs') {
  send({
    kind: 'ready',
    engine: info,
    check: null,
    plan: { steps: [], layerBytes: {}, fusedWith: {} },
    tuning: null,
  })
}
