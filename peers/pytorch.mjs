// PyTorch on the processor.
import { fileURLToPath } from 'node:url'
import { layers, resizeTaps } from './convmark.mjs'
import { openNativePeer, paddedShape, padsLeft } from './native.mjs'
import { hasWindow, layersOf, lossesOf, outputsOf, windowOf } from './network.mjs'
import { pythonWithTorch } from './python.mjs'

// Activations are large. Without these they go back to the system after each layer, and the page faults of the next
// cost PyTorch a tenth of its time and more.
const GLIBC_TUNABLES = 'glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=1073741824'

const CHANNELS_LAST = 'channels last'

/** A layer's window as pytorch.py reads it: pairs are (height, width). */
function describeWindow(network, resolved) {
  const window = windowOf(resolved)
  const both = (what) => [window[`${what}Height`], window[`${what}Width`]]
  return {
    kernel: both('kernel'),
    stride: both('stride'),
    dilation: both('dilation'),
    input: both('input'),
    output: both('output'),
    pads: padsLeft(network, resolved),
  }
}

const describeParameters = ({ layer, parameters }) =>
  Object.entries(parameters).map(([name, { shape, role }]) => ({
    name: name.slice(layer.name.length + 1),
    shape,
    isTrained: layers.isTrainedRole(role),
  }))

/** For each output row, or column, of a resize: the index of its first source, and index and weight of its second. */
function describeTaps({ mode }, taps) {
  const first = taps.map(([{ index }]) => index)
  if (mode === 'nearest') return { first }
  const [second, share] = ['index', 'weight'].map((what) => taps.map((each) => each[1]?.[what]))
  return {
    first,
    second: second.map((index, i) => index ?? first[i]),
    share: share.map((weight) => weight ?? 0),
  }
}

/** The taps of a resize, for resizes that PyTorch lacks. */
function describeResize({ layer: { options }, inputShapes: [input] }) {
  const { rows, columns } = resizeTaps(options, input)
  return { rows: describeTaps(options, rows), columns: describeTaps(options, columns) }
}

/** The network as pytorch.py reads it. */
const describe = ({ network, batch, pass, training }) => ({
  imagesShape: paddedShape(network, batch),
  layers: layersOf(network).map((resolved) => ({
    ...resolved.layer,
    inputs: resolved.inputs,
    output: resolved.outputShape,
    parameters: describeParameters(resolved),
    ...(hasWindow(resolved) && { window: describeWindow(network, resolved) }),
    ...(resolved.layer.kind === 'resize' && { taps: describeResize(resolved) }),
  })),
  outputs: outputsOf(network),
  losses: lossesOf(network, pass),
  training,
})

/** Opens the peer with images in one of PyTorch's layouts, 'channels last' or 'channels first'. */
export const openWith = (layout) => async (setup) => {
  const program = fileURLToPath(new URL('pytorch.py', import.meta.url))
  const network = JSON.stringify(describe(setup))
  const python = await pythonWithTorch()
  const { about, ...peer } = await openNativePeer(python, [program, layout], network, setup, {
    GLIBC_TUNABLES,
  })
  return {
    ...peer,
    info: {
      name: layout === CHANNELS_LAST ? 'pytorch' : 'pytorch-channels-first',
      version: about.version,
      target: 'native',
      threads: setup.threads,
      layout,
      reason: `PyTorch ${about.version}, ${about.detail}; ${layout}, images padded outside the timing`,
    },
  }
}

/** The faster one for most networks. */
export const openPeer = openWith(CHANNELS_LAST)
