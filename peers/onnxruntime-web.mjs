// ONNX Runtime Web on WebAssembly.
import { openOnnxPeer } from './onnx-peer.mjs'
import { load } from './packages.mjs'

const ort = await load('onnxruntime-web')

export async function openPeer(setup) {
  const { threads } = setup
  ort.env.wasm.numThreads = threads
  const { about, ...peer } = await openOnnxPeer(ort, setup, { executionProviders: ['wasm'] })
  if (ort.env.wasm.numThreads !== threads) {
    throw new Error(
      `onnxruntime-web fell back to ${ort.env.wasm.numThreads} threads, ${threads} were asked for`,
    )
  }
  const version = ort.env.versions.web
  return {
    ...peer,
    info: {
      name: 'onnxruntime-web',
      version,
      target: 'wasm with SIMD',
      threads,
      layout: 'NCHW',
      reason: `onnxruntime-web ${version}, wasm with SIMD; ${about}`,
    },
  }
}
