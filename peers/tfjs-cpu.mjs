// TensorFlow.js on its backend of plain JavaScript: one thread, half a second for an image of a small network with its
// gradients: give it small batches.
import { load } from './packages.mjs'
import { openTfjsPeer } from './tfjs.mjs'

// The bundle in the JavaScript of 2017, which is three to four times as fast as what Node would take by itself: that is in
// the JavaScript of 2009. The gradients are in it, and the backend.
const { default: tf } = await load('@tensorflow/tfjs/dist/tf.es2017.js')

export async function openPeer(setup) {
  const { threads } = setup
  if (threads !== 1) throw new Error('the cpu backend of TensorFlow.js has one thread')
  const version = tf.version['tfjs-backend-cpu']
  tf.enableProdMode() // or it advises on stderr to install another backend
  if (!(await tf.setBackend('cpu'))) throw new Error('the cpu backend could not be initialized')
  return {
    ...openTfjsPeer(tf, setup),
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
