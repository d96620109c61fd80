// What an import says beside the network, and what it says where there is none.
import { NetworkError } from '../../../errors.ts'
import { shortened } from '../../../plain-text.ts'
import type { Size } from './sizes.ts'

/** An input or output of the file. */
export interface OnnxTensorNote {
  /** As the file has it. */
  readonly name: string
  /** As the network has it. */
  readonly tensor: string
  /** Of the file, for example `[N, 3, 224, 224]`. */
  readonly shape: string
  /** The same as data: an extent, or for the axis with the images how many places each of them has there, as `{ batches: 1 }`. */
  readonly sizes: readonly Size[]
  /** What the file says of its values, for example `uint8`; null for an output, which is computed in float32. */
  readonly type: string | null
  /** How the file orders an image's values; null if it is no image, and so in the same order everywhere. */
  readonly layout: 'NCHW' | 'NHWC' | null
}

/** How many nodes there are of each operator, by its name. */
export type OperatorCounts = Readonly<Record<string, number>>

/** What was found in the file, and what became of it. */
export interface OnnxNotes {
  /** The program that wrote the file, as the file says. */
  readonly producer: string
  /** The version of ONNX's own operators that the file uses. */
  readonly opset: number
  /** What its producer wrote about it, by key: names of classes, an author. */
  readonly metadata: Readonly<Record<string, string>>
  /** The inputs that the network has. */
  readonly inputs: readonly OnnxTensorNote[]
  /** The outputs at which the network ends. */
  readonly outputs: readonly OnnxTensorNote[]
  /** Every value of the file that a tensor of the network holds, in the same order or in another one: its name there. */
  readonly tensors: Readonly<Record<string, string>>
  /** The losses that were added, since a file has none. */
  readonly losses: readonly string[]
  /** What became of the file's nodes: how many of each operator. */
  readonly nodes: {
    /** Became a layer of their own. */
    readonly layers: OperatorCounts
    /** Part of another node's layer: a batch norm in a convolution, a sigmoid and a product in one activation. */
    readonly fused: OperatorCounts
    /** Only another order or description of the same values. */
    readonly views: OperatorCounts
    /** Computed once, of constants and shapes. */
    readonly folded: OperatorCounts
  }
  /**
   * Nodes in training mode: how many of each operator. Another runtime normalizes by the batch or drops values in them;
   * the pass forward here uses the stored statistics and drops nothing.
   */
  readonly inTrainingMode: OperatorCounts
  /** What else one should know, in sentences. */
  readonly remarks: readonly string[]
}

/** A node that has no counterpart in a network. */
export interface OnnxRefusal {
  /** The operator, such as `Einsum`. */
  readonly operator: string
  /** The node's name, or that of its first output if it has none. */
  readonly node: string
  /** Why there is no layer for it, in words. */
  readonly why: string
}

/** A model whose images have any size, so that one must be given. */
export class OpenSizeError extends NetworkError {
  override readonly name: string = 'OpenSizeError'
  constructor(
    /** What is open: the message without the advice. */
    readonly reason: string,
    /** The input whose size is open, by the file's name, and the file's order of its values. */
    readonly input: { readonly name: string; readonly layout: 'nchw' | 'nhwc' },
  ) {
    super(`${reason}; give imageSize`)
  }
}

/** A model of which some nodes can't be imported. */
export class UnsupportedModelError extends NetworkError {
  override readonly name: string = 'UnsupportedModelError'
  constructor(
    /** Every node without a layer. */
    readonly refusals: readonly OnnxRefusal[],
  ) {
    super(`it can't be imported: ${refusalsByReason(refusals).join('; ')}`)
  }
}

const MAX_NAMES = 3

/** Nodes of one operator that are refused for one reason come together. */
function refusalsByReason(refusals: readonly OnnxRefusal[]): string[] {
  const nodes = new Map<
    string,
    { readonly operator: string; readonly why: string; readonly names: string[] }
  >()
  for (const { operator, node, why } of refusals) {
    const key = `${operator}\n${why}`
    if (!nodes.has(key)) nodes.set(key, { operator, why, names: [] })
    nodes.get(key)!.names.push(`'${shortened(node, 80)}'`)
  }
  return [...nodes.values()].map(({ operator, why, names }) => {
    const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : ''
    return `${shortened(operator, 80)} ${names.slice(0, MAX_NAMES).join(', ')}${more} (${why})`
  })
}
