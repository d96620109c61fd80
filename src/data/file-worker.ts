// What a worker does: it is told which decoder to use, and then makes what is asked of the named files: samples of a
// batch, or sums over their pixels.
import { DamagedImageError, messageOf } from '../errors.ts'
import { EndedError } from '../runtime/gate.ts'
import { onMessage, postMessage } from '../runtime/port.ts'
import { type DecodedImage, type DecoderOptions, withChannels } from './dataset.ts'
import { type Decoder, openDecoder } from './decode.ts'
import { addPixels, type Moments, noMoments } from './moments.ts'
import type { Fit } from './resample.ts'
import {
  type DamagedSample,
  type Recipe,
  type SamplePlace,
  type SkippedImage,
  sampleLength,
  writeSample,
} from './samples.ts'

interface NamedImage {
  /** Index in the split. */
  readonly index: number
  readonly file: string
}

export interface OpenRequest {
  readonly kind: 'open'
  readonly decoder: DecoderOptions
}

export interface SamplesRequest {
  readonly kind: 'samples'
  readonly recipe: Recipe
  readonly epoch: number
  readonly places: readonly (SamplePlace & NamedImage)[]
  /** The batch's images: (positions, ...sample). */
  readonly images: SharedArrayBuffer
}

/** Sums over the pixels of the images' central squares, resized to `side`; over whole images if that is null. */
export interface MomentsRequest {
  readonly kind: 'moments'
  readonly images: readonly NamedImage[]
  readonly channels: 1 | 3
  readonly side: number | null
}

/** The answer to each kind of request. */
export interface Answers {
  open: null
  samples: readonly DamagedSample[]
  moments: { readonly moments: Moments; readonly damaged: readonly SkippedImage[] }
}

export type FileRequest = OpenRequest | SamplesRequest | MomentsRequest
export type FileReply =
  | { readonly kind: 'done'; readonly answer: Answers[FileRequest['kind']] }
  | { readonly kind: 'failed'; readonly message: string; readonly errorName: string }

let opened: Decoder | null = null

onMessage(async (request: FileRequest) => {
  try {
    postMessage({ kind: 'done', answer: await answer(request) } satisfies FileReply)
  } catch (error) {
    if (error instanceof EndedError) return
    const errorName = error instanceof Error ? error.name : ''
    postMessage({ kind: 'failed', message: messageOf(error), errorName } satisfies FileReply)
  }
})

async function answer(request: FileRequest): Promise<Answers[FileRequest['kind']]> {
  switch (request.kind) {
    case 'open':
      opened = await openDecoder(request.decoder)
      return null
    case 'samples':
      return samplesOf(request)
    case 'moments':
      return momentsOf(request)
  }
}

async function samplesOf({
  recipe,
  epoch,
  places,
  images,
}: SamplesRequest): Promise<readonly DamagedSample[]> {
  const length = sampleLength(recipe)
  const bytes = length * Float32Array.BYTES_PER_ELEMENT
  const { resize, fit } = recipe.preprocessing
  return eachImage(places, { side: resize, fit }, (image, { index, file, position }) => {
    const destination = new Float32Array(images, position * bytes, length)
    writeSample(image, recipe, epoch, { index, name: file }, destination)
  })
}

async function momentsOf({ images, channels, side }: MomentsRequest): Promise<Answers['moments']> {
  const moments = noMoments(channels)
  const damaged = await eachImage(images, { side }, (image) =>
    addPixels(moments, withChannels(image, channels)),
  )
  return { moments, damaged }
}

/** Decodes one image after the other; returns those that can't be decoded. */
async function eachImage<Image extends NamedImage>(
  images: readonly Image[],
  { side, fit }: { readonly side: number | null; readonly fit?: Fit | undefined },
  use: (decoded: DecodedImage, image: Image) => void,
): Promise<readonly (Image & SkippedImage)[]> {
  const { readImageFile } = await import('./node/image-file.ts')
  const damaged: (Image & SkippedImage)[] = []
  for (const image of images) {
    try {
      use(await opened!.decode(await readImageFile(image.file), side, fit), image)
    } catch (error) {
      if (!(error instanceof DamagedImageError)) throw error
      damaged.push({ ...image, reason: error.reason })
    }
  }
  return damaged
}
