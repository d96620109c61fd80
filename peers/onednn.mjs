// oneDNN itself, by a program that is built here each time: it takes seconds, and nothing stays behind.
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openNativePeer } from './native.mjs'

const SOURCE = fileURLToPath(new URL('onednn.cpp', import.meta.url))
const FLAGS = ['-std=c++20', '-O3', '-march=native', '-fno-math-errno', '-fopenmp']

async function build(program) {
  try {
    await promisify(execFile)('g++', [...FLAGS, SOURCE, '-o', program, '-ldnnl'])
  } catch (error) {
    const complaints = (error.stderr || error.message).split('\n')
    const reason = complaints.find((line) => /error|cannot find/.test(line)) ?? complaints[0]
    throw new Error(`onednn.cpp could not be built, it needs g++ and libdnnl-dev of oneDNN 2: ${reason}`)
  }
}

const openWith = (algorithm) => async (setup) => {
  const folder = await mkdtemp(join(tmpdir(), 'convmark-onednn-'))
  try {
    const program = join(folder, 'onednn')
    await build(program)
    // Once it runs, its file is no longer needed.
    const { about, ...peer } = await openNativePeer(program, [algorithm], setup)
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

/** The same, but each convolution by oneDNN's own Winograd where it has one for it. */
export const openWinogradPeer = openWith('winograd')
