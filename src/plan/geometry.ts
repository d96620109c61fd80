import type { WindowGeometry } from '../layers/index.ts'
import type { Halo } from './views.ts'

/** From a kernel's first tap to its last, in pixels. */
export const dilatedKernel = (g: WindowGeometry): { readonly height: number; readonly width: number } => ({
  height: (g.kernelHeight - 1) * g.dilationHeight + 1,
  width: (g.kernelWidth - 1) * g.dilationWidth + 1,
})

/** The zeros that a convolution reads around its input. A stride that leaves the last rows out needs fewer. */
export function convolutionHalo(g: WindowGeometry): Halo {
  const kernel = dilatedKernel(g)
  const reach = (output: number, stride: number, kernel: number, before: number, input: number) =>
    Math.max((output - 1) * stride + kernel - before - input, 0)
  return {
    top: g.top,
    bottom: reach(g.outputHeight, g.strideHeight, kernel.height, g.top, g.inputHeight),
    left: g.left,
    right: reach(g.outputWidth, g.strideWidth, kernel.width, g.left, g.inputWidth),
  }
}

/**
 * Along one axis, the input positions whose gradient takes the same taps of the kernel: with stride s there are s such
 * phases, and each is a convolution with stride 1 over the output's gradient, its taps turned round.
 */
export interface Phase {
  /** The first input position; the others follow every `stride`. */
  readonly first: number
  readonly count: number
  readonly stride: number
  /** The kernel's taps in the order in which consecutive outputs meet them; empty where no output reached here. */
  readonly taps: readonly number[]
  /** The output position that the first tap of the first input position meets; below 0 in the halo. */
  readonly firstOutput: number
}

function axisPhases(input: number, kernel: number, stride: number, before: number): readonly Phase[] {
  const phases: Phase[] = []
  for (let residue = 0; residue < stride; residue++) {
    const first = (residue - (before % stride) + stride) % stride
    if (first >= input) continue
    const taps: number[] = []
    for (let tap = residue; tap < kernel; tap += stride) taps.unshift(tap)
    phases.push({
      first,
      count: Math.ceil((input - first) / stride),
      stride,
      taps,
      firstOutput: (first + before - residue) / stride - (taps.length - 1),
    })
  }
  return phases
}

export interface GradientPhase {
  readonly vertical: Phase
  readonly horizontal: Phase
}

/** All phases of an input gradient: each input position is in exactly one of them. */
export function inputGradientPhases(g: WindowGeometry): readonly GradientPhase[] {
  const vertical = axisPhases(g.inputHeight, g.kernelHeight, g.strideHeight, g.top)
  const horizontal = axisPhases(g.inputWidth, g.kernelWidth, g.strideWidth, g.left)
  return vertical.flatMap((v) => horizontal.map((h) => ({ vertical: v, horizontal: h })))
}

/** The zeros that an input gradient reads around the output's gradient. */
export function inputGradientHalo(g: WindowGeometry): Halo {
  const axis = (phases: readonly Phase[], output: number) => {
    const read = phases.filter(({ taps }) => taps.length > 0)
    const before = Math.max(0, ...read.map(({ firstOutput }) => -firstOutput))
    const last = Math.max(0, ...read.map((p) => p.firstOutput + p.count - 1 + p.taps.length - 1))
    return { before, after: Math.max(0, last - (output - 1)) }
  }
  const phases = inputGradientPhases(g)
  const vertical = axis(
    phases.map((p) => p.vertical),
    g.outputHeight,
  )
  const horizontal = axis(
    phases.map((p) => p.horizontal),
    g.outputWidth,
  )
  return { top: vertical.before, bottom: vertical.after, left: horizontal.before, right: horizontal.after }
}
