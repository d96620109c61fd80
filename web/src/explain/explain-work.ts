import { initialize, type Network, openSession, type Session } from 'convmark'
import { type NetworkChoice, networkOf, parametersOf } from '../model/choice.ts'
import type { Work } from '../work/serve.ts'
import { asImage, type PictureInput } from './picture-input.ts'
import { imageOf, type PixelValues } from './pixels.ts'

export type ExplainRequest =
  /** A worker has one network: that of the first request. */
  | {
      readonly kind: 'run'
      readonly network: NetworkChoice
      readonly input: PictureInput
      /** (H, W, 4), as a canvas has it. */
      readonly pixels: Uint8ClampedArray
      readonly values: PixelValues
    }
  /** What these layers made of the last picture. */
  | { readonly kind: 'read'; readonly layers: readonly string[] }

export type ExplainEvent =
  | { readonly kind: 'maps'; readonly layer: string; readonly maps: Maps }
  | { readonly kind: 'computed'; readonly elapsedMs: number; readonly threads: number }

/** The first channels of an activation, made smaller where they are larger than they are shown. */
export interface Maps {
  readonly height: number
  readonly width: number
  /** (height, width, channels) */
  readonly values: Float32Array
  readonly channels: number
  /** The largest of a vector, by index, the largest first; empty for an image. */
  readonly largest: readonly { readonly index: number; readonly value: number }[]
}

const SEED = 7
const MAX_MAPS = 24
const MAX_SIDE = 128
const MAX_LARGEST = 5

let opened: Promise<Session> | null = null

async function open(choice: NetworkChoice): Promise<Session> {
  const network: Network = networkOf(choice)
  const session = await openSession(network, { batch: 1, keep: 'all' })
  session.write((await parametersOf(choice)) ?? initialize(network, { seed: SEED }))
  return session
}

export const explainWork: Work<ExplainRequest, ExplainEvent> = async (request, tell) => {
  if (request.kind === 'run') {
    const { network, input, pixels, values } = request
    opened ??= open(network)
    const session = await opened
    const image = imageOf(pixels, input.channels, values)
    const start = performance.now()
    await session.run({ [input.name]: image })
    const elapsedMs = performance.now() - start
    tell({ kind: 'computed', elapsedMs, threads: session.engine.threads })
    return
  }
  const session = await opened!
  for (const layer of request.layers) {
    const { outputShape } = session.network.layers.find((each) => each.layer.name === layer)!
    const maps = mapsOf(await session.fetch(layer), asImage(outputShape))
    tell({ kind: 'maps', layer, maps }, { transfer: [maps.values.buffer] })
  }
}

function mapsOf(values: Float32Array, [height, width, all]: readonly [number, number, number]): Maps {
  const channels = Math.min(MAX_MAPS, all)
  const isVector = height === 1 && width === 1
  const order = isVector ? [...values.keys()].sort((a, b) => values[b]! - values[a]!) : []
  const largest = order.slice(0, MAX_LARGEST).map((index) => ({ index, value: values[index]! }))
  // Means of blocks
  const block = Math.ceil(Math.max(height, width) / MAX_SIDE)
  const [rows, columns] = [Math.ceil(height / block), Math.ceil(width / block)]
  const small = new Float32Array(rows * columns * channels)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [row, column] = [Math.floor(y / block), Math.floor(x / block)]
      const count = Math.min(block, height - row * block) * Math.min(block, width - column * block)
      for (let channel = 0; channel < channels; channel++) {
        small[(row * columns + column) * channels + channel]! +=
          values[(y * width + x) * all + channel]! / count
      }
    }
  }
  return { height: rows, width: columns, values: small, channels, largest }
}
