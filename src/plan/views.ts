import type { Grid, Shape } from '../tensor.ts'
import { asImageShape, roundUp } from '../tensor.ts'

/** Zeros around each image, in pixels, as wide as the reader with the widest halo needs. */
export interface Halo {
  readonly top: number
  readonly bottom: number
  readonly left: number
  readonly right: number
}

export const NO_HALO: Halo = { top: 0, bottom: 0, left: 0, right: 0 }

export const hasHalo = ({ top, bottom, left, right }: Halo): boolean => top + bottom + left + right > 0

export const widest = (a: Halo, b: Halo): Halo => ({
  top: Math.max(a.top, b.top),
  bottom: Math.max(a.bottom, b.bottom),
  left: Math.max(a.left, b.left),
  right: Math.max(a.right, b.right),
})

/** Whether the halo `wide` includes `halo`. */
export const covers = (wide: Halo, halo: Halo): boolean =>
  wide.top >= halo.top && wide.bottom >= halo.bottom && wide.left >= halo.left && wide.right >= halo.right

/** A range of the slab that one tensor, or one step's scratch, owns for some steps. */
export interface Buffer {
  /** The buffer's index in `Plan.buffers`. */
  readonly id: number
  /** For messages: the tensor, or the step whose scratch it is. */
  readonly name: string
  /** In values of 4 bytes. */
  readonly length: number
  /** The first step in which it must not be overwritten by another buffer. */
  readonly firstStep: number
  /** The last such step. */
  readonly lastStep: number
}

/** How a tensor (N, H, W, C) lies in a buffer. Pitches and offset are in values; channels are contiguous. */
export interface View {
  /** The tensor's name. */
  readonly tensor: string
  /** The id of its buffer. */
  readonly buffer: number
  /** Offset of the first pixel of the first image, after its halo. */
  readonly offset: number
  /** (N, H, W, C). */
  readonly shape: readonly [number, number, number, number]
  /** From one image to the next. */
  readonly imagePitch: number
  /** From one row of pixels to the next. */
  readonly rowPitch: number
  /**
   * The channels, rounded up to whole vectors. The values in between are zero in every tensor, so kernels need no code
   * for the tail.
   */
  readonly pixelPitch: number
  /** Zeros around each image, which the step that writes the tensor writes too. */
  readonly halo: Halo
}

/** Lays a tensor out over a buffer of its own. Returns the view and the buffer's length in values. */
export function layOut(
  tensor: string,
  buffer: number,
  batch: number,
  shape: Shape,
  options: { readonly halo?: Halo; readonly channelMultiple: number },
): { view: View; length: number } {
  const halo = options.halo ?? NO_HALO
  const [height, width, channels] = asImageShape(shape)
  const pixelPitch = roundUp(channels, options.channelMultiple)
  const rowPitch = (halo.left + width + halo.right) * pixelPitch
  const imagePitch = (halo.top + height + halo.bottom) * rowPitch
  const view: View = {
    tensor,
    buffer,
    offset: halo.top * rowPitch + halo.left * pixelPitch,
    shape: [batch, height, width, channels],
    imagePitch,
    rowPitch,
    pixelPitch,
    halo,
  }
  return { view, length: batch * imagePitch }
}

/** The view as a grid over the slab; `bufferOffset` is where its buffer begins, in values. */
export function gridOf(view: View, values: Float32Array, bufferOffset: number): Grid {
  const { shape, imagePitch, rowPitch, pixelPitch } = view
  return { values, offset: bufferOffset + view.offset, shape, imagePitch, rowPitch, pixelPitch }
}
