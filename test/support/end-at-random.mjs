// Ends what a session does at random moments, again and again in one process, which must survive it.
//
//   node test/support/end-at-random.mjs <what> <engine> <times>
//
// <what> is opening, running, disposing, checking or training. Prints how each time ended.

import { benchmark } from '../../dist/bench/index.js'
import { initialize, initializeImages, lenet, openSession } from '../../dist/index.js'
import { train } from '../../dist/train/index.js'

const [what, engine, times] = process.argv.slice(2)
const network = lenet()
const batch = 32

/** Aborts within so many milliseconds; a work that is over by then is not interrupted. */
async function abortWithin(ms, work) {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(), Math.random() * ms)
  try {
    await work(controller.signal)
    return controller.signal.aborted ? 'ended' : 'done'
  } catch (error) {
    if (!controller.signal.aborted) throw error
    return 'aborted'
  } finally {
    clearTimeout(timer)
  }
}

async function openReady(options = {}) {
  const session = await openSession(network, { batch, engine, ...options })
  session.write(initialize(session.network, { seed: 7 }))
  session.write({ ...initializeImages(session.network, batch, { seed: 7 }), labels: new Float32Array(batch) })
  return session
}

async function consume(events) {
  for await (const _ of events);
}

/** What is ended: each returns how it went once. */
const works = {
  opening: async () => () =>
    abortWithin(300, async (signal) => {
      const session = await openSession(network, { batch, engine, signal, tuningCache: false })
      await session.dispose()
    }),

  running: async () => {
    const session = await openReady({ pass: 'forward-backward' })
    return () => abortWithin(3, (signal) => session.run({}, { signal }))
  },

  disposing: async () => {
    const { tuning } = await openReady()
    return async () => {
      const session = await openReady({ tuning })
      const running = session.run()
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 2))
      await session.dispose()
      await running
      return 'done'
    }
  },

  checking: async () => () =>
    abortWithin(500, (signal) =>
      consume(benchmark(network, { batch, engine, batches: 5, burnIn: 1, passes: ['forward'], signal })),
    ),

  training: async () => {
    const images = new Float32Array(batch * 28 * 28).fill(0.5)
    const labels = Float32Array.from({ length: batch }, (_, i) => i % 10)
    const batches = function* () {
      for (let i = 0; i < 200; i++) yield { images, labels }
    }
    return () =>
      abortWithin(300, (signal) =>
        consume(train(network, { engine, batch, batches, batchesPerEpoch: 200, epochs: 2, signal })),
      )
  },
}

const once = await works[what]()
const counts = {}
for (let i = 0; i < Number(times); i++) {
  const how = await once()
  counts[how] = (counts[how] ?? 0) + 1
}
process.stdout.write(JSON.stringify(counts))
process.exit(0) // with sessions that are still open, as a program of a user's may end
