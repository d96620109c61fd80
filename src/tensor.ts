/** A tensor's extents, outermost first. Activations are (N, H, W, C); a network's own shapes leave N out. */
export type Shape = readonly number[]

/** How many values a tensor of this shape has; a scalar (`[]`) has one. */
export function elementCount(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1)
}

/** `[32, 56, 56, 64]`, as the classic lines print it. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis])
}

export function isPositiveInteger(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}

/** Where the first value stands that is NaN or infinite; -1 if all are finite. */
export function firstNotFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i
  return -1
}

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple
}

/**
 * Where the values of a tensor (N, H, W, C) stand in an array. Pitches are in values. Channels are contiguous.
 * The plain loops of the layers read and write through it, so that they can check an engine's own memory.
 */
export interface Grid {
  readonly values: Float32Array | Float64Array
  readonly offset: number
  /** (N, H, W, C) */
  readonly shape: readonly [number, number, number, number]
  readonly imagePitch: number
  readonly rowPitch: number
  readonly pixelPitch: number
}

/** (H, W, C), (C) or () as the (H, W, C) of a grid: missing extents are 1. */
export function asImageShape(shape: Shape): readonly [number, number, number] {
  if (shape.length === 3) return [shape[0]!, shape[1]!, shape[2]!]
  return [1, 1, elementCount(shape)]
}

/** A grid over densely packed values. */
export function denseGrid(values: Float32Array | Float64Array, batch: number, shape: Shape): Grid {
  const [height, width, channels] = asImageShape(shape)
  return {
    values,
    offset: 0,
    shape: [batch, height, width, channels],
    imagePitch: height * width * channels,
    rowPitch: width * channels,
    pixelPitch: channels,
  }
}

/** The position in `grid.values` of a pixel's first channel. */
export function pixelAt(grid: Grid, image: number, y: number, x: number): number {
  return grid.offset + image * grid.imagePitch + y * grid.rowPitch + x * grid.pixelPitch
}

/** Calls `visit` for every pixel of every image. */
export function eachPixel(grid: Grid, visit: (image: number, y: number, x: number) => void): void {
  const [images, height, width] = grid.shape
  for (let n = 0; n < images; n++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) visit(n, y, x)
    }
  }
}

/**
 * Each image's (rows, columns) as (columns, rows): channels first to channels last, or back. These values themselves
 * where both are the same.
 */
export function transposedImages(values: Float32Array, rows: number, columns: number): Float32Array {
  if (rows === 1 || columns === 1) return values
  const result = new Float32Array(values.length)
  for (let start = 0; start < values.length; start += rows * columns) {
    for (let row = 0; row < rows; row++) {
      const from = start + row * columns
      for (let column = 0; column < columns; column++)
        result[start + column * rows + row] = values[from + column]!
    }
  }
  return result
}
