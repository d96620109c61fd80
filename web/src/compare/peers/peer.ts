import type { Network } from 'convmark'
import type { EngineRecord } from 'convmark/bench'
import type { ComparedPass } from '../messages.ts'

export interface PeerSetup {
  readonly network: Network
  readonly pass: ComparedPass
  readonly batch: number
  readonly parameters: Readonly<Record<string, Float32Array>>
  readonly threads: number
  /** Where the packages are, and the one's file that is to be loaded. */
  readonly folder: URL
  readonly entry: URL
}

/** Images (N, H, W, C), and labels (N) where the network has them. */
export type Inputs = Readonly<Record<string, Float32Array>>

/** A library with a network in it. What it can't do it throws, with the reason. */
export interface Peer {
  readonly engine: Pick<EngineRecord, 'target' | 'threads' | 'reason'>
  /** Into the library's own memory and layout. */
  setInputs(inputs: Inputs): Promise<void>
  /** Resolves when the results are in memory that the caller can read. */
  run(): Promise<void>
  /** Of the last run, by name and in convmark's layout: outputs; backward the losses and gradients too. */
  results(): Readonly<Record<string, Float32Array>>
  /** Where it goes backward: every layer's outputs, as the gradients' run makes them. */
  activations?(): Promise<Readonly<Record<string, Float32Array>>>
}

export type OpenPeer = (setup: PeerSetup) => Promise<Peer>

/** Whether the page's host has a file. */
export async function isHere(url: URL): Promise<boolean> {
  const { ok } = await fetch(url, { method: 'HEAD' })
  return ok
}

/** Libraries come as files of the page's host, not with the page: they are loaded when they are chosen. */
export const load = (url: URL): Promise<unknown> => import(/* @vite-ignore */ url.href)
