import { alexnet, initialize, openSession, type Session } from 'convmark'
import type { Work } from '../work/serve.ts'

export interface ExplainRequest {
  /** (224, 224, 4), as a canvas has it. */
  readonly pixels: Uint8ClampedArray
}

export type ExplainEvent =
  /** Of one layer: (H, W, C). */
  | { readonly kind: 'activations'; readonly layer: string; readonly values: Float32Array }
  | { readonly kind: 'computed'; readonly elapsedMs: number; readonly threads: number }

const SEED = 7
const CHANNELS = 3

/** Bytes to about what the benchmark's own images are like: around 0, small. */
const toValue = (byte: number): number => (byte - 127.5) / 255

let opened: Promise<Session> | null = null

async function openAlexnet(): Promise<Session> {
  const network = alexnet()
  const session = await openSession(network, { batch: 1, keep: 'all' })
  session.write(initialize(network, { seed: SEED }))
  return session
}

export const explainWork: Work<ExplainRequest, ExplainEvent> = async ({ pixels }, tell) => {
  opened ??= openAlexnet()
  const session = await opened
  const images = new Float32Array((pixels.length / 4) * CHANNELS)
  for (let i = 0; i < images.length; i++) {
    images[i] = toValue(pixels[Math.floor(i / CHANNELS) * 4 + (i % CHANNELS)]!)
  }
  const start = performance.now()
  await session.run({ images })
  const elapsedMs = performance.now() - start
  for (const { layer, isLoss } of session.network.layers) {
    if (isLoss) continue
    const values = session.read(layer.name)
    tell({ kind: 'activations', layer: layer.name, values }, { transfer: [values.buffer] })
  }
  tell({ kind: 'computed', elapsedMs, threads: session.engine.threads })
}
