// What decodes one format, as its package has it.
export interface Rgba {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array | Uint8ClampedArray
}

export interface Codec {
  readonly memory: WebAssembly.Memory
  /** Throws, or gives null, for what it can't decode. */
  decode(bytes: Uint8Array): Rgba | null
}

/** What a codec throws that found fault with the data, and not with its memory. */
export class FaultOfData extends Error {}
