import { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { Barrier } from './barrier.ts'

const ROUNDS = 200

/** The same class in another thread: its source, since a worker loads no TypeScript. */
function startWorker(program: string, workerData: object): Promise<unknown> {
  const source = `
    const WORDS = 3, ARRIVED = 0, ROUND = 1, BROKEN = 2
    const Barrier = ${Barrier.toString()}
    const { workerData: { words, counts, rounds } } = require('node:worker_threads')
    const barrier = new Barrier(words, 2)
    ${program}`
  const worker = new Worker(source, { eval: true, workerData })
  return new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
}

it('lets no thread go on before all have come, round after round', async () => {
  const words = Barrier.allocate()
  const counts = new Int32Array(new SharedArrayBuffer(8))
  const ended = startWorker(
    'for (let i = 0; i < rounds; i++) { Atomics.add(counts, 1, 1); barrier.wait(); barrier.wait() }',
    { words, counts, rounds: ROUNDS },
  )
  const barrier = new Barrier(words, 2)
  for (let i = 0; i < ROUNDS; i++) {
    counts[0]!++
    barrier.wait()
    // Between two waits neither thread counts on.
    expect([counts[0], Atomics.load(counts, 1)]).toEqual([i + 1, i + 1])
    barrier.wait()
  }
  await ended
})

it('lets nobody wait for a thread that gave up, then or later', async () => {
  const words = Barrier.allocate()
  const ended = startWorker('barrier.break()', { words })
  const barrier = new Barrier(words, 2)
  expect(() => barrier.wait()).toThrow('another thread gave up')
  expect(() => barrier.wait()).toThrow('another thread gave up')
  await ended
})

it('holds up no thread that is alone', () => {
  new Barrier(null, 1).wait()
  new Barrier(Barrier.allocate(), 1).wait()
})
