// Ends a worker whose answer is on its way, and says so when it is gone. Nothing else keeps this process alive.
import { startWorker } from '../../dist/runtime/worker-pool.js'

const worker = startWorker({
  name: 'answering worker',
  inNode: () => new URL('./answering-worker.mjs', import.meta.url).href,
})
const answered = new Int32Array(new SharedArrayBuffer(4))
worker.post(answered)
await worker.next()
const answer = worker.next()
worker.post(answered)
while (Atomics.load(answered, 0) < 2) Atomics.wait(answered, 0, 1) // it has answered, and nobody has looked
const ended = worker.end()
await answer
await ended
console.log('ended')
