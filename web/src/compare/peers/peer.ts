import type { Network } from 'convmark'
import type { EngineRecord } from 'convmark/bench'

export interface PeerSetup {
  readonly network: Network
  readonly batch: number
  readonly parameters: Readonly<Record<string, Float32Array>>
  readonly threads: number
  /** Where the packages are, and the one's file that is to be loaded. */
  readonly folder: URL
  readonly entry: URL
}

/** A library with a network in it, forward. What it can't do it throws, with the reason. */
export interface Peer {
  readonly engine: Pick<EngineRecord, 'target' | 'threads' | 'reason'>
  /** (N, H, W, C), into the library's own memory and layout. */
  setImages(images: Float32Array): Promise<void>
  /** Resolves when the outputs are in memory that the caller can read. */
  run(): Promise<void>
  /** Of the last run, by name and in convmark's layout. */
  results(): Readonly<Record<string, Float32Array>>
}

export type OpenPeer = (setup: PeerSetup) => Promise<Peer>

/** Whether the page's host has a file. */
export async function isHere(url: URL): Promise<boolean> {
  const { ok } = await fetch(url, { method: 'HEAD' })
  return ok
}

/** Libraries come as files of the page's host, not with the page: they are loaded when they are chosen. */
export const load = (url: URL): Promise<unknown> => import(/* @vite-ignore */ url.href)
