// TensorFlow.js on its WebAssembly backend. In Node it has SIMD, but not threads (tensorflow/tfjs#3830).

import { fileURLToPath } from 'node:url'
import { load, resolve } from './packages.mjs'
import { openTfjsPeer } from './tfjs.mjs'

const BACKEND = '@tensorflow/tfjs-backend-wasm'
const { getThreadsCount, setWasmPaths, version_wasm: version } = await load(BACKEND)
const tf = await load('@tensorflow/tfjs-core')

export async function openPeer(setup) {
  const { threads, pass } = setup
  if (threads !== 1) throw new Error('TensorFlow.js has no WebAssembly threads in Node')
  if (pass !== 'forward') throw new Error('tfjs-wasm has no filter gradient (tfjs#8474)')
  setWasmPaths(fileURLToPath(new URL('.', resolve(BACKEND))))
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
