// Another library, in its turns. It is served with a policy of its own: some libraries start their threads from blobs.
import { initialize, initializeImages } from 'convmark'
import { networkOf, parametersOf } from '../model/choice.ts'
import { serveTasks } from '../work/serve.ts'
import { contenderWork } from './contender.ts'
import { isPeer, type PeerName, SEED } from './messages.ts'
import { checkPeer } from './peers/check.ts'
import { openOnnxRuntime } from './peers/onnxruntime.ts'
import { isHere, type OpenPeer } from './peers/peer.ts'
import { openTfjs } from './peers/tfjs.ts'

const peers: { readonly [Name in PeerName]: { readonly entry: string; readonly open: OpenPeer } } = {
  'tfjs-wasm': { entry: '@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.min.js', open: openTfjs('wasm') },
  'tfjs-webgl': {
    entry: '@tensorflow/tfjs-backend-webgl/dist/tf-backend-webgl.min.js',
    open: openTfjs('webgl'),
  },
  'tfjs-webgpu': {
    entry: '@tensorflow/tfjs-backend-webgpu/dist/tf-backend-webgpu.min.js',
    open: openTfjs('webgpu'),
  },
  'onnxruntime-web': { entry: 'onnxruntime-web/dist/ort.wasm.min.mjs', open: openOnnxRuntime('wasm') },
  'onnxruntime-web-webgpu': {
    entry: 'onnxruntime-web/dist/ort.webgpu.min.mjs',
    open: openOnnxRuntime('webgpu'),
  },
}

const peerWork = contenderWork(async (setup, alive) => {
  const { engine, network: choice, pass, batch, threads, base, truths } = setup
  if (!isPeer(engine)) throw new Error(`${engine} is convmark's own`)
  const { entry, open } = peers[engine]
  const folder = new URL('peers/', base)
  if (!(await isHere(new URL(entry, folder)))) return null
  const network = networkOf(choice)
  const parameters = (await parametersOf(choice)) ?? initialize(network, { seed: SEED })
  const peer = await open({
    network,
    model: choice.kind === 'file' ? choice.model : null,
    pass,
    batch,
    parameters,
    threads,
    folder,
    entry: new URL(entry, folder),
  })
  const inputs = initializeImages(network, batch, { seed: SEED })
  const check = await checkPeer(peer, { network, pass, batch, parameters, inputs, truths, alive })
  await peer.setInputs(inputs)
  return {
    engine: { ...peer.engine, name: engine, v8Flags: [] },
    check,
    plan: null,
    tuning: null,
    run: () => peer.run(),
  }
})

serveTasks({ peer: async () => peerWork })
