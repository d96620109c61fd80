// PyTorch on the processor.
import { fileURLToPath } from 'node:url'
import { openNativePeer, paddedShape, padsLeft } from './native.mjs'
import { layersOf, lossesOf, outputsOf } from './network.mjs'
import { pythonWithTorch } from './python.mjs'

// Activations are large. Without these they go back to the system after each layer, and the page faults of the next
// cost PyTorch a tenth of its time and more.
const GLIBC_TUNABLES = 'glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=1073741824'

/** The network as pytorch.py reads it. */
const describe = ({ network, batch, pass, training }) => ({
  imagesShape: paddedShape(network, batch),
  layers: layersOf(network).map((resolved) => ({
    ...resolved.layer,
    input: resolved.inputs[0],
    parameterShapes: Object.values(resolved.parameters).map(({ shape }) => shape),
    ...(['conv', 'max-pool'].includes(resolved.layer.kind) && { pads: padsLeft(network, resolved) }),
  })),
  outputs: outputsOf(network),
  losses: lossesOf(network, pass),
  training,
})

export async function openPeer(setup) {
  const program = fileURLToPath(new URL('pytorch.py', import.meta.url))
  const network = JSON.stringify(describe(setup))
  const python = await pythonWithTorch()
  const { about, ...peer } = await openNativePeer(python, [program], network, setup, {
    GLIBC_TUNABLES,
  })
  return {
    ...peer,
    info: {
      name: 'pytorch',
      version: about.version,
      target: 'native',
      threads: setup.threads,
      layout: 'channels last',
      reason: `PyTorch ${about.version}, ${about.detail}; channels last, images padded outside the timing`,
    },
  }
}
