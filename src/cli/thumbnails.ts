// Small pictures for the page of a classification.
import { stat } from 'node:fs/promises'
import { type Decoder, openDecoder } from '../data/index.ts'
import { readImageFile } from '../data/node/image-file.ts'
import { encodedWebp } from '../data/webp-encoder.ts'
import { ConvmarkError, UnavailableError } from '../errors.ts'
import type { Classification } from '../records/classification.ts'
import { answeredFiles, MAX_THUMBNAILS } from '../report/html/classification.ts'

/** On each side, in pixels. */
const THUMBNAIL_SIDE = 160

export interface ThumbnailOptions {
  /** What is in no file, by its name: standard input. */
  readonly bytes?: ReadonlyMap<string, Uint8Array> | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/**
 * The central squares of the first `MAX_THUMBNAILS` pictures that have an answer, by file, as data URIs. A picture that is
 * gone or can't be decoded has none.
 */
export async function thumbnailsOf(
  classifications: readonly Pick<Classification, 'pictures'>[],
  { bytes: given = new Map(), signal, onProgress = () => {} }: ThumbnailOptions = {},
): Promise<ReadonlyMap<string, string>> {
  const files = answeredFiles(classifications).slice(0, MAX_THUMBNAILS)
  const decoder = await openDecoder()
  const thumbnails = new Map<string, string>()
  for (const [i, file] of files.entries()) {
    signal?.throwIfAborted()
    const thumbnail = await thumbnailOf(file, given.get(file), decoder)
    if (thumbnail !== null) thumbnails.set(file, thumbnail)
    onProgress(i + 1, files.length)
  }
  return thumbnails
}

async function thumbnailOf(
  file: string,
  given: Uint8Array | undefined,
  decoder: Decoder,
): Promise<string | null> {
  try {
    const bytes = given ?? (await bytesOf(file))
    if (bytes === null) return null
    const image = await decoder.decode({ name: file, bytes }, THUMBNAIL_SIDE)
    return dataUri(await encodedWebp(image))
  } catch (error) {
    // A decoder that can't start is no fault of the picture
    if (error instanceof ConvmarkError && !(error instanceof UnavailableError)) return null
    throw error
  }
}

/** Null for what is no file: a name in a record could be that of a device or a pipe, which never ends. */
async function bytesOf(file: string): Promise<Uint8Array | null> {
  const status = await stat(file).catch(() => null)
  return status?.isFile() ? (await readImageFile(file)).bytes : null
}

const dataUri = (webp: Uint8Array): string => `data:image/webp;base64,${Buffer.from(webp).toString('base64')}`
