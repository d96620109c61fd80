// A worker's whole life: it is told how images become samples, and then makes samples of files, as they are named.
import { DamagedImageError, messageOf } from '../errors.ts'
import { onMessage, postMessage } from '../runtime/port.ts'
import { type Decoder, type DecoderOptions, openDecoder } from './decode.ts'
import { type DamagedPlace, type Place, type Recipe, sampleLength, writeSample } from './samples.ts'

export interface OpenRequest {
  readonly kind: 'open'
  readonly recipe: Recipe
  readonly decoder: DecoderOptions
}

export interface SamplesRequest {
  readonly kind: 'samples'
  readonly epoch: number
  readonly places: readonly (Place & { readonly file: string })[]
  /** The batch's images: (positions, ...sample). */
  readonly images: SharedArrayBuffer
}

export type FileRequest = OpenRequest | SamplesRequest
export type FileReply =
  | { readonly kind: 'done'; readonly damaged: readonly DamagedPlace[] }
  | { readonly kind: 'failed'; readonly message: string; readonly errorName: string }

let opened: { readonly recipe: Recipe; readonly decoder: Decoder } | null = null

onMessage(async (request: FileRequest) => {
  try {
    postMessage({ kind: 'done', damaged: await answer(request) } satisfies FileReply)
  } catch (error) {
    const errorName = error instanceof Error ? error.name : ''
    postMessage({ kind: 'failed', message: messageOf(error), errorName } satisfies FileReply)
  }
})

async function answer(request: FileRequest): Promise<readonly DamagedPlace[]> {
  if (request.kind === 'open') {
    opened = { recipe: request.recipe, decoder: await openDecoder(request.decoder) }
    return []
  }
  const { readImageFile } = await import('./node/image-file.ts')
  const { recipe, decoder } = opened!
  const length = sampleLength(recipe)
  const damaged: DamagedPlace[] = []
  for (const place of request.places) {
    const { file, position, index } = place
    const target = new Float32Array(
      request.images,
      position * length * Float32Array.BYTES_PER_ELEMENT,
      length,
    )
    try {
      const image = await decoder.decode(await readImageFile(file), recipe.preprocessing.resize)
      writeSample(image, recipe, request.epoch, { index, name: file }, target)
    } catch (error) {
      if (!(error instanceof DamagedImageError)) throw error
      damaged.push({ ...place, reason: error.reason })
    }
  }
  return damaged
}
