// A worker that says it is in native code for a while, as one does that defines or calls functions of an addon: it counts the
// times that it was there and came out. `seen` is (went in, came out, refused, may come out).
import { parentPort } from 'node:worker_threads'
import { EndedError, inNativeCode } from '../../dist/runtime/gate.js'

const MAY_COME_OUT = 3

parentPort.on('message', ({ seen, atMostMs }) => {
  try {
    inNativeCode(() => {
      Atomics.add(seen, 0, 1)
      Atomics.notify(seen, 0)
      // A call into native code can't be interrupted; this wait could, if somebody terminated the worker
      Atomics.wait(seen, MAY_COME_OUT, 0, atMostMs)
      Atomics.add(seen, 1, 1)
    })
  } catch (error) {
    if (!(error instanceof EndedError)) throw error
    Atomics.add(seen, 2, 1)
  }
  parentPort.postMessage('done')
})
