import type { Network } from 'convmark'
import type { OnnxImportOptions, OnnxNotes } from 'convmark/formats'

export type ImageSize = NonNullable<OnnxImportOptions['imageSize']>

/** A network from the user's file. All of it can be sent to workers, and its bytes are in blobs, which are not copied then. */
export interface Model {
  readonly fileName: string
  /** Of the file and of the files beside it. */
  readonly byteLength: number
  readonly network: Network
  /** Float32, by name, in convmark's layouts. */
  readonly parameters: Readonly<Record<string, Blob>>
  readonly notes: OnnxNotes
  readonly file: Blob
  /** The files beside it that have some of its tensors, by the names that it has for them. */
  readonly externalData: Readonly<Record<string, Blob>>
}
