// TensorFlow.js on its WebAssembly backend. In Node it has SIMD, but not threads (tensorflow/tfjs#3830).

import { fileURLToPath } from 'node:url'
import { getThreadsCount, setWasmPaths, version_wasm as version } from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'

export async function openPeer({ network, batch, parameters, threads, pass }) {
  if (threads !== 1) throw new Error('TensorFlow.js has no WebAssembly threads in Node')
  if (pass !== 'forward') throw new Error('tfjs-wasm has no filter gradient (tfjs#8474)')
  setWasmPaths(fileURLToPath(new URL('.', import.meta.resolve('@tensorflow/tfjs-backend-wasm'))))
  if (!(await tf.setBackend('wasm'))) throw new Error('the wasm backend could not be initialized')
  if (!(await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'))) throw new Error('the wasm backend finds no SIMD')

  const layers = network.layers.filter(({ isLoss }) => !isLoss)
  const weights = Object.fromEntries(
    layers
      .flatMap((layer) => Object.entries(layer.parameters))
      .map(([name, { shape }]) => [name, tf.tensor(parameters[name], shape)]),
  )
  const applyLayer = {
    conv: ({ name, options: { stride = 1, padding: pad = 'valid', activation = 'linear' } }, x) =>
      tf.fused.conv2d({
        x,
        filter: weights[`${name}/weights`],
        bias: weights[`${name}/biases`],
        strides: stride,
        pad,
        activation,
      }),
    // Its alpha is not divided by the window either.
    lrn: ({ options: { radius, bias, alpha, beta } }, x) =>
      tf.localResponseNormalization(x, radius, bias, alpha, beta),
    'max-pool': ({ options: { kernel, stride = 1, padding = 'valid' } }, x) =>
      tf.maxPool(x, kernel, stride, padding),
  }

  let images
  let pool5
  const forward = () => layers.reduce((x, { layer }) => applyLayer[layer.kind](layer, x), images)
  return {
    info: {
      name: 'tfjs-wasm',
      version,
      target: 'wasm with SIMD',
      threads: Math.max(1, getThreadsCount()),
      layout: 'NHWC',
      reason: `TensorFlow.js ${version}, wasm backend with SIMD; it has no threads in Node`,
    },
    /** Into the backend's memory, as tfjs holds its tensors. */
    setImages(values) {
      images?.dispose()
      images = tf.tensor4d(values, [batch, ...network.inputs.images])
    },
    async run() {
      const start = performance.now()
      pool5 = tf.tidy(() => forward().dataSync())
      return performance.now() - start
    },
    results: () => ({ pool5 }),
  }
}
