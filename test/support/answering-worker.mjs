// Answers every message, and counts its answers where the other thread can see it without reading them.
import { parentPort } from 'node:worker_threads'

parentPort.on('message', (answered) => {
  parentPort.postMessage('answer')
  Atomics.add(answered, 0, 1)
  Atomics.notify(answered, 0)
})
