import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { conv, l2Loss, lrn, maxPool } from '../src/layers/index.ts'
import { defineNetwork, initialize } from '../src/networks/index.ts'
import type { Session } from '../src/session.ts'
import type { Peer, Tensors } from './peers/suite.ts'
import { built } from './support/built.ts'
import { root } from './support/package.ts'

// The check that a peer must pass, with a session of convmark's own as the peer, right or with a fault.

process.env.CONVMARK_CACHE = mkdtempSync(join(tmpdir(), 'convmark-'))

const { openSession } = await built<typeof import('../src/session.ts')>('session.js')
const { checkPeer } = await import(new URL('peers/check.mjs', `file://${root}`).href)

const network = defineNetwork('small', {
  inputs: { images: [12, 11, 3] },
  layers: [
    conv('a', { filters: 8, kernel: 3, padding: 'same', activation: 'relu' }),
    lrn('b'),
    maxPool('c', { kernel: 3, stride: 2 }),
    conv('d', { filters: 5, kernel: 3, activation: 'relu' }),
    l2Loss('loss'),
  ],
})
const parameters = initialize(network, { seed: 7 })
const BATCH = 4

let session: Session
beforeAll(async () => {
  const options = { batch: BATCH, engine: 'wasm@1', algorithm: 'direct', tuningCache: false } as const
  session = await openSession(network, { ...options, pass: 'forward-backward', keep: 'all' })
  session.write(parameters)
})
afterAll(() => session.dispose())

/** The session as a peer, whose tensors are changed before they are seen. */
function peerWith(fault: (tensor: string, values: Float32Array) => Float32Array | undefined): Peer {
  const read = (names: readonly string[], pick = (values: Float32Array) => values): Tensors =>
    Object.fromEntries(names.map((name) => [name, fault(name, pick(session.read(name)))!]))
  return {
    setImages: (images) => session.write({ images }),
    async run() {
      await session.run()
      return 1
    },
    results: () => read(session.plan.outputs),
    activations: (images) =>
      read(['a', 'b', 'c', 'd'], (values) => {
        const length = values.length / BATCH
        return Float32Array.from(
          images.flatMap((image) => [...values.subarray(image * length, (image + 1) * length)]),
        )
      }),
  }
}

const check = (peer: Peer, pass = 'forward-backward') =>
  checkPeer(peer, { network, batch: BATCH, parameters, pass }, 7)

/** The tensor's values, one of them changed. */
const changed = (values: Float32Array, change: (value: number) => number) =>
  values.with(5, change(values[5]!))

it('passes what is right, and says against what', async () => {
  const { passed, against, maxRelativeError } = await check(peerWith((_tensor, values) => values))
  expect(passed).toBe(true)
  expect(maxRelativeError).toBeLessThan(1e-5)
  expect(against).toContain('gradients: float64, given its own activations of 2 images')
})

describe('refuses', () => {
  it.each<[string, Parameters<typeof peerWith>[0], string]>([
    [
      'an output that is off',
      (tensor, values) => (tensor === 'd' ? values.map((value) => 1.001 * value) : values),
      "d differs from convmark's by 1.0e-3",
    ],
    [
      'a gradient that is off by less than two right engines may be',
      (tensor, values) => (tensor === 'a/weights.gradient' ? values.map((value) => 1.001 * value) : values),
      "a/weights.gradient differs from float64's, given its own activations, by 1.0e-3",
    ],
    [
      'one NaN in a gradient',
      (tensor, values) => (tensor === 'd/weights.gradient' ? changed(values, () => Number.NaN) : values),
      'd/weights.gradient differs',
    ],
    [
      'activations that are not those of the run',
      (tensor, values) => (tensor === 'b' ? values.map((value) => 1.001 * value) : values),
      "b differs from convmark's, as it was shown,",
    ],
    [
      'a gradient that is missing',
      (tensor, values) => (tensor === 'a/biases.gradient' ? undefined : values),
      'a/biases.gradient has no values, not 8',
    ],
  ])('%s', (_what, fault, reason) => expect(check(peerWith(fault))).rejects.toThrow(reason))
})
