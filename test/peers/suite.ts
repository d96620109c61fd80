import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { peers } from '../../src/bench/contenders/peers.ts'
import { referenceBackward, referenceForward } from '../../src/engines/reference-network.ts'
import { referenceUpdate } from '../../src/engines/reference-update.ts'
import { isTrainedRole } from '../../src/layers/index.ts'
import { type Network, outputsOf, parametersOf } from '../../src/networks/index.ts'
import { sgd } from '../../src/optimizers/index.ts'
import { PASSES, type Pass } from '../../src/plan/plan.ts'
import { RATES_TENSOR, type Training } from '../../src/plan/training.ts'
import { relativeError } from '../support/finite-differences.ts'
import { root } from '../support/package.ts'
import { runPlainly } from '../support/plain-network.ts'
import { PEER_NETWORKS, peerDataFor } from './networks.ts'

/** What peers/runner.mjs says of an adapter. */
export interface Peer {
  setImages(images: Float32Array, labels?: Float32Array): unknown
  run(): Promise<number>
  results(): Promise<Tensors> | Tensors
  activations(images: readonly number[]): Promise<Tensors> | Tensors
  setDropout?(isOn: boolean): unknown
  restart?(rate: number): unknown
  dispose?(): Promise<void>
}
export type Tensors = Readonly<Record<string, Float32Array>>

interface Adapter {
  openPeer(setup: {
    readonly network: Network
    readonly batch: number
    readonly parameters: Tensors
    readonly threads: number
    readonly pass: Pass
    readonly training: typeof TRAINING
  }): Promise<Peer>
}

/** What an adapter refuses. */
export interface Refusal {
  /** Left out, all of them. */
  readonly networks?: readonly string[]
  /** Left out, all of them. */
  readonly passes?: readonly Pass[]
  /** What the adapter says. */
  readonly reason: string
}

/** Of adapters that have no random numbers. */
export const NO_DROPOUT: Refusal = {
  networks: ['dropped'],
  passes: ['forward-backward', 'train'],
  reason: 'dropout is handled in forward alone',
}

/** Of a decay that can't be overlooked. */
const TRAINING = { momentum: 0.7, decay: 0.05 }
/** At 0.1 two updates of a network with large gradients make 2e-4 of float32's rounding. */
const RATE = 0.04

/** Of outputs, losses and activations; right peers have some 1e-7. */
const TOLERANCE = 5e-6
const GRADIENT_TOLERANCE = 5e-5

const BATCH = 3
const IMAGES = [0, 2]

const PYTHON = '/usr/bin/python3'

/** The command that installs a peer; null if it is installed. */
export function missing(name: string): string | null {
  const succeeds = (program: string, ...parameters: string[]) => spawnSync(program, parameters).status === 0
  if (peers[name]!.packages.length > 0) {
    return existsSync(`${root}peers/node_modules`) ? null : 'npm ci --prefix peers --ignore-scripts'
  }
  if (name.startsWith('pytorch'))
    return succeeds(PYTHON, '-c', 'import torch') ? null : 'apt-get install python3-torch'
  const hasOneDnn = succeeds('g++', '-fsyntax-only', '-x', 'c++', '-include', 'dnnl.hpp', '/dev/null')
  return hasOneDnn ? null : 'apt-get install g++ libdnnl-dev'
}

/**
 * Takes a peer's adapter through the conformance suite's networks and those of networks.ts, against float64; in a test
 * file of its own, since libraries leave things in their process that others trip over. A peer that is not installed is
 * skipped. What the adapter can't do it must refuse with that reason; of several that fit the first.
 */
export function peerConformance(name: string, refusals: readonly Refusal[]): void {
  const command = missing(name)
  if (command) it.skip(`${name} (skipped: not installed; ${command})`, () => {})
  else describe(name, () => conformance(name, refusals))
}

