// How image files' headers are read. A read past the end throws RangeError.

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export function startsWith(view: DataView, offset: number, expected: readonly number[]): boolean {
  if (offset + expected.length > view.byteLength) return false
  return expected.every((byte, i) => view.getUint8(offset + i) === byte)
}

/** As names of chunks and brands of formats are written. */
export function lettersAt(view: DataView, offset: number, count = 4): string {
  const codes = Array.from({ length: count }, (_, i) => view.getUint8(offset + i))
  return String.fromCharCode(...codes)
}

/** The part of a view from `offset` on, of `length` bytes, or of as many as there are. */
export function partOf(view: DataView, offset: number, length = Number.POSITIVE_INFINITY): DataView {
  const start = Math.min(offset, view.byteLength)
  const available = view.byteLength - start
  return new DataView(view.buffer, view.byteOffset + start, Math.max(0, Math.min(length, available)))
}
