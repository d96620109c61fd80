/** Writes the WASM binary format's numbers, names and sized sections. */
export class ByteWriter {
  readonly #bytes: number[] = []

  bytes(...bytes: number[]): void {
    for (const byte of bytes) this.#bytes.push(byte)
  }

  /** LEB128, unsigned, up to 32 bits. */
  unsigned(value: number): void {
    do {
      const low = value & 0x7f
      value >>>= 7
      this.#bytes.push(value === 0 ? low : low | 0x80)
    } while (value !== 0)
  }

  /** LEB128, signed, 32 bits. */
  signed(value: number): void {
    for (;;) {
      const low = value & 0x7f
      value >>= 7
      const isLast = (value === 0 && (low & 0x40) === 0) || (value === -1 && (low & 0x40) !== 0)
      this.#bytes.push(isLast ? low : low | 0x80)
      if (isLast) return
    }
  }

  name(text: string): void {
    const encoded = new TextEncoder().encode(text)
    this.unsigned(encoded.length)
    this.bytes(...encoded)
  }

  /** A section, preceded by its length in bytes. */
  sized(write: (section: ByteWriter) => void): void {
    const section = new ByteWriter()
    write(section)
    this.unsigned(section.#bytes.length)
    for (const byte of section.#bytes) this.#bytes.push(byte)
  }

  section(id: number, write: (section: ByteWriter) => void): void {
    this.bytes(id)
    this.sized(write)
  }

  finish(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#bytes)
  }
}
