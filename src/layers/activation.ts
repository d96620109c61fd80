// What layers of weighted sums share: the activation behind the sums, and the gradients of sums and biases.

import { type Grid, pixelAt } from '../tensor.ts'

export interface Activated {
  /** Applied to the sum; the layer's tensor is what comes after it. */
  readonly activation?: 'relu' | undefined
}

export const isActivation = (value: unknown): boolean => value === undefined || value === 'relu'

/** The layer's value of a sum. NaN stays NaN. */
export function activate(options: Activated, sum: number): number {
  return options.activation === 'relu' && sum < 0 ? 0 : sum
}

/** The gradient of the sums, given that of the layer's output: masked where ReLU let nothing through. */
export function activationGradient(options: Activated, output: Grid, outputGradient: Grid): Grid {
  if (options.activation === undefined) return outputGradient
  const [images, height, width, filters] = output.shape
  const values = new Float64Array(images * height * width * filters)
  let to = 0
  for (let n = 0; n < images; n++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [from, mask] = [pixelAt(outputGradient, n, y, x), pixelAt(output, n, y, x)]
        for (let f = 0; f < filters; f++) {
          values[to++] = output.values[mask + f]! > 0 ? outputGradient.values[from + f]! : 0
        }
      }
    }
  }
  const rowPitch = width * filters
  return {
    values,
    offset: 0,
    shape: output.shape,
    imagePitch: height * rowPitch,
    rowPitch,
    pixelPitch: filters,
  }
}

/** Adds to `sums` the gradient of biases `firstFilter` and on. `gradient` is that of the sums, (N, H, W, F). */
export function biasesGradient(gradient: Grid, firstFilter: number, sums: Float64Array): void {
  const [images, height, width] = gradient.shape
  for (let n = 0; n < images; n++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = pixelAt(gradient, n, y, x) + firstFilter
        for (let f = 0; f < sums.length; f++) sums[f]! += gradient.values[from + f]!
      }
    }
  }
}
