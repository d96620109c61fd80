// A user's worker that holds a session, for somebody to terminate.
import { parentPort } from 'node:worker_threads'
import { lenet, openSession } from '../../dist/index.js'

globalThis.session = await openSession(lenet(), { batch: 1, engine: 'x64@1', algorithm: 'direct' })
parentPort.postMessage('open')
