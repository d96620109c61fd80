// A peer that is a program of its own, in another language: what pytorch.mjs and onednn.mjs share.
// Its last arguments are the pass, the threads and the network (see `describe`). Its stdin has the parameters in the
// network's order, raw float32 in convmark's layouts, then lines: 'images' (the raw images come after it), 'run',
// 'results', 'processor'. Each is answered on stdout: how many bytes (uint32), then the bytes. They are, at first,
// {version, detail} as JSON; for images nothing; for run the milliseconds that it took by the program's own clock
// (float64); for results (float32) pool5, and in forward-backward the gradients in the parameters' order and the loss; for
// processor the milliseconds of processor time that all its threads took so far (float64).
// Images are padded here for the first convolution, outside the timing: its padding is uneven, for which PyTorch has no
// option and oneDNN 2 on AVX2 no fast code.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { padsOf, shapeOf } from './geometry.mjs'

/** The layers as lines, and the zeros before and after the images, which the first line's size has in it. */
function describe(network, batch) {
  const [height, width, channels] = network.inputs.images
  let imagePads = [0, 0, 0, 0]
  const lines = network.layers
    .filter(({ isLoss }) => !isLoss)
    .map((resolved, i) => {
      const { kind, name, options } = resolved.layer
      if (kind === 'lrn') {
        const size = 2 * options.radius + 1
        // oneDNN and PyTorch divide alpha by the window, convmark does not.
        return [kind, size, options.alpha * size, options.beta, options.bias]
      }
      const { kernel, stride = 1, filters, activation } = options
      if (typeof kernel !== 'number' || typeof stride !== 'number')
        throw new Error(`${name}: only square windows are handled here`)
      let pads = padsOf(options, resolved)
      if (i === 0) [imagePads, pads] = [pads, imagePads]
      if (kind === 'max-pool' && Math.max(...pads) === 0) return [kind, kernel, stride]
      if (kind === 'conv' && activation === 'relu' && pads.every((pad) => pad === pads[0]))
        return [kind, filters, kernel, stride, pads[0]]
      throw new Error(`${name}: this ${kind} layer is not handled here`)
    })
  const [top, left, bottom, right] = imagePads
  const size = [batch, top + height + bottom, left + width + right, channels]
  return { imagePads, text: [size, ...lines].map((words) => words.join(' ')).join('\n') }
}

/** Images (N, H, W, C) with zeros around each. */
function padded(images, batch, [height, width, channels], [top, left, bottom, right]) {
  const rowLength = width * channels
  const paddedRowLength = (left + width + right) * channels
  const paddedHeight = top + height + bottom
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

/** A peer without its `info`, and what the program says of itself. */
export async function openNativePeer(program, args, { network, batch, parameters, threads, pass }, env) {
  const { imagePads, text } = describe(network, batch)
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
  function ask(line, values) {
    child.stdin.write(`${line}\n`)
    if (values) child.stdin.write(raw(values))
    return answer()
  }

  const names = network.layers.flatMap((layer) => Object.keys(layer.parameters))
  for (const name of names) child.stdin.write(raw(parameters[name]))
  const about = JSON.parse(await answer())
  const [height, width, channels] = shapeOf(network, 'pool5')
  const pool5Length = batch * height * width * channels
  return {
    about,
    setImages: (values) => ask('images', padded(values, batch, network.inputs.images, imagePads)),
    run: async () => (await ask('run')).readDoubleLE(),
    processorMs: async () => (await ask('processor')).readDoubleLE(),
    async results() {
      const values = new Float32Array(new Uint8Array(await ask('results')).buffer)
      let from = 0
      const next = (length) => values.subarray(from, (from += length))
      const results = { pool5: next(pool5Length) }
      if (pass === 'forward') return results
      for (const name of names) results[`${name}.gradient`] = next(parameters[name].length)
      return { ...results, loss: next(1) }
    },
  }
}
