import type { WindowGeometry } from '../../layers/index.ts'

/**
 * Which taps of the rewritten kernel come from the original, along one axis: from `skip` on they are the kernel's
 * `first`, `first + stride`, ...
 */
export interface BlockTaps {
  readonly skip: number
  readonly taps: number
  readonly first: number
  readonly stride: number
}

/** One axis of a convolution with stride s over values, as a convolution with stride 1 over blocks of s values. */
export interface StrideOneAxis {
  /** Values of a block. */
  readonly block: number
  /** How many blocks contain a value of the input. */
  readonly input: number
  readonly output: number
  readonly kernel: number
  /** Blocks of zeros before the input. */
  readonly before: number
  /** For each value of a block, its taps of the original kernel; the other taps of the rewritten kernel are zero. */
  readonly taps: readonly BlockTaps[]
}

/**
 * A block's values become channels. Output `o` meets the input from o * stride - before on, which is `offset` values
 * after the beginning of block o - ceil(before / stride). An 11 x 11 kernel with stride 4 becomes one of 3 x 3 blocks,
 * which is 12 x 12 with zeros.
 */
function strideOneAxis(
  input: number,
  output: number,
  kernel: number,
  stride: number,
  before: number,
): StrideOneAxis {
  const offset = (stride - (before % stride)) % stride
  const blocks = Math.ceil((offset + kernel) / stride)
  return {
    block: stride,
    input: Math.ceil(input / stride),
    output,
    kernel: blocks,
    before: (before + offset) / stride,
    taps: Array.from({ length: stride }, (_, value) => {
      const skip = value < offset ? 1 : 0
      const first = skip * stride + value - offset
      return { skip, taps: Math.max(0, Math.ceil((kernel - first) / stride)), first, stride }
    }),
  }
}

export interface StrideOne {
  readonly vertical: StrideOneAxis
  readonly horizontal: StrideOneAxis
}

/** If the stride is already 1, a block is one value. */
export function strideOne(g: WindowGeometry): StrideOne {
  return {
    vertical: strideOneAxis(g.inputHeight, g.outputHeight, g.kernelHeight, g.strideHeight, g.top),
    horizontal: strideOneAxis(g.inputWidth, g.outputWidth, g.kernelWidth, g.strideWidth, g.left),
  }
}
