import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { peers } from '../../src/bench/contenders/peers.ts'
import { type Network, outputsOf, parametersOf } from '../../src/networks/index.ts'
import type { Pass } from '../../src/plan/plan.ts'
import { dataFor, NETWORKS } from '../conformance/suite.ts'
import { relativeError } from '../support/finite-differences.ts'
import { root } from '../support/package.ts'
import { runPlainly } from '../support/plain-network.ts'

/** What peers/runner.mjs says of an adapter. */
export interface Peer {
  setImages(images: Float32Array): unknown
  run(): Promise<number>
  results(): Promise<Tensors> | Tensors
  activations(images: readonly number[]): Promise<Tensors> | Tensors
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
  }): Promise<Peer>
}

/** What an adapter refuses. */
export interface Refusal {
  /** Left out, all of them. */
  readonly networks?: readonly string[]
  /** Left out, both. */
  readonly pass?: Pass
  /** What the adapter says. */
  readonly reason: string
}

/** What no peer can do: its own random numbers are not convmark's. */
export const NO_DROPOUT: Refusal = {
  networks: ['classes', 'dropped'],
  pass: 'forward-backward',
  reason: "what dropout drops is by convmark's own random numbers",
}

/** Of outputs, losses and activations; right peers have some 1e-7. */
const TOLERANCE = 5e-6
const GRADIENT_TOLERANCE = 5e-5

const BATCH = 3
const IMAGES = [0, 2]

const PYTHON = '/usr/bin/python3'

/** The command that installs a peer which is not to be had here; null for one that is. */
export function missing(name: string): string | null {
  const succeeds = (program: string, ...parameters: string[]) => spawnSync(program, parameters).status === 0
  if (peers[name]!.isPackage) {
    return existsSync(`${root}peers/node_modules`) ? null : 'npm ci --prefix peers --ignore-scripts'
  }
  if (name === 'pytorch')
    return succeeds(PYTHON, '-c', 'import torch') ? null : 'apt-get install python3-torch'
  const hasOneDnn = succeeds('g++', '-fsyntax-only', '-x', 'c++', '-include', 'dnnl.hpp', '/dev/null')
  return hasOneDnn ? null : 'apt-get install g++ libdnnl-dev'
}

/**
 * Takes a peer's adapter through the conformance suite's own networks and data, against float64; in a test file of its own,
 * since libraries leave things in their process that others trip over. A peer that is not installed is skipped. What the
 * adapter can't do it must refuse with that reason; of several that fit the first.
 */
export function peerConformance(name: string, refusals: readonly Refusal[]): void {
  const command = missing(name)
  if (command) it.skip(`${name} (skipped: not installed; ${command})`, () => {})
  else describe(name, () => conformance(name, refusals))
}

function conformance(name: string, refusals: readonly Refusal[]): void {
  const open = async (network: Network, pass: Pass, parameters: Tensors): Promise<Peer> => {
    const adapter: Adapter = await import(new URL(`../../peers/${name}.mjs`, import.meta.url).href)
    return adapter.openPeer({ network, batch: BATCH, parameters, threads: 1, pass })
  }
  const cases = NETWORKS.flatMap((network) =>
    (['forward', 'forward-backward'] as const).map((pass) => ({ network, pass })),
  )
  for (const { network, pass } of cases) {
    const { inputs, parameters } = dataFor(network, BATCH)
    const refusal = refusals.find(
      (each) =>
        (each.networks?.includes(network.name) ?? true) && (each.pass === undefined || each.pass === pass),
    )
    if (refusal) {
      it(`${network.name}, ${pass}: refuses, ${refusal.reason}`, () =>
        expect(open(network, pass, parameters)).rejects.toThrow(refusal.reason))
      continue
    }

    it(`${network.name}, ${pass}: agrees with float64`, async () => {
      const truth = runPlainly(network, BATCH, inputs, parameters, pass)
      const requireTruth = (tensors: Tensors, tensor: string, expected = truth[tensor]!): void => {
        const tolerance = tensor.endsWith('.gradient') ? GRADIENT_TOLERANCE : TOLERANCE
        expect(tensors[tensor], tensor).toHaveLength(expected.length)
        expect(relativeError(tensors[tensor]!, expected), tensor).toBeLessThan(tolerance)
      }
      const peer = await open(network, pass, parameters)
      try {
        // Others before them: nothing of a run may be left in the next.
        await peer.setImages(inputs.images!.map((value) => -value))
        await peer.run()
        await peer.setImages(inputs.images!)
        expect(await peer.run()).toBeGreaterThan(0)
        const results = await peer.results()
        for (const output of outputsOf(network)) requireTruth(results, output)
        if (pass === 'forward') return
        for (const { layer, isLoss } of network.layers) if (isLoss) requireTruth(results, layer.name)
        for (const parameter of Object.keys(parametersOf(network)))
          requireTruth(results, `${parameter}.gradient`)

        const activations = await peer.activations(IMAGES)
        for (const { layer, isLoss } of network.layers) {
          if (isLoss) continue
          const all = truth[layer.name]!
          const length = all.length / BATCH
          const expected = IMAGES.flatMap((image) => [...all.subarray(image * length, (image + 1) * length)])
          requireTruth(activations, layer.name, Float64Array.from(expected))
        }
      } finally {
        await peer.dispose?.()
      }
    })
  }
}
