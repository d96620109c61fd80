// Reading the headers of image files. A read past the end throws RangeError.

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export function startsWith(view: DataView, offset: number, expected: readonly number[]): boolean {
  if (offset + expected.length > view.byteLength) return false
  return expected.every((byte, i) => view.getUint8(offset + i) === byte)
}

/** Names of chunks and brands of formats are written in letters. */
export function lettersAt(view: DataView, offset: number, count = 4): string {
  const codes = Array.from({ length: count }, (_, i) => view.getUint8(offset + i))
  return String.fromCharCode(...codes)
}

/** The bytes of a view from `offset` on: `length` of them, or as many as there are. */
export function sliceOf(view: DataView, offset: number, length = Number.POSITIVE_INFINITY): DataView {
  const start = Math.min(offset, view.byteLength)
  const available = view.byteLength - start
  return new DataView(view.buffer, view.byteOffset + start, Math.max(0, Math.min(length, available)))
}
