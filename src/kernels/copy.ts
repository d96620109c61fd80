import type { Pointer, ProgramBuilder } from '../codegen/program.ts'
import type { View } from '../plan/views.ts'
import { bytes } from './kernel.ts'

/** Up to this many stores are written out; more become a loop. */
const UNROLLED_STORES = 8

/** Writes zeros over `values` values, a multiple of the vector, and leaves the pointer after them. */
export function writeZeros(b: ProgramBuilder, pointer: Pointer, values: number): void {
  const vectors = values / b.lanes
  if (!Number.isInteger(vectors)) throw new Error(`${values} values are not whole vectors of ${b.lanes}`)
  if (vectors === 0) return
  const zero = b.splat(0)
  const store = (count: number): void => {
    for (let i = 0; i < count; i++) b.store(pointer, i * b.vectorBytes, zero)
    b.advance(pointer, count * b.vectorBytes)
  }
  b.loop(Math.floor(vectors / UNROLLED_STORES), () => store(UNROLLED_STORES))
  if (vectors % UNROLLED_STORES > 0) store(vectors % UNROLLED_STORES)
}

/** Writes zeros over `vectors` vectors of each pixel of an image. */
export function clearChannels(b: ProgramBuilder, pointer: Pointer, view: View, vectors: number): void {
  const [, height, width] = view.shape
  b.walk(height, [[pointer, bytes(view.rowPitch)]], () => {
    b.walk(width, [[pointer, bytes(view.pixelPitch)]], () => {
      writeZeros(b, pointer, vectors * b.lanes)
      b.advance(pointer, -vectors * b.vectorBytes)
    })
  })
}

/** Copies a row's pixels, some vectors of each, without gaps; leaves `to` after them. */
export function copyPixels(
  b: ProgramBuilder,
  from: Pointer,
  to: Pointer,
  pixels: number,
  pixelPitch: number,
  vectors: number,
): void {
  b.walk(pixels, [[from, bytes(pixelPitch)]], () => {
    for (let v = 0; v < vectors; v++) b.store(to, v * b.vectorBytes, b.load(from, v * b.vectorBytes))
    b.advance(to, vectors * b.vectorBytes)
  })
}

/** Copies consecutive values: exactly, or by whole vectors, the last of which may go beyond them. */
export function copyValues(
  b: ProgramBuilder,
  from: Pointer,
  to: Pointer,
  count: number,
  how: 'exactly' | 'by vectors',
): void {
  let i = 0
  const end = how === 'exactly' ? count - b.lanes : count - 1
  for (; i <= end; i += b.lanes) b.store(to, bytes(i), b.load(from, bytes(i)))
  for (; i < count; i++) b.storeLane(to, bytes(i), b.loadLane(from, bytes(i)))
}
