// ONNX Runtime's native library for Node, on the processor.
import { openOnnxPeer } from './onnx-peer.mjs'
import { load } from './packages.mjs'

const ort = await load('onnxruntime-node')

export async function openPeer(setup) {
  const { threads } = setup
  const options = {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
  }
  const { about, ...peer } = await openOnnxPeer(ort, setup, options, { readsPaths: true })
  const version = ort.env.versions.node
  return {
    ...peer,
    info: {
      name: 'onnxruntime-node',
      version,
      target: 'native',
      threads,
      layout: 'NCHW',
      reason: `onnxruntime-node ${version}, cpu; ${about}`,
    },
  }
}
