// TensorFlow.js on its WebAssembly backend. In Node it has SIMD, but not threads (tensorflow/tfjs#3830).

import { fileURLToPath } from 'node:url'
import { getThreadsCount, setWasmPaths, version_wasm as version } from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { openTfjsPeer } from './tfjs.mjs'

export async function openPeer(setup) {
  const { threads, pass } = setup
  if (threads !== 1) throw new Error('TensorFlow.js has no WebAssembly threads in Node')
  if (pass !== 'forward') throw new Error('tfjs-wasm has no filter gradient (tfjs#8474)')
  setWasmPaths(fileURLToPath(new URL('.', import.meta.resolve('@tensorflow/tfjs-backend-wasm'))))
  if (!(await tf.setBackend('wasm'))) throw new Error('the wasm backend could not be initialized')
  if (!(await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'))) throw new Error('the wasm backend finds no SIMD')

  return {
    ...openTfjsPeer(tf, setup),
    info: {
      name: 'tfjs-wasm',
      version,
      target: 'wasm with SIMD',
      threads: Math.max(1, getThreadsCount()),
      layout: 'NHWC',
      reason: `TensorFlow.js ${version}, wasm backend with SIMD; it has no threads in Node`,
    },
  }
}
