// Decoders for one format, as their packages provide them.
export interface Rgba {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array | Uint8ClampedArray
}

export interface Codec {
  readonly memory: WebAssembly.Memory
  /** Throws, or returns null, for what it can't decode. */
  decode(bytes: Uint8Array): Rgba | null
}

/** Thrown by a codec that found a fault in the data, as opposed to a lack of memory. */
export class FaultOfData extends Error {}
