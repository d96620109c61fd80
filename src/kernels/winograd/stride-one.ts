import type { WindowGeometry } from '../../layers/index.ts'

/** Where a tap of the rewritten kernel comes from, along one axis: taps `skip`.. are the kernel's `first`, `first + stride`, ... */
export interface BlockTaps {
  readonly skip: number
  readonly taps: number
  readonly first: number
  readonly stride: number
}

/** One axis of a convolution with stride s over values, as one with stride 1 over blocks of s values. */
export interface StrideOneAxis {
  /** Values of a block. */
  readonly block: number
  /** Blocks that have a value of the input. */
  readonly input: number
  readonly output: number
  readonly kernel: number
  /** Blocks of zeros before the input. */
  readonly before: number
  /** For each value of a block, the taps that meet it; the others of the rewritten kernel are zero. */
  readonly taps: readonly BlockTaps[]
}

/**
 * A block's values become channels: output `o` met the input from o * stride - before on, which is `offset` values behind the
 * beginning of block o - ceil(before / stride). An 11 x 11 kernel with stride 4 is one of 3 x 3 blocks, 12 x 12 with zeros.
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

/** With stride 1 already, its blocks are its values. */
export function strideOne(g: WindowGeometry): StrideOne {
  return {
    vertical: strideOneAxis(g.inputHeight, g.outputHeight, g.kernelHeight, g.strideHeight, g.top),
    horizontal: strideOneAxis(g.inputWidth, g.outputWidth, g.kernelWidth, g.strideWidth, g.left),
  }
}
