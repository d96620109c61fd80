// Ends a worker whose answer is on its way, and says so when it is gone. Nothing else keeps this process alive.
import { startWorker } from '../../dist/runtime/worker-pool.js'

const worker = startWorker({
  name: 'answering worker',
  inNode: () => new URL('./answering-worker.mjs', import.meta.url).href,
})
worker.post('ready?')
await worker.next()
const answer = worker.next()
worker.post('and now?')
const now = performance.now()
while (performance.now() < now + 100); // the answer has come, and nobody has looked
const ended = worker.end()
await answer
await ended
console.log('ended')
