import type { Network } from 'convmark'
import type { EngineRecord } from 'convmark/bench'
import type { Model } from '../../model/model.ts'
import type { ComparedPass } from '../messages.ts'

export interface PeerSetup {
  readonly network: Network
  /** The file that the network is from, for those that read it; null for a named network. */
  readonly model: Model | null
  readonly pass: ComparedPass
  readonly batch: number
  readonly parameters: Readonly<Record<string, Float32Array>>
  readonly threads: number
  /** Where the packages are, and the one's file that is to be loaded. */
  readonly folder: URL
  readonly entry: URL
}

/** By name: images (N, H, W, C), and labels (N) where the network has them. */
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

/** The inputs that the pass forward reads. */
export function inputsOf({ inputs, layers }: Network): readonly string[] {
  const read = new Set(layers.filter(({ isLoss }) => !isLoss).flatMap((layer) => layer.inputs))
  return Object.keys(inputs).filter((name) => read.has(name))
}

/** The layers that no layer but losses reads. */
export function outputsOf({ layers }: Network): readonly string[] {
  const computed = layers.filter(({ isLoss }) => !isLoss)
  const read = new Set(computed.flatMap(({ inputs }) => inputs))
  return computed.map(({ layer }) => layer.name).filter((name) => !read.has(name))
}

/** Of an input or a layer's output, for one image. */
export const shapeOf = ({ inputs, layers }: Network, tensor: string): readonly number[] =>
  inputs[tensor] ?? layers.find(({ layer }) => layer.name === tensor)!.outputShape

/** The images times a factor; labels as they are. */
export const scaledImages = ({ inputs }: Network, given: Inputs, scale: number): Inputs =>
  Object.fromEntries(
    Object.entries(given).map(([name, values]) => [
      name,
      inputs[name]!.length === 3 ? values.map((value) => value * scale) : values,
    ]),
  )

/** Whether the page's host has a file. */
export async function isHere(url: URL): Promise<boolean> {
  const { ok } = await fetch(url, { method: 'HEAD' })
  return ok
}

/** Libraries come as files of the page's host, not with the page: they are loaded when they are chosen. */
export const load = (url: URL): Promise<unknown> => import(/* @vite-ignore */ url.href)
