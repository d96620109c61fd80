// A user's page: it does a job itself or lets its worker do it, and posts the result.
import { jobs } from './jobs.js'

const { name, options, where } = JSON.parse(new URL(location.href).searchParams.get('job'))

function inWorker() {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data)
    worker.onerror = ({ message }) => reject(new Error(`the page's worker failed: ${message}`))
    worker.postMessage({ name, options })
  })
}

/** The longest time that the page did not answer. */
let longestPauseMs = 0
let seenMs = performance.now()
const heartbeat = setInterval(() => {
  const nowMs = performance.now()
  longestPauseMs = Math.max(longestPauseMs, nowMs - seenMs)
  seenMs = nowMs
}, 5)

async function outcome() {
  try {
    const value = await (where === 'worker' ? inWorker() : jobs[name](options))
    return value.error ? value : { value }
  } catch (error) {
    return { error: `${error?.name}: ${error?.message ?? error}` }
  }
}

const startMs = performance.now()
const result = await outcome()
const elapsedMs = performance.now() - startMs
clearInterval(heartbeat)
const asNumbers = (_, value) => (ArrayBuffer.isView(value) ? [...value] : value)
await fetch('/result', {
  method: 'POST',
  body: JSON.stringify({ ...result, longestPauseMs, elapsedMs }, asNumbers),
})
