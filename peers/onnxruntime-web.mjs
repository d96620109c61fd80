// ONNX Runtime Web on WebAssembly. Its layout is NCHW; images and weights are rearranged before anything is timed.
import * as ort from 'onnxruntime-web'
import { encodeOnnxModel } from './onnx-model.mjs'

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

export async function openPeer({ network, batch, parameters, threads }) {
  ort.env.wasm.numThreads = threads
  const model = encodeOnnxModel(network, batch, parameters)
  const session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'] })
  if (ort.env.wasm.numThreads !== threads) {
    throw new Error(
      `onnxruntime-web fell back to ${ort.env.wasm.numThreads} threads, ${threads} were asked for`,
    )
  }

  const [height, width, channels] = network.inputs.images
  const [outputHeight, outputWidth, outputChannels] = network.layers.find(
    ({ layer }) => layer.name === 'pool5',
  ).outputShape
  const version = ort.env.versions.web
  let feeds
  return {
    info: {
      name: 'onnxruntime-web',
      version,
      target: 'wasm with SIMD',
      threads,
      layout: 'NCHW',
      reason: `onnxruntime-web ${version}, wasm with SIMD; NCHW, images converted outside the timing`,
    },
    setImages(values) {
      const nchw = transpose(values, batch, height * width, channels)
      feeds = { images: new ort.Tensor('float32', nchw, [batch, channels, height, width]) }
    },
    run: async () => (await session.run(feeds)).pool5.data,
    toNhwc: (values) => transpose(values, batch, outputChannels, outputHeight * outputWidth),
  }
}