function conformance(name: string, refusals: readonly Refusal[]): void {
  const open = async (network: Network, pass: Pass, parameters: Tensors): Promise<Peer> => {
    const adapter: Adapter = await import(new URL(`../../peers/${name}.mjs`, import.meta.url).href)
    return adapter.openPeer({ network, batch: BATCH, parameters, threads: 1, pass, training: TRAINING })
  }
  const cases = PEER_NETWORKS.flatMap((network) => PASSES.map((pass) => ({ network, pass })))
  for (const { network, pass } of cases) {
    const { inputs, parameters } = peerDataFor(network, BATCH)
    const refusal = refusals.find(
      ({ networks = [network.name], passes = [pass] }) =>
        networks.includes(network.name) && passes.includes(pass),
    )
    if (refusal) {
      it(`${network.name}, ${pass}: refuses, ${refusal.reason}`, () =>
        expect(open(network, pass, parameters)).rejects.toThrow(refusal.reason))
      continue
    }

    const using = async (use: (peer: Peer) => Promise<void>): Promise<void> => {
      const peer = await open(network, pass, parameters)
      try {
        await use(peer)
      } finally {
        await peer.dispose?.()
      }
    }
    const dropouts = pass === 'forward' ? [] : network.layers.filter(({ layer }) => layer.kind === 'dropout')

    it(`${network.name}, ${pass}: agrees with float64`, () =>
      using(async (peer) => {
        const plainPass = pass === 'forward' ? 'forward' : 'forward-backward'
        const truth = runPlainly(withoutDropout(network), BATCH, inputs, parameters, plainPass)
        if (dropouts.length > 0) await peer.setDropout!(false)
        // Others before them: nothing of a run may be left in the next.
        await peer.setImages(
          inputs.images!.map((value) => -value),
          inputs.labels?.toReversed(),
        )
        await peer.run()
        await peer.setImages(inputs.images!, inputs.labels)
        // Before these images' run: what was kept of the last run is not what is asked for.
        if (pass !== 'forward') {
          const activations = await peer.activations(IMAGES)
          for (const { layer, isLoss } of network.layers) {
            if (isLoss) continue
            const all = truth[layer.name]!
            const length = all.length / BATCH
            const expected = IMAGES.flatMap((image) => [
              ...all.subarray(image * length, (image + 1) * length),
            ])
            requireTruth(activations, layer.name, Float64Array.from(expected))
          }
        }
        expect(await peer.run()).toBeGreaterThan(0)
        const results = await peer.results()
        for (const output of outputsOf(network)) requireTruth(results, output, truth[output]!)
        if (pass === 'forward') return
        for (const { layer, isLoss } of network.layers)
          if (isLoss) requireTruth(results, layer.name, truth[layer.name]!)
        for (const name of gradientsOf(network)) requireTruth(results, name, truth[name]!)

        if (pass !== 'train') return
        for (const name of trainedOf(network))
          expect(results[name], `${name} at a rate of 0`).toEqual(parameters[name])
      }))

    if (pass === 'train') {
      it(`${network.name}, train: follows float64's updates, twice from the beginning`, () =>
        using(async (peer) => {
          const truth = trainedPlainly(withoutDropout(network), inputs, parameters, 2)
          if (dropouts.length > 0) await peer.setDropout!(false)
          await peer.setImages(inputs.images!, inputs.labels)
          for (let time = 0; time < 2; time++) {
            await peer.restart!(RATE)
            for (let step = 0; step < 2; step++) await peer.run()
            const results = await peer.results()
            // Updated parameters have the errors of the gradients; a step without decay or momentum is off by some 1e-3.
            for (const name of Object.keys(parameters))
              requireTruth(results, name, truth[name]!, GRADIENT_TOLERANCE)
          }
        }))
    }

    for (const { layer, inputs: read } of dropouts) {
      it(`${network.name}, ${pass}: ${layer.name} drops its share at first, others each time, in the loss too`, () =>
        using(async (peer) => {
          const { rate } = layer.options as { readonly rate: number }
          await peer.setImages(inputs.images!, inputs.labels)
          const shown = [await peer.activations(IMAGES), await peer.activations(IMAGES)]
          const masks = shown.map((activations) => {
            const output = activations[layer.name]!
            const input = activations[read[0]!] ?? imagesOf(inputs.images!)
            const kept = input.map((value, i) => (output[i] === 0 ? 0 : value / (1 - rate)))
            expect(relativeError(output, kept)).toBeLessThan(1e-6)
            const present = [...input.keys()].filter((i) => input[i] !== 0)
            const dropped = present.filter((i) => output[i] === 0).length
            expect(Math.abs(dropped - rate * present.length)).toBeLessThan(
              6 * Math.sqrt(rate * (1 - rate) * present.length),
            )
            return output.map((value) => (value === 0 ? 0 : 1))
          })
          expect(masks[0]).not.toEqual(masks[1])
          const losses = []
          for (let run = 0; run < 2; run++) {
            await peer.run()
            losses.push((await peer.results()).loss![0])
          }
          expect(losses[0]).not.toBe(losses[1])
        }))
    }
  }
}

/** All parameters but running statistics. */
const trainedOf = (network: Network) =>
  Object.entries(parametersOf(network)).flatMap(([name, { role }]) => (isTrainedRole(role) ? [name] : []))

const gradientsOf = (network: Network) => trainedOf(network).map((name) => `${name}.gradient`)

function requireTruth(
  tensors: Tensors,
  tensor: string,
  expected: Float32Array | Float64Array,
  tolerance = tensor.endsWith('.gradient') ? GRADIENT_TOLERANCE : TOLERANCE,
): void {
  expect(tensors[tensor], tensor).toHaveLength(expected.length)
  expect(relativeError(tensors[tensor]!, expected), tensor).toBeLessThan(tolerance)
}

/** Of images (N, H, W, C) those that activations are asked for. */
function imagesOf(images: Float32Array): Float32Array {
  const length = images.length / BATCH
  return Float32Array.from(
    IMAGES.flatMap((image) => [...images.subarray(image * length, (image + 1) * length)]),
  )
}

/** The same network, whose dropout keeps everything: a peer's own random numbers are not convmark's. */
function withoutDropout(network: Network): Network {
  const layers = network.layers.map((resolved) => {
    const { layer } = resolved
    if (layer.kind !== 'dropout') return resolved
    return { ...resolved, layer: { ...layer, options: { ...layer.options, rate: 0 } } }
  })
  return { ...network, layers }
}

/** The parameters after so many updates by the same images. */
function trainedPlainly(network: Network, inputs: Tensors, parameters: Tensors, steps: number) {
  const { momentum, decay } = TRAINING
  const decays = Object.fromEntries(Object.keys(parameters).map((name) => [name, decay]))
  const training: Training = { optimizer: sgd({ momentum }), decays }
  const given = Object.entries({ ...inputs, ...parameters })
  const tensors: Record<string, Float64Array> = {
    ...Object.fromEntries(given.map(([name, values]) => [name, Float64Array.from(values)])),
    [RATES_TENSOR]: Float64Array.of(RATE, 1),
  }
  for (const [name, values] of Object.entries(parameters))
    tensors[`${name}.momentum`] = new Float64Array(values.length)
  for (let step = 0; step < steps; step++) {
    referenceForward(network, tensors, { batch: BATCH, pass: 'train' })
    referenceBackward(network, tensors, { batch: BATCH, pass: 'train' })
    referenceUpdate(network, training, tensors)
  }
  return tensors
}
