// A peer that is a program of its own, in another language: what pytorch.mjs and onednn.mjs share.
// Its last arguments are the pass, the threads and the network, as its adapter writes it. Its stdin has the parameters in
// the network's order, raw float32 in convmark's layouts, then lines: 'images' (the raw images come after it), 'run',
// 'results', 'activations <image> ...', 'processor'. Each is answered on stdout: how many bytes (uint32), then the bytes.
// They are, at first, {version, detail} as JSON; for images nothing; for run the milliseconds that it took by the
// program's own clock (float64); for results (float32) the network's outputs, and where the pass goes backward the
// gradients of the trained parameters in their order and the losses; for activations, which forward is not asked for,
// every layer's outputs for these of the images that it got last, which need not be those of the last run; for
// processor the milliseconds of processor time that all its threads took so far (float64).
// Networks with labels or dropout, and the pass train, have more lines, answered with nothing: 'labels' (after it the raw
// labels, float32), 'dropout on' and 'dropout off', 'restart <rate>' (after it the parameters once more). In train results
// end with the parameters.
// Images are padded here where a first convolution alone reads them, outside the timing: AlexNet's padding there is
// uneven, for which PyTorch has no option and oneDNN 2 on AVX2 no fast code.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { layersOf, lossesOf, outputsOf, padsOf, parametersOf, shapeOf, trainedOf } from './network.mjs'

const NO_PADS = { top: 0, bottom: 0, left: 0, right: 0 }

/** The convolution whose padding the images get beforehand, if there is one. */
function firstConvolution(network) {
  const readers = layersOf(network).filter(({ inputs }) => inputs.includes('images'))
  return readers.length === 1 && readers[0].layer.kind === 'conv' ? readers[0] : null
}

/** What is left to pad of a layer with a window, where the program gets its images padded. */
export const padsLeft = (network, resolved) =>
  resolved === firstConvolution(network) ? NO_PADS : padsOf(resolved)

/** What is around each image as the program gets it. */
function imagePads(network) {
  const first = firstConvolution(network)
  return first ? padsOf(first) : NO_PADS
}

/** (N, H, W, C) of the images as the program gets them. */
export function paddedShape(network, batch) {
  const [height, width, channels] = network.inputs.images
  const { top, bottom, left, right } = imagePads(network)
  return [batch, top + height + bottom, left + width + right, channels]
}

/** Images (N, H, W, C) with zeros around each. */
function padded(network, batch, images) {
  const [height, width, channels] = network.inputs.images
  const [, paddedHeight, paddedWidth] = paddedShape(network, batch)
  const { top, left } = imagePads(network)
  const rowLength = width * channels
  const paddedRowLength = paddedWidth * channels
  const result = new Float32Array(batch * paddedHeight * paddedRowLength)
  for (let image = 0; image < batch; image++) {
    for (let y = 0; y < height; y++) {
      const from = (image * height + y) * rowLength
      const to = (image * paddedHeight + top + y) * paddedRowLength + left * channels
      result.set(images.subarray(from, from + rowLength), to)
    }
  }
  return result
}

/** A peer without its `info`, and what the program says of itself. `text` is the network as the program reads it. */
export async function openNativePeer(
  program,
  args,
  text,
  { network, batch, parameters, threads, pass },
  env,
) {
  const losses = lossesOf(network, pass)
  const child = spawn(program, [...args, pass, String(threads), text], {
    env: { ...process.env, OMP_NUM_THREADS: String(threads), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let complaints = ''
  child.stderr.on('data', (text) => (complaints += text))
  // It is the exit that is reported, not the pipe that broke by it.
  child.stdin.on('error', () => {})
  const died = once(child, 'close').then(
    ([code, signal]) => {
      throw new Error(
        `${program} ended with ${signal ?? `exit code ${code}`}: ${complaints.trim().split('\n').at(-1)}`,
      )
    },
    (error) => {
      throw new Error(`${program} could not be started: ${error.message}`)
    },
  )
  died.catch(() => {})

  const chunks = child.stdout[Symbol.asyncIterator]()
  let buffered = []
  let bufferedLength = 0
  async function take(byteLength) {
    while (bufferedLength < byteLength) {
      const { value, done } = await chunks.next()
      if (done) return died
      buffered.push(value)
      bufferedLength += value.length
    }
    const bytes = Buffer.concat(buffered)
    buffered = [bytes.subarray(byteLength)]
    bufferedLength -= byteLength
    return bytes.subarray(0, byteLength)
  }
  const raw = ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)
  async function answer() {
    return take((await take(4)).readUInt32LE())
  }
  function ask(line, ...values) {
    child.stdin.write(`${line}\n`)
    for (const each of values) child.stdin.write(raw(each))
    return answer()
  }

  const names = Object.keys(parametersOf(network))
  const ordered = names.map((name) => parameters[name])
  for (const values of ordered) child.stdin.write(raw(values))
  const about = JSON.parse(await answer())

  const lengthOf = (name) => shapeOf(network, name).reduce((product, extent) => product * extent, 1)
  /** The floats of an answer, cut into tensors: [name, length] each, in the answer's order. */
  async function tensors(line, lengths) {
    const values = new Float32Array(new Uint8Array(await ask(line)).buffer)
    let from = 0
    return Object.fromEntries(
      lengths.map(([name, length]) => [name, values.subarray(from, (from += length))]),
    )
  }
  const outputLengths = outputsOf(network).map((name) => [name, batch * lengthOf(name)])
  const gradientLengths = trainedOf(network).map((name) => [`${name}.gradient`, parameters[name].length])
  const lossLengths = losses.map(({ name }) => [name, 1])
  const parameterLengths = names.map((name) => [name, parameters[name].length])
  const resultLengths = {
    forward: outputLengths,
    'forward-backward': [...outputLengths, ...gradientLengths, ...lossLengths],
    train: [...outputLengths, ...gradientLengths, ...lossLengths, ...parameterLengths],
  }
  return {
    about,
    async setImages(values, labels) {
      await ask('images', padded(network, batch, values))
      if (losses.some((loss) => loss.labels)) await ask('labels', labels)
    },
    run: async () => (await ask('run')).readDoubleLE(),
    processorMs: async () => (await ask('processor')).readDoubleLE(),
    results: () => tensors('results', resultLengths[pass]),
    setDropout: (isOn) => ask(`dropout ${isOn ? 'on' : 'off'}`),
    restart: (rate) => ask(`restart ${rate}`, ...ordered),
    activations: (images) =>
      tensors(
        `activations ${images.join(' ')}`,
        layersOf(network).map(({ layer: { name } }) => [name, images.length * lengthOf(name)]),
      ),
    async dispose() {
      child.stdin.end()
      await died.catch(() => {})
    },
  }
}
