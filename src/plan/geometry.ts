import type { WindowGeometry } from '../layers/index.ts'
import { kernelReach } from '../layers/window.ts'
import type { Halo } from './views.ts'

/** From a kernel's first tap to its last, in pixels. */
export const dilatedKernel = (g: WindowGeometry): { readonly height: number; readonly width: number } => ({
  height: kernelReach(g.kernelHeight, g.dilationHeight),
  width: kernelReach(g.kernelWidth, g.dilationWidth),
})

/** The zeros that a convolution reads around its input: fewer if its stride never reaches the last rows. */
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
 * phases, and each is a convolution with stride 1 over the output's gradient, its taps flipped.
 */
export interface Phase {
  /** The first input position; the others follow every `stride`. */
  readonly first: number
  readonly count: number
  readonly stride: number
  /** The kernel's taps in the order in which consecutive outputs meet them; empty if no output reaches these positions. */
  readonly taps: readonly number[]
  /** The output position that the first tap of the first input position meets; below 0 in the halo. */
  readonly firstOutput: number
  /** From one tap to the next, in output positions. */
  readonly dilation: number
}

interface Axis {
  readonly input: number
  readonly kernel: number
  readonly stride: number
  readonly dilation: number
  readonly before: number
}

function axisPhases({ input, kernel, stride, dilation, before }: Axis): readonly Phase[] {
  const phases: Phase[] = []
  const every = stride / greatestDivisor(stride, dilation)
  // Of the phases of a large stride only those that have inputs are looked at.
  for (let first = 0; first < Math.min(stride, input); first++) {
    const residue = (first + before) % stride
    const taps: number[] = []
    for (let tap = 0; tap < kernel; tap++) if ((tap * dilation) % stride === residue) taps.unshift(tap)
    const [last = 0] = taps
    phases.push({
      first,
      count: Math.ceil((input - first) / stride),
      stride,
      taps,
      firstOutput: taps.length === 0 ? 0 : (first + before - last * dilation) / stride,
      dilation: (every * dilation) / stride,
    })
  }
  return phases
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b)
}

export interface GradientPhase {
  readonly vertical: Phase
  readonly horizontal: Phase
}

/** All phases of an input gradient: each input position is in exactly one of them. */
export function inputGradientPhases(g: WindowGeometry): readonly GradientPhase[] {
  const vertical = axisPhases({
    input: g.inputHeight,
    kernel: g.kernelHeight,
    stride: g.strideHeight,
    dilation: g.dilationHeight,
    before: g.top,
  })
  const horizontal = axisPhases({
    input: g.inputWidth,
    kernel: g.kernelWidth,
    stride: g.strideWidth,
    dilation: g.dilationWidth,
    before: g.left,
  })
  return vertical.flatMap((v) => horizontal.map((h) => ({ vertical: v, horizontal: h })))
}

/** The zeros that an input gradient reads around the output's gradient. */
export function inputGradientHalo(g: WindowGeometry): Halo {
  const axis = (phases: readonly Phase[], output: number) => {
    const read = phases.filter(({ taps }) => taps.length > 0)
    const before = Math.max(0, ...read.map(({ firstOutput }) => -firstOutput))
    const last = Math.max(
      0,
      ...read.map((p) => p.firstOutput + p.count - 1 + (p.taps.length - 1) * p.dilation),
    )
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
