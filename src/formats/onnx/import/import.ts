// The graph, node by node, to the layers of a network.
import { ConvmarkError, FormatError, NetworkError } from '../../../errors.ts'
import { concat, scale } from '../../../layers/index.ts'
import type { Network } from '../../../networks/index.ts'
import { shortened } from '../../../plain-text.ts'
import { isPositiveInteger } from '../../../tensor.ts'
import { type Assembled, assemble } from './assemble.ts'
import { Builder } from './builder.ts'
import { lastChannelsOf } from './channels-last.ts'
import { type Constant, nameOfType } from './constants.ts'
import { fold, hasFolder, isFoldable } from './fold.ts'
import { described, settle } from './layout.ts'
import { type GraphInput, type GraphNode, type Model, madeAttributes } from './model.ts'
import { NodeContext, type Surroundings } from './node-context.ts'
import {
  type OnnxNotes,
  type OnnxRefusal,
  type OnnxTensorNote,
  OpenSizeError,
  type OperatorCounts,
  UnsupportedModelError,
} from './notes.ts'
import { importerOf } from './operators/index.ts'
import { Refusal } from './sizes.ts'
import {
  joined,
  LAST_LAYOUTS,
  LAYOUTS,
  sameAxis,
  sizesOf,
  type TensorAxis,
  type Value,
  valueIn,
  wholeAxis,
} from './views.ts'

/** Height and width in pixels; a number is both. */
export type ImageSize = number | readonly [height: number, width: number]

/** What `importOnnx` makes of a model. */
export interface OnnxImport {
  readonly network: Network
  /** By name, in convmark's layouts. */
  readonly parameters: Readonly<Record<string, Float32Array>>
  /** What was found in the file, and what became of it. */
  readonly notes: OnnxNotes
}

/** The file's constants, and those that are computed from them alone. */
export function constantsOf(model: Model): ReadonlyMap<string, Constant> {
  const constants = new Map(model.constants)
  // A file that has no initializers has its weights in nodes.
  const areWeights = model.constants.size === 0
  const builder = new Builder(model.byteLength)
  for (const node of model.nodes) {
    const context = contextOf(node, constants, {
      opset: model.opset,
      frozenBatch: 1,
      builder,
      hasLastChannels: () => false,
    })
    const isComplete = node.inputs.every((name) => name === '' || constants.has(name))
    if (!isComplete || !isFoldable(context)) continue
    try {
      for (const [i, made] of fold(context).entries()) {
        const isWeight = node.operator === 'Constant' ? areWeights : made.isWeight
        constants.set(node.outputs[i] ?? '', isWeight ? { ...made, isWeight } : made)
      }
    } catch (error) {
      // It is folded again when its turn comes, and then refused.
      if (!(error instanceof Refusal)) throw error
    }
  }
  return constants
}

const contextOf = (
  node: GraphNode,
  known: ReadonlyMap<string, Constant | Value>,
  surroundings: Surroundings,
): NodeContext =>
  new NodeContext(
    node,
    node.inputs.map((name) => known.get(name)),
    surroundings,
  )

/** Operators of ONNX that compute with integers in place of floats, or convert between the two. */
const QUANTIZED = /^QLinear|Integer$|Quantize/
const CONTROL = ['If', 'Loop', 'Scan']

function whyNone(operator: string): string {
  if (QUANTIZED.test(operator)) return 'quantized; take the float model that this one was made of'
  return CONTROL.includes(operator) ? 'what it computes depends on values' : 'there is no such layer'
}

export class Import {
  readonly #model: Model
  readonly #imageSize: ImageSize | undefined
  readonly #builder: Builder
  readonly #known: Map<string, Constant | Value>
  readonly #refusals: OnnxRefusal[] = []
  /** As the file has them, before patterns were replaced. */
  readonly #fileNodes: readonly GraphNode[]
  /** The layers that a node became, by name. */
  readonly #layersOf = new Map<GraphNode, readonly string[]>()
  readonly #frozenBatch: number
  /** Where inputs have their channels if nothing says so: after the batch, as in most files, or last. */
  readonly #channels: 'first' | 'last'
  readonly #hasLastChannels: (name: string) => boolean

  constructor(
    model: Model,
    constants: ReadonlyMap<string, Constant>,
    imageSize: ImageSize | undefined,
    channels: 'first' | 'last',
    fileNodes: readonly GraphNode[],
  ) {
    this.#channels = channels
    this.#fileNodes = fileNodes
    const made = model.nodes.flatMap(({ outputs }) => outputs).filter((name) => !constants.has(name))
    const names = new Set([...model.inputs.map(({ name }) => name), ...made])
    this.#builder = new Builder(model.byteLength, names)
    this.#model = model
    this.#imageSize = imageSize
    this.#hasLastChannels = lastChannelsOf(model.nodes, constants)
    this.#known = new Map<string, Constant | Value>(constants)
    this.#frozenBatch = frozenBatchOf(this.#readInputs())
  }

