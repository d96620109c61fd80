// ONNX Runtime Web, on WebAssembly or WebGPU. It runs the user's file itself, else our network as ONNX in NCHW. Images are
// rearranged before anything is timed.
import { type OnnxTensorNote, onnxModel, withInputShapes } from 'convmark/formats'
import type { Model } from '../../model/model.ts'
import { inputsOf, load, type OpenPeer, outputsOf, shapeOf } from './peer.ts'

/** The parts of its interface that are used here. */
interface Ort {
  readonly env: {
    readonly wasm: { numThreads: number; wasmPaths: string }
    readonly versions: { readonly web: string }
  }
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => OrtTensor
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options: {
        readonly executionProviders: readonly string[]
        readonly logSeverityLevel: number
        readonly externalData?: readonly { readonly path: string; readonly data: Uint8Array }[]
      },
    ): Promise<OrtSession>
  }
}
interface OrtTensor {
  readonly type: string
  readonly data: Float32Array
}
interface OrtSession {
  run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Readonly<Record<string, OrtTensor>>>
}

/** An input or output of the model that it runs. */
interface Port {
  /** As the model has it. */
  readonly name: string
  /** As convmark has it. */
  readonly tensor: string
  readonly dims: readonly number[]
  /** (H, W, C) if the model has channels first; null if it has the values in convmark's order. */
  readonly rearranged: Shape | null
}
type Shape = readonly number[]

interface Opened {
  readonly session: OrtSession
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  /** For the result. */
  readonly what: string
}

export const openOnnxRuntime =
  (provider: 'wasm' | 'webgpu'): OpenPeer =>
  async ({ network, model, pass, batch, parameters, threads, folder, entry }) => {
    if (pass !== 'forward') throw new Error('it has no gradients: it computes forward alone')
    const ort = (await load(entry)) as Ort
    ort.env.wasm.wasmPaths = new URL('onnxruntime-web/dist/', folder).href
    ort.env.wasm.numThreads = threads
    const create = (bytes: Uint8Array, externalData: readonly { path: string; data: Uint8Array }[] = []) =>
      ort.InferenceSession.create(bytes, {
        executionProviders: [provider],
        externalData,
        logSeverityLevel: ERRORS,
      })

    async function openExport(what: string): Promise<Opened> {
      const session = await create(onnxModel(network, parameters, { layout: 'NCHW', batch }))
      const port = (tensor: string): Port => {
        const shape = shapeOf(network, tensor)
        const isImage = shape.length === 3
        const [height, width, channels] = shape
        const dims = [batch, ...(isImage ? [channels!, height!, width!] : shape)]
        return { name: tensor, tensor, dims, rearranged: isImage ? shape : null }
      }
      return { session, inputs: inputsOf(network).map(port), outputs: outputsOf(network).map(port), what }
    }

    /** Rejects, with the reason, if the file can't be had at this batch. */
    async function openFile({ file, externalData, notes }: Model): Promise<Opened> {
      const port = ({ name, tensor, sizes, layout }: OnnxTensorNote): Port => ({
        name,
        tensor,
        dims: sizes.map((size) => (typeof size === 'number' ? size : size.batches * batch)),
        rearranged: layout === 'NCHW' ? shapeOf(network, tensor) : null,
      })
      const lost = outputsOf(network).find((name) => notes.outputs.every(({ tensor }) => tensor !== name))
      if (lost) throw new Error(`it has no output for ${lost}`)
      const training = Object.keys(notes.inTrainingMode)
      if (training.length > 0) throw new Error(`its ${training.join(' and ')} would run in training mode`)
      const other = notes.inputs.find(({ type }) => type !== 'float32')
      if (other) throw new Error(`its input ${other.name} is of the type ${other.type}`)
      const [inputs, outputs] = [notes.inputs.map(port), notes.outputs.map(port)]
      const bytes = new Uint8Array(await file.arrayBuffer())
      const shaped = withInputShapes(bytes, Object.fromEntries(inputs.map(({ name, dims }) => [name, dims])))
      const beside = Object.entries(externalData).map(async ([path, blob]) => ({
        path,
        data: new Uint8Array(await blob.arrayBuffer()),
      }))
      const session = await create(shaped, await Promise.all(beside))
      // The batch may be in it in places that nobody found
      const zeros = inputs.map(({ name, dims }) => [name, tensorOf(new Float32Array(lengthOf(dims)), dims)])
      const made = await session.run(Object.fromEntries(zeros) as Record<string, OrtTensor>)
      for (const { name, dims } of outputs) {
        const { type, data } = made[name]!
        if (type !== 'float32') throw new Error(`its output ${name} is of the type ${type}`)
        const count = lengthOf(dims)
        if (data.length !== count)
          throw new Error(`its output ${name} has ${data.length} values instead of ${count}`)
      }
      const what = shaped === bytes ? 'the file itself' : 'the file, for this batch and size'
      return { session, inputs, outputs, what: [what, ...notes.remarks].join('; ') }
    }

    const tensorOf = (values: Float32Array, dims: readonly number[]) =>
      new ort.Tensor('float32', values, dims)
    const { session, inputs, outputs, what } = model
      ? await openFile(model).catch((error: unknown) =>
          openExport(
            `convmark's export of the file, since the file itself can't be run: ${firstLine(error)}`,
          ),
        )
      : await openExport('NCHW')
    let feeds: Record<string, OrtTensor> = {}
    let made: Readonly<Record<string, OrtTensor>> = {}
    return {
      engine: {
        target: provider,
        threads: provider === 'wasm' ? ort.env.wasm.numThreads : 1,
        reason: `onnxruntime-web ${ort.env.versions.web}, ${provider}; ${what}; images converted outside the timing`,
      },
      async setInputs(given) {
        const entries = inputs.map(({ name, tensor, dims, rearranged }) => {
          const values = given[tensor]!
          const own = rearranged ? channelsFirst(values, batch, rearranged) : values
          return [name, tensorOf(own, dims)] as const
        })
        feeds = Object.fromEntries(entries)
      },
      async run() {
        // Outputs come to the processor's memory unless one asks for another place
        made = await session.run(feeds)
      },
      results: () =>
        Object.fromEntries(
          outputs.map(({ name, tensor, rearranged }) => {
            const values = made[name]!.data
            return [tensor, rearranged ? channelsLast(values, batch, rearranged) : values]
          }),
        ),
    }
  }

const lengthOf = (dims: readonly number[]): number => dims.reduce((product, extent) => product * extent, 1)

const MAX_REASON = 200

/** Of its log: it warns of each constant that nobody reads. */
const ERRORS = 3

/** Its errors may be long. */
function firstLine(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
  return line.length > MAX_REASON ? `${line.slice(0, MAX_REASON)}...` : line
}

const channelsFirst = (values: Float32Array, batch: number, [height, width, channels]: Shape): Float32Array =>
  transpose(values, batch, height! * width!, channels!)
const channelsLast = (values: Float32Array, batch: number, [height, width, channels]: Shape): Float32Array =>
  transpose(values, batch, channels!, height! * width!)

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
