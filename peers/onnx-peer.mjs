// What both ONNX Runtimes share: they get the user's ONNX file where there is one that they can run, and else
// convmark's export of the network, in NCHW. Images are rearranged to the file's layout before anything is timed.
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { formats, transposedImages } from './convmark.mjs'
import { outputsOf, shapeOf } from './network.mjs'

/** A tensor's pixels and channels if it is an image in the order NCHW, which convmark has in another one; else null. */
function channelsFirst(network, { tensor, layout }) {
  const [height, width, channels] = shapeOf(network, tensor)
  return layout === 'NCHW' && channels !== undefined ? { pixels: height * width, channels } : null
}

/** convmark's values in the order of an input. */
function toInput(network, input, values) {
  const image = channelsFirst(network, { ...input, tensor: 'images' })
  return image ? transposedImages(values, image.pixels, image.channels) : values
}

/** An output's values in convmark's order. */
function fromOutput(network, output, values) {
  const image = channelsFirst(network, output)
  return image ? transposedImages(values, image.channels, image.pixels) : values
}

const messageOf = (error) => (error instanceof Error ? error.message : String(error)).split('\n')[0]

/** convmark's export: {model, input, outputs}, the last two as `openFile` has them. */
function exported({ network, batch, parameters }) {
  const [height, width, channels] = network.inputs.images
  return {
    model: formats.onnxModel(network, parameters, { layout: 'NCHW', batch }),
    input: { name: 'images', dims: [batch, channels, height, width], layout: 'NCHW' },
    outputs: outputsOf(network).map((name) => ({ name, tensor: name, layout: 'NCHW' })),
  }
}

/**
 * The user's file for a batch of this size: its path if it is as it is, else its bytes. Throws Error, with the reason,
 * if it can't be run.
 */
async function userFile({ network, batch, onnx }, readsPaths) {
  const [input, ...others] = onnx.inputs
  if (others.length > 0) throw new Error('it has several inputs')
  const training = Object.keys(onnx.inTrainingMode)
  if (training.length > 0) throw new Error(`its ${training.join(' and ')} would run in training mode`)
  if (input.type !== 'float32') throw new Error(`its input is ${input.type}, and images here are float32`)
  const lost = outputsOf(network).find((name) => !onnx.outputs.some(({ tensor }) => tensor === name))
  if (lost !== undefined) throw new Error(`it has no output for ${lost}`)
  const dims = input.sizes.map((size) => (typeof size === 'number' ? size : batch))
  const bytes = await readFile(onnx.file)
  const model = formats.withInputShapes(bytes, { [input.name]: dims })
  return {
    model: model === bytes && readsPaths ? onnx.file : model,
    isChanged: model !== bytes,
    input: { name: input.name, dims, layout: input.layout },
    outputs: onnx.outputs,
  }
}

/** A session of a model, tried once. Throws Error if it does not make the outputs' values. */
async function openSession(ort, { network, batch }, { model, input, outputs }, options) {
  const session = await ort.InferenceSession.create(model, options)
  const count = input.dims.reduce((product, extent) => product * extent, 1)
  const run = (values) => session.run({ [input.name]: new ort.Tensor('float32', values, input.dims) })
  try {
    const made = await run(new Float32Array(count))
    for (const { name, tensor } of outputs) {
      const length = shapeOf(network, tensor).reduce((product, extent) => product * extent, batch)
      const { data } = made[name] ?? {}
      if (!(data instanceof Float32Array)) throw new Error(`its output ${name} is not float32`)
      if (data.length !== length)
        throw new Error(`its output ${name} has ${data.length} values, not ${length}`)
    }
  } catch (error) {
    await session.release?.()
    throw error
  }
  return session
}

/**
 * A peer without its `info`, and `about`, which says what it runs. `readsPaths`: the library takes a path too, beside
 * which it finds external data.
 */
export async function openOnnxPeer(ort, setup, sessionOptions, { readsPaths = false } = {}) {
  const { network, pass, onnx } = setup
  if (pass !== 'forward') throw new Error('ONNX Runtime has no training in JavaScript (onnxruntime#22103)')
  const file = onnx && basename(onnx.file)
  let source = null
  let session = null
  let about = 'NCHW, images converted outside the timing'
  const warnings = []
  if (onnx) {
    try {
      source = await userFile(setup, readsPaths)
      session = await openSession(ort, setup, source, sessionOptions)
      const shape = source.isChanged ? `, its input changed to [${source.input.dims.join(', ')}]` : ''
      about = `${file} itself${shape}; images converted outside the timing`
      warnings.push(...onnx.remarks.map((remark) => `${file}: ${remark}`))
    } catch (error) {
      source = null
      about = `convmark's export, since ${file} can't be run here: ${messageOf(error)}; ${about}`
      warnings.push(`it runs convmark's export, not ${file}: ${messageOf(error)}`)
    }
  }
  source ??= exported(setup)
  session ??= await ort.InferenceSession.create(source.model, sessionOptions)
  source.model = null // it need not stay in memory
  const { input, outputs } = source
  let feeds
  let raw

  return {
    about,
    warnings,
    setImages(values) {
      feeds = { [input.name]: new ort.Tensor('float32', toInput(network, input, values), input.dims) }
    },
    async run() {
      const start = performance.now()
      const made = await session.run(feeds)
      raw = Object.fromEntries(outputs.map(({ name }) => [name, made[name].data]))
      return performance.now() - start
    },
    results: () =>
      Object.fromEntries(
        outputs.map((output) => [output.tensor, fromOutput(network, output, raw[output.name])]),
      ),
    dispose: () => session.release(),
  }
}
