// What both ONNX Runtimes share. Their layout is NCHW; images and weights are rearranged before anything is timed.
import { formats } from './convmark.mjs'
import { outputsOf, shapeOf } from './network.mjs'

/** In each image, (rows, columns) to (columns, rows). */
function transpose(values, batch, rows, columns) {
  const result = new Float32Array(values.length)
  let i = 0
  for (let image = 0; image < batch; image++) {
    for (let column = 0; column < columns; column++) {
      for (let row = 0; row < rows; row++) result[i++] = values[(image * rows + row) * columns + column]
    }
  }
  return result
}

export async function openOnnxPeer(ort, { network, batch, parameters, pass }, sessionOptions) {
  if (pass !== 'forward') throw new Error('ONNX Runtime has no training in JavaScript (onnxruntime#22103)')
  const session = await ort.InferenceSession.create(
    formats.onnxModel(network, parameters, { layout: 'NCHW', batch }),
    sessionOptions,
  )
  const [height, width, channels] = network.inputs.images
  const outputs = outputsOf(network)
  let feeds
  let raw

  function inOurLayout(name) {
    const [height, width, channels] = shapeOf(network, name)
    return channels === undefined ? raw[name] : transpose(raw[name], batch, channels, height * width)
  }

  return {
    setImages(values) {
      const nchw = transpose(values, batch, height * width, channels)
      feeds = { images: new ort.Tensor('float32', nchw, [batch, channels, height, width]) }
    },
    async run() {
      const start = performance.now()
      const made = await session.run(feeds)
      raw = Object.fromEntries(outputs.map((name) => [name, made[name].data]))
      return performance.now() - start
    },
    results: () => Object.fromEntries(outputs.map((name) => [name, inOurLayout(name)])),
    dispose: () => session.release(),
  }
}
