// TensorFlow.js on its backend of plain JavaScript: one thread, a second for an image, and minutes for one
// with its gradients: give it small batches.
// The whole of it, since it alone registers the gradients in Node; the backend is one of its parts.
import { version as versions } from '@tensorflow/tfjs'
import * as tf from '@tensorflow/tfjs-core'
import { openTfjsPeer } from './tfjs.mjs'

export async function openPeer(setup) {
  const { threads } = setup
  if (threads !== 1) throw new Error('the cpu backend of TensorFlow.js has one thread')
  const version = versions['tfjs-backend-cpu']
  tf.enableProdMode() // or it advises on stderr to install another backend
  if (!(await tf.setBackend('cpu'))) throw new Error('the cpu backend could not be initialized')
  return {
    ...openTfjsPeer(setup),
    info: {
      name: 'tfjs-cpu',
      version,
      target: 'JavaScript',
      threads,
      layout: 'NHWC',
      reason: `TensorFlow.js ${version}, cpu backend, plain JavaScript on one thread`,
    },
  }
}
