// The two orders of weights: PyTorch's, (F, C, KH, KW), and ours, (KH, KW, C, F).
import { elementCount } from '../../tensor.ts'

/** (KH, KW, C, F) */
type Extents = readonly [height: number, width: number, channels: number, filters: number]

/** So many filters are moved at a time: as many values are a line of the cache, on the side where filters are contiguous. */
const BLOCK = 16

/** PyTorch's order in ours. */
export function filtersLast(values: Float32Array, extents: Extents): Float32Array {
  const result = new Float32Array(values.length)
  eachRun(extents, (first, end, at, ours) => {
    const pitch = values.length / extents[3]
    for (let filter = first; filter < end; filter++) result[ours + filter] = values[filter * pitch + at]!
  })
  return result
}

/** Our order in PyTorch's. */
export function filtersFirst(values: Float32Array, extents: Extents): Float32Array {
  const result = new Float32Array(values.length)
  eachRun(extents, (first, end, at, ours) => {
    const pitch = values.length / extents[3]
    for (let filter = first; filter < end; filter++) result[filter * pitch + at] = values[ours + filter]!
  })
  return result
}

/** For some filters, one tap of the kernel and one channel: where a filter has it in PyTorch's order, and where its filters begin in ours. */
function eachRun(
  [height, width, channels, filters]: Extents,
  visit: (first: number, end: number, at: number, ours: number) => void,
): void {
  const taps = elementCount([height, width])
  for (let first = 0; first < filters; first += BLOCK) {
    const end = Math.min(filters, first + BLOCK)
    for (let channel = 0; channel < channels; channel++)
      for (let tap = 0; tap < taps; tap++)
        visit(first, end, channel * taps + tap, (tap * channels + channel) * filters)
  }
}