  #surroundings(): Surroundings {
    return {
      opset: this.#model.opset,
      frozenBatch: this.#frozenBatch,
      builder: this.#builder,
      hasLastChannels: this.#hasLastChannels,
    }
  }

  #readInputs(): readonly GraphInput[] {
    const read = new Set([...this.#model.nodes.flatMap(({ inputs }) => inputs), ...this.#model.outputs])
    return this.#model.inputs.filter(({ name }) => read.has(name))
  }

  result(): OnnxImport {
    const inputs = this.#readInputs().map((input) => this.#input(input))
    for (const node of this.#model.nodes) this.#node(node)
    const outputs = this.#refusals.length === 0 ? this.#model.outputs.map((name) => this.#output(name)) : []
    if (this.#refusals.length > 0) throw new UnsupportedModelError(this.#refusals)
    const { opset, producer, metadata, overridable, name } = this.#model
    const { network, parameters, nameOf, takenIn, losses } = assemble(name || 'model', this.#builder, outputs)
    const named = (notes: readonly OnnxTensorNote[]) =>
      notes.map((note) => ({ ...note, tensor: nameOf(note.tensor).tensor }))
    const remarks =
      overridable.length === 0
        ? []
        : [`${overridable.length} constants are also inputs, so other runtimes can't rely on them.`]
    const notes = {
      nodes: this.#fates(takenIn),
      producer,
      opset,
      metadata,
      inputs: named(inputs),
      outputs: named(outputs),
      tensors: this.#tensors(network, nameOf),
      losses,
      inTrainingMode: countsOf(this.#builder.inTrainingMode),
      remarks,
    }
    return { network, parameters, notes }
  }

  /** What became of the nodes. */
  #fates(takenIn: Assembled['takenIn']): OnnxNotes['nodes'] {
    const left = new Set(this.#model.nodes.flatMap(({ outputs }) => outputs))
    const replaced = this.#fileNodes.filter(({ outputs }) => !outputs.some((name) => left.has(name)))
    const fateOf = (node: GraphNode): keyof OnnxNotes['nodes'] => {
      const made = this.#layersOf.get(node)
      if (made === undefined) return 'folded'
      if (made.length === 0) return 'views'
      return made.every((layer) => takenIn.has(layer)) ? 'fused' : 'layers'
    }
    const of = (fate: keyof OnnxNotes['nodes']) => this.#model.nodes.filter((node) => fateOf(node) === fate)
    const counts = (nodes: readonly GraphNode[]) => countsOf(nodes.map(({ operator }) => operator))
    return {
      layers: counts(of('layers')),
      fused: counts([...replaced, ...of('fused')]),
      views: counts(of('views')),
      folded: counts(of('folded')),
    }
  }

  /** The file's values that the network has. */
  #tensors(network: Network, nameOf: Assembled['nameOf']): Readonly<Record<string, string>> {
    const names = [...Object.keys(network.inputs), ...network.layers.map(({ layer }) => layer.name)]
    const isThere = new Set(names)
    const entries = [...this.#known].flatMap(([name, value]) => {
      if (value.kind !== 'value') return []
      const { tensor, isMerged } = nameOf(value.tensor)
      return isMerged || !isThere.has(tensor) ? [] : [[name, tensor] as const]
    })
    return Object.fromEntries(entries)
  }

  #refuse(node: GraphNode, why: string): void {
    this.#refusals.push({ operator: node.operator, node: node.name, why })
  }

  #input({ name, type, dims }: GraphInput): OnnxTensorNote {
    if (dims === null) throw new NetworkError(`its input '${name}' has no shape`)
    const typeName = nameOfType(type)
    if (typeName === null)
      throw new NetworkError(`its input '${name}' is of the type ${type}, which is not read`)
    const rank = dims.length
    const isLast = this.#channels === 'last' || (rank === 4 && this.#hasLastChannels(name))
    const layout = (isLast ? LAST_LAYOUTS[rank] : undefined) ?? LAYOUTS[rank]
    if (!layout)
      throw new NetworkError(
        `its input '${name}' has the rank ${rank}; a batch of images, signals, vectors or numbers has 4, 3, 2 or 1`,
      )
    const extents = this.#extents(name, dims, layout)
    const extentOf = (axis: TensorAxis) => extents[layout.indexOf(axis)] ?? 1
    const shape = rank === 1 ? [] : [extentOf('h'), extentOf('w'), extentOf('c')]
    const made = this.#builder.input(name, shape)
    const value = valueIn(made.tensor, shape, layout)
    this.#known.set(name, value)
    return noteOf(name, value, typeName)
  }

  /** An input's extents, with the image's size as it was asked for. */
  #extents(
    name: string,
    dims: NonNullable<GraphInput['dims']>,
    layout: readonly TensorAxis[],
  ): readonly number[] {
    const imageSize = this.#imageSize
    const [height, width] = typeof imageSize === 'number' ? [imageSize, imageSize] : (imageSize ?? [])
    const asked: Partial<Record<TensorAxis, number | undefined>> = layout.includes('h')
      ? { h: height, w: width }
      : {}
    return layout.map((axis, i) => {
      if (axis === 'n') return 1
      const extent = asked[axis] ?? dims[i]
      if (isPositiveInteger(extent)) return extent
      const shown = `'${shortened(name, 80)}' [${dims.map((dim) => dim ?? '?').join(', ')}]`
      const isSize = axis !== 'c' && layout.includes('h') && typeof extent !== 'number'
      if (isSize) {
        const order = layout[1] === 'c' ? 'nchw' : 'nhwc'
        const input = { name, layout: order } as const
        throw new OpenSizeError(`its input ${shown} leaves the size of the images open`, input)
      }
      throw new NetworkError(`its input ${shown} has no extent at axis ${i}`)
    })
  }

  #node(node: GraphNode): void {
    const isComputed = node.outputs.every((output) => output === '' || this.#known.has(output))
    if (isComputed) return
    const context = contextOf(node, this.#known, this.#surroundings())
    const importer = importerOf(node.operator)
    if (!importer && !hasFolder(node.operator)) {
      // All of them are listed; a node that only depends on a refused one is not.
      this.#refuse(node, whyNone(node.operator))
      return
    }
    const isWaiting = node.inputs.some((name) => name !== '' && !this.#known.has(name))
    if (isWaiting) {
      if (this.#refusals.length === 0) this.#refuse(node, 'one of its inputs is made by no node')
      return
    }
    if (!importer && !isFoldable(context)) {
      this.#refuse(node, 'there is no such layer; it is only computed of constants')
      return
    }
    try {
      const before = this.#builder.layers.length
      const isFolded = isFoldable(context)
      const made = isFolded ? fold(context) : importer!(context)
      const layers = this.#builder.layers.slice(before).map(({ layer }) => layer.name)
      if (!isFolded) this.#layersOf.set(node, layers)
      const results = Array.isArray(made)
        ? (made as readonly (Constant | Value)[])
        : [made as Constant | Value]
      results.forEach((result, i) => {
        const output = node.outputs[i]
        if (output) this.#known.set(output, result)
      })
    } catch (error) {
      if (error instanceof FormatError) throw error
      if (!(error instanceof Refusal) && !(error instanceof ConvmarkError)) throw error
      this.#refuse(node, error.message.replace(/^(it|layer): /, ''))
    }
  }

  #output(name: string): OnnxTensorNote {
    const value = this.#known.get(name)
    const node: GraphNode = {
      operator: 'output',
      name,
      inputs: [name],
      outputs: [name],
      attributes: madeAttributes(name),
    }
    if (value?.kind !== 'value') {
      this.#refuse(node, value ? 'it is a constant' : 'it is made by no layer')
      return { name, tensor: '', shape: '', sizes: [], type: null, layout: null }
    }
    const context = contextOf(node, this.#known, this.#surroundings())
    const settled = this.#computed(context, settle(context, value))
    this.#known.set(name, settled)
    if (orderOf(settled) === undefined)
      this.#refuse(node, `the order of its axes ${described(value)} is neither NCHW nor NHWC`)
    return noteOf(name, settled, null)
  }

  /** An input that is an output as it is becomes a copy: a network's outputs are layers. */
  #computed(node: NodeContext, value: Value): Value {
    if (!Object.hasOwn(this.#builder.inputs, value.tensor)) return value
    if (value.shape.length > 0) return { ...value, ...node.layer([value], concat) }
    // Numbers have no channels to be concatenated.
    const one = { scale: Float32Array.of(1) }
    const copy = node.layer(
      [value],
      (name, inputs) => scale(name, { shift: false, trained: false, ...inputs }),
      one,
    )
    return { ...value, ...copy }
  }
}

/** The first axis of the inputs where the file fixes it; 1 if it leaves it open. */
function frozenBatchOf(inputs: readonly GraphInput[]): number {
  const batches = inputs.flatMap(({ dims }) => (typeof dims?.[0] === 'number' ? [dims[0]] : []))
  const [first = 1, ...others] = batches
  if (first > 0 && others.every((each) => each === first)) return first
  throw new NetworkError(`the first axes of its inputs are ${batches.join(' and ')}; they must be one batch`)
}

function countsOf(operators: readonly string[]): OperatorCounts {
  const counts: Record<string, number> = {}
  for (const operator of operators) counts[operator] = (counts[operator] ?? 0) + 1
  return counts
}

const noteOf = (name: string, value: Value, type: string | null): OnnxTensorNote => ({
  name,
  tensor: value.tensor,
  shape: described(value),
  sizes: sizesOf(value),
  type,
  layout: orderOf(value) ?? null,
})

/** The order in which a value has an image's values; null if both are the same, undefined if it is another. */
function orderOf({ shape, axes }: Value): 'NCHW' | 'NHWC' | null | undefined {
  const flat = joined(axes.flat())
  const isIn = (layout: readonly TensorAxis[]) =>
    sameAxis(flat, joined(layout.flatMap((axis) => wholeAxis(shape, axis))))
  const [isFirst, isLast] = [isIn(['n', 'c', 'h', 'w']), isIn(['n', 'h', 'w', 'c'])]
  if (isFirst && isLast) return null
  if (isFirst) return 'NCHW'
  return isLast ? 'NHWC' : undefined
}
