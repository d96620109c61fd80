// oneDNN itself, by a program that is built here each time: it takes seconds, and nothing stays behind.
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openNativePeer, paddedShape, padsLeft } from './native.mjs'
import {
  layersOf,
  lossesOf,
  outputsOf,
  requireKinds,
  requireNoDropout,
  requireNoOptions,
} from './network.mjs'

const SOURCE = fileURLToPath(new URL('onednn.cpp', import.meta.url))
const FLAGS = ['-std=c++20', '-O3', '-march=native', '-fno-math-errno', '-fopenmp']

async function build(program) {
  try {
    await promisify(execFile)('g++', [...FLAGS, SOURCE, '-o', program, '-ldnnl'])
  } catch (error) {
    const complaints = (error.stderr || error.message).split('\n')
    const reason = complaints.find((line) => /error|cannot find/.test(line)) ?? complaints[0]
    throw new Error(
      `onednn.cpp could not be built (${reason.trim()}); it needs oneDNN 2 (tested with 2.6), on Debian: ` +
        'sudo apt-get install g++ libdnnl-dev',
    )
  }
}

/** A layer's line, its kind's name left out. */
const numbersOf = {
  conv: (pads, { filters, kernel, stride = 1, activation }) => [
    filters,
    kernel,
    stride,
    ...pads,
    activation === 'relu' ? 1 : 0,
  ],
  'max-pool': (pads, { kernel, stride = 1 }) => [kernel, stride, ...pads],
  // oneDNN divides alpha by the window, convmark does not.
  lrn(_pads, { radius, even, alpha, beta, bias }) {
    if (even) throw new Error('oneDNN has no window of even size across channels')
    const size = 2 * radius + 1
    return [size, alpha * size, beta, bias]
  },
  relu: () => [],
  // Off in forward.
  dropout: () => [],
}

/** The network as onednn.cpp reads it: the images' size, then a line for each layer, which reads the one before. */
function describe({ network, batch, pass }) {
  if (pass === 'train') throw new Error('oneDNN has primitives, and none of them is an optimizer')
  requireKinds(network, pass, [...Object.keys(numbersOf), 'l2-loss'], ['relu'])
  requireNoDropout(network, pass)
  requireNoOptions(network, ['dilation', 'groups', 'biases', 'ceilMode'])
  const [output, ...others] = outputsOf(network)
  const isChain = layersOf(network).every(({ inputs: [input] }, i, layers) => {
    return input === (i === 0 ? 'images' : layers[i - 1].layer.name)
  })
  if (!isChain || others.length > 0) throw new Error('onednn.cpp has no branches')
  if (lossesOf(network, pass).some(({ input }) => input !== output))
    throw new Error('onednn.cpp has no loss but the last')
  const lines = layersOf(network).map((resolved) => {
    const { kind, name, options } = resolved.layer
    if (![options.kernel ?? 1, options.stride ?? 1].every(Number.isInteger))
      throw new Error(`${name}: onednn.cpp has square windows alone`)
    const isWindow = options.kernel !== undefined
    const { top, bottom, left, right } = isWindow ? padsLeft(network, resolved) : {}
    return [kind, ...numbersOf[kind]([top, left, bottom, right], options)]
  })
  return [paddedShape(network, batch), ...lines].map((words) => words.join(' ')).join('\n')
}

export const openWith = (algorithm) => async (setup) => {
  const network = describe(setup)
  const folder = await mkdtemp(join(tmpdir(), 'convmark-onednn-'))
  try {
    const program = join(folder, 'onednn')
    await build(program)
    // Once it runs, its file is no longer needed.
    const { about, ...peer } = await openNativePeer(program, [algorithm], network, setup)
    return {
      ...peer,
      info: {
        name: algorithm === 'direct' ? 'onednn' : `onednn-${algorithm}`,
        version: about.version,
        target: 'native',
        threads: setup.threads,
        layout: 'as oneDNN chooses',
        reason: `oneDNN ${about.version}, ${about.detail}; images padded outside the timing`,
      },
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

export const openPeer = openWith('direct')
