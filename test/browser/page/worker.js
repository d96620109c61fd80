import { jobs } from './jobs.js'

self.onmessage = async ({ data: { name, options } }) => {
  try {
    self.postMessage(await jobs[name](options))
  } catch (error) {
    self.postMessage({ error: `${error?.name}: ${error?.message ?? error}` })
  }
}
