// node scripts/onnx-file.mjs [--image-size HxW] [--outputs a,b] [--engine x64] MODEL...: imports each model, runs it on
// random values of normal distribution, and prints the relative error (2-norm) of every output beside
// onnxruntime-node's, or why it can't be imported. After `npm run build` and `npm ci --prefix peers --ignore-scripts`.
// Exits with 1 if an output is further off than 1e-4.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { importOnnx } from '../dist/formats/index.js'
import { openSession } from '../dist/index.js'

const MAX_ERROR = 1e-4

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'image-size': { type: 'string' },
    outputs: { type: 'string' },
    engine: { type: 'string', default: 'auto' },
  },
})
const ort = createRequire(new URL('../peers/package.json', import.meta.url))('onnxruntime-node')

const size = values['image-size']?.split('x').map(Number)
const options = {
  ...(size && { imageSize: size.length === 1 ? size[0] : size }),
  ...(values.outputs && { outputs: values.outputs.split(',') }),
}

/** Box-Muller, of a generator that always begins the same. */
function normals(count) {
  let state = 1
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state + 0.5) / 2 ** 32
  }
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  )
}

function relativeError(found, truth) {
  const norm = (value) => Math.sqrt(truth.reduce((sum, _, i) => sum + value(i) ** 2, 0))
  return found.length === truth.length ? norm((i) => found[i] - truth[i]) / norm((i) => truth[i]) : Infinity
}

async function compare(file) {
  const bytes = readFileSync(file)
  const { network, parameters, notes } = await importOnnx(bytes, options)
  const theirs = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 })
  const feeds = {}
  const inputs = {}
  for (const { name, tensor, shape } of notes.inputs) {
    const dims = JSON.parse(shape.replace('N', '1'))
    inputs[tensor] = normals(dims.reduce((count, extent) => count * extent, 1))
    feeds[name] = new ort.Tensor('float32', inputs[tensor], dims)
  }
  const expected = await theirs.run(
    feeds,
    notes.outputs.map(({ name }) => name),
  )
  // Each tensor in its own order in the file.
  const isNchw = ({ layout }) => layout === 'NCHW'
  const layout = Object.fromEntries(
    [...notes.inputs, ...notes.outputs].map((note) => [note.tensor, isNchw(note) ? 'nchw' : 'nhwc']),
  )
  const session = await openSession(network, { batch: 1, engine: values.engine, layout })
  session.write(parameters)
  await session.run(inputs)
  const { name, target } = session.engine
  console.log(`${file}: opset ${notes.opset}, ${notes.producer || 'no producer'}; on ${name}:${target}`)
  for (const note of notes.outputs) {
    const error = relativeError(session.read(note.tensor), expected[note.name].data)
    console.log(`  ${note.name} ${note.shape}: ${error.toExponential(2)}`)
    if (!(error < MAX_ERROR)) process.exitCode = 1
  }
  await session.dispose()
}

for (const file of positionals) {
  try {
    await compare(file)
  } catch (error) {
    console.log(`${file}: ${error.message}`)
    process.exitCode = 1
  }
}
