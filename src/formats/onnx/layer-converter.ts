import type { LayerKind, LayerOptions } from '../../layers/index.ts'
import type { Shape } from '../../tensor.ts'
import type { OnnxNode, OnnxTensor } from './graph.ts'

/** A layer as its converter sees it. Values of the graph are given by name; images are NCHW there. */
export interface OnnxLayer<Kind extends LayerKind> {
  readonly name: string
  readonly options: LayerOptions<Kind>
  /** The first value that it reads; `inputs` are all of them. */
  readonly input: string
  readonly inputs: readonly string[]
  /** The first input's shape, without the batch and in convmark's order: (H, W, C), (C) or (). */
  readonly inputShape: Shape
  /** The shapes of all inputs, likewise. */
  readonly inputShapes: readonly Shape[]
  readonly outputShape: Shape
  /** The value that it makes. */
  readonly output: string
  /** In convmark's layouts, by their short names: `weights`. */
  readonly parameters: Readonly<Record<string, Float32Array>>
}

/** The nodes and constants of a layer. */
export interface OnnxNodes {
  /** In the order of computation; the last one makes the layer's output. */
  readonly nodes: readonly OnnxNode[]
  /** The constants that the nodes read. */
  readonly tensors?: readonly OnnxTensor[]
}

/** Converts a layer kind into nodes that compute its forward. */
export type LayerConverter<Kind extends LayerKind> = (layer: OnnxLayer<Kind>) => OnnxNodes
