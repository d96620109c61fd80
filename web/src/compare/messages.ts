// What the page asks of an engine that takes its turns in a worker of its own, and what that says.
import type { Tuning } from 'convmark'
import type { CheckResult, EngineRecord, RunMeasurement } from 'convmark/bench'
import type { NetworkChoice } from '../model/choice.ts'

/** As the page and its links name them. */
export const ENGINES = [
  'wasm@all',
  'wasm@1',
  'tfjs-wasm',
  'tfjs-webgl',
  'tfjs-webgpu',
  'onnxruntime-web',
  'onnxruntime-web-webgpu',
] as const
export type EngineName = (typeof ENGINES)[number]
export type PeerName = Exclude<EngineName, 'wasm@all' | 'wasm@1'>

export const isPeer = (name: EngineName): name is PeerName => !name.startsWith('wasm@')

/** From npm: what the page's host must have for it. */
export const PACKAGES: { readonly [Name in PeerName]: readonly string[] } = {
  'tfjs-wasm': ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm'],
  'tfjs-webgl': ['@tensorflow/tfjs'],
  'tfjs-webgpu': ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-webgpu'],
  'onnxruntime-web': ['onnxruntime-web'],
  'onnxruntime-web-webgpu': ['onnxruntime-web'],
}

/** What can be compared. */
export const COMPARED_PASSES = ['forward', 'forward-backward'] as const
export type ComparedPass = (typeof COMPARED_PASSES)[number]

export interface ContenderSetup {
  readonly engine: EngineName
  readonly network: NetworkChoice
  readonly pass: ComparedPass
  readonly batch: number
  readonly burnIn: number
  readonly threads: number
  /** The page's folder: peers are in it. */
  readonly base: string
  /** What a peer is compared with; convmark's own engine needs none. */
  readonly truths: readonly Truth[]
}

export type TruthRequest = Pick<ContenderSetup, 'network' | 'batch'>

/** What convmark makes of the benchmark's images, times a factor. */
export interface Truth {
  readonly scale: number
  readonly outputs: Readonly<Record<string, Float32Array>>
}

export type ContenderRequest =
  | { readonly kind: 'start'; readonly setup: ContenderSetup }
  /** A run that is not counted, then so many that are. */
  | { readonly kind: 'turn'; readonly samples: number }

export type ContenderEvent =
  | ({ readonly kind: 'ready' } & Ready)
  /** A sign of life, between steps that may take long. */
  | { readonly kind: 'alive' }
  /** The host of the page does not have it. */
  | { readonly kind: 'missing' }
  | ({ readonly kind: 'samples' } & Turn)

export interface Ready {
  readonly engine: EngineRecord
  readonly check: CheckResult
  /** Null where its steps can't be seen. */
  readonly plan: RunMeasurement['plan']
  readonly tuning: Tuning | null
}

export interface Turn {
  readonly samplesMs: readonly number[]
  /** When each began, in milliseconds since 1970 with the clock's fraction. */
  readonly startedAtMs: readonly number[]
}

export const SEED = 7
