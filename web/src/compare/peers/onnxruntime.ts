// ONNX Runtime Web, on WebAssembly or WebGPU. Its layout is NCHW; images are rearranged before anything is timed.
import { onnxModel } from 'convmark/formats'
import { load, type OpenPeer } from './peer.ts'

/** The parts of its interface that are used here. */
interface Ort {
  readonly env: {
    readonly wasm: { numThreads: number; wasmPaths: string }
    readonly versions: { readonly web: string }
  }
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => OrtTensor
  readonly InferenceSession: {
    create(model: Uint8Array, options: { executionProviders: readonly string[] }): Promise<OrtSession>
  }
}
interface OrtTensor {
  readonly data: Float32Array
}
interface OrtSession {
  run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Readonly<Record<string, OrtTensor>>>
}

export const openOnnxRuntime =
  (provider: 'wasm' | 'webgpu'): OpenPeer =>
  async ({ network, pass, batch, parameters, threads, folder, entry }) => {
    if (pass !== 'forward') throw new Error('it has no gradients: it computes forward alone')
    const ort = (await load(entry)) as Ort
    ort.env.wasm.wasmPaths = new URL('onnxruntime-web/dist/', folder).href
    ort.env.wasm.numThreads = threads
    const model = onnxModel(network, parameters, { layout: 'NCHW', batch })
    const session = await ort.InferenceSession.create(model, { executionProviders: [provider] })
    const version = ort.env.versions.web
    const [height = 1, width = 1, channels = 1] = network.inputs.images ?? []
    const shapes = new Map(network.layers.map(({ layer, outputShape }) => [layer.name, outputShape]))
    let feeds: Record<string, OrtTensor> = {}
    let made: Readonly<Record<string, Float32Array>> = {}
    const usedThreads = provider === 'wasm' ? ort.env.wasm.numThreads : 1
    return {
      engine: {
        target: provider,
        threads: usedThreads,
        reason: `onnxruntime-web ${version}, ${provider}; NCHW, images converted outside the timing`,
      },
      async setInputs({ images }) {
        const nchw = transpose(images!, batch, height * width, channels)
        feeds = { images: new ort.Tensor('float32', nchw, [batch, channels, height, width]) }
      },
      async run() {
        const results = await session.run(feeds)
        // Outputs come to the processor's memory unless one asks for another place
        made = Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data]))
      },
      results: () =>
        Object.fromEntries(
          Object.entries(made).map(([name, values]) => {
            const [height = 1, width, channels] = shapes.get(name) ?? []
            const isMap = width !== undefined && channels !== undefined
            return [name, isMap ? transpose(values, batch, channels, height * width) : values]
          }),
        ),
    }
  }

/** In each image, (rows, columns) to (columns, rows). */
function transpose(values: Float32Array, batch: number, rows: number, columns: number): Float32Array {
  const result = new Float32Array(values.length)
  let i = 0
  for (let image = 0; image < batch; image++) {
    for (let column = 0; column < columns; column++) {
      for (let row = 0; row < rows; row++) result[i++] = values[(image * rows + row) * columns + column]!
    }
  }
  return result
}
