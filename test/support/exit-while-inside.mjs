// Exits while a worker is in native code, and prints whether it came out before the process ended.
import { startWorker } from '../../dist/runtime/worker-pool.js'

const seen = new Int32Array(new SharedArrayBuffer(16))
const worker = startWorker({
  name: 'native worker',
  inNode: () => import.meta.resolve('./native-worker.mjs'),
})
process.on('exit', () => process.stdout.write(JSON.stringify([...seen.subarray(0, 3)])))
setInterval(() => {}, 1000) // neither the worker nor the wait keeps the process alive
worker.post({ seen, atMostMs: 300 })
await Atomics.waitAsync(seen, 0, 0).value
process.exit(7)
