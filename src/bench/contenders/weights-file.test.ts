import { existsSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { conv, dense } from '../../layers/index.ts'
import { initialize } from '../../networks/initialize.ts'
import { defineNetwork } from '../../networks/network.ts'
import { readWeights, type WeightsFile, writeWeights } from './weights-file.ts'

const network = defineNetwork('n', {
  inputs: { images: [4, 3, 2] },
  layers: [conv('conv', { filters: 3, kernel: 2 }), dense('fc', { units: 5 })],
})
const parameters = initialize(network, { seed: 3 })

const written: WeightsFile[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const file of written.splice(0)) await file.remove()
})

async function write() {
  const file = await writeWeights(network, parameters)
  written.push(file)
  return file
}

describe('a file of weights', () => {
  it('has every parameter, also one that is a part of an array', async () => {
    const all = new Float32Array(100).map((_, i) => i)
    const shifted = { ...parameters, 'fc/biases': all.subarray(7, 12) }
    const file = await writeWeights(network, shifted)
    written.push(file)
    expect(await readWeights(file.path, network)).toEqual(shifted)
  })

  it('is gone with its folder once it is removed', async () => {
    const { path, remove } = await write()
    expect(path.startsWith(tmpdir())).toBe(true)
    await remove()
    expect(existsSync(path)).toBe(false)
  })

  it('that ends early names the parameter, and one that is gone itself', async () => {
    const { path, remove } = await write()
    truncateSync(path, 40)
    await expect(readWeights(path, network)).rejects.toThrow(`${path} ends within 'conv/weights'`)
    await remove()
    await expect(readWeights(path, network)).rejects.toThrow(
      /^the weights could not be read: ENOENT.*weights\.f32/,
    )
  })

  it('that can’t be written says where it would be', async () => {
    vi.stubEnv('TMPDIR', '/nowhere')
    await expect(writeWeights(network, parameters)).rejects.toThrow(
      /^the weights could not be written .* '\/nowhere\/convmark-compare-.*; set TMPDIR to a folder with more room$/,
    )
  })
})
