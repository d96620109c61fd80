import type { LayerKind, LayerOptions } from '../../layers/index.ts'
import type { Shape } from '../../tensor.ts'
import type { OnnxNode, OnnxTensor } from './graph.ts'

/** A layer as its converter sees it. Values of the graph go by name; images are NCHW there. */
export interface OnnxLayer<Kind extends LayerKind> {
  readonly name: string
  readonly options: LayerOptions<Kind>
  /** The first of the values that it reads, and all of them. */
  readonly input: string
  readonly inputs: readonly string[]
  /** Of the first, without the batch and in convmark's order: (H, W, C), (C) or (). */
  readonly inputShape: Shape
  /** The value that it makes. */
  readonly output: string
  /** In convmark's layouts, by the end of their names: `weights`. */
  readonly parameters: Readonly<Record<string, Float32Array>>
}

/** What a layer becomes. */
export interface OnnxNodes {
  /** In the order in which they compute; the last makes the layer's output. */
  readonly nodes: readonly OnnxNode[]
  /** The constants that they read. */
  readonly tensors?: readonly OnnxTensor[]
}

/** How a layer kind becomes nodes that do what its forward does. */
export type LayerConverter<Kind extends LayerKind> = (layer: OnnxLayer<Kind>) => OnnxNodes
