// What the importer of an operator sees: the node, its inputs, and the network in the making.
import type { Builder, MakeLayer, Tensor } from './builder.ts'
import { type Constant, floatsOf, numbersOf } from './constants.ts'
import type { Attributes, GraphNode } from './model.ts'
import { isNumber, Refusal, type Size } from './sizes.ts'
import { extentOf, sizesOf, type Value } from './views.ts'

/** What a node makes, for each of its outputs; one that is left out can't be read. */
export type Result = Constant | Value | readonly (Constant | Value)[]
/** Throws Refusal, or an error of a layer's own, if there is no such layer; FormatError if the node is damaged. */
export type OperatorImporter = (node: NodeContext) => Result

/** As many groups as convolutions have in the widest networks; a damaged file may ask for a billion. */
const MOST_PARTS = 2 ** 12

/** What is the same for all nodes. */
export type Surroundings = Readonly<
  Pick<NodeContext, 'opset' | 'frozenBatch' | 'builder' | 'hasLastChannels'>
>

export class NodeContext {
  readonly node: GraphNode
  readonly opset: number
  /** Of the inputs, where the file froze it; a 1 before a shape stands for any batch. */
  readonly frozenBatch: number
  readonly builder: Builder
  /** Whether all that read a value, by its name, first put its last axis second. */
  readonly hasLastChannels: (name: string) => boolean
  readonly #inputs: readonly (Constant | Value | undefined)[]
  /** The layers that were made for the node so far. */
  #made = 0

  constructor(
    node: GraphNode,
    inputs: readonly (Constant | Value | undefined)[],
    { opset, frozenBatch, builder, hasLastChannels }: Surroundings,
  ) {
    this.node = node
    this.#inputs = inputs
    this.opset = opset
    this.frozenBatch = frozenBatch
    this.builder = builder
    this.hasLastChannels = hasLastChannels
  }

  /** The same node of other inputs. */
  withInputs(inputs: readonly (Constant | Value)[]): NodeContext {
    return new NodeContext(this.node, inputs, this)
  }

  get attributes(): Attributes {
    return this.node.attributes
  }

  get inputCount(): number {
    return this.#inputs.length
  }

  has(index: number): boolean {
    return this.#inputs[index] !== undefined
  }

  input(index: number): Constant | Value {
    const input = this.#inputs[index]
    if (!input) throw new Refusal(`it has no input ${index + 1}`)
    return input
  }

  /** All of them, at least one. */
  get inputs(): readonly (Constant | Value)[] {
    if (this.#inputs.length === 0) throw new Refusal('it has no inputs')
    return this.#inputs.map((_, i) => this.input(i))
  }

  /** An input that a layer computes. */
  value(index = 0): Value {
    const input = this.input(index)
    if (input.kind === 'value') return input
    throw new Refusal(`its input ${index + 1} is a constant`)
  }

  constant(index: number): Constant {
    const input = this.input(index)
    if (input.kind !== 'value') return input
    throw new Refusal(`its input ${index + 1} is computed from the network's inputs; it must be a constant`)
  }

  floats(index: number): Float32Array {
    return floatsOf(this.constant(index), `its input ${index + 1}`)
  }

  /** The same number for each channel of a value. Throws Refusal if they are too many. */
  filled(value: Tensor, each: number): Float32Array {
    const channels = extentOf(value.shape, 'c')
    this.builder.compute(channels)
    return new Float32Array(channels).fill(each)
  }

  /** 0, 1, 2 and so on, for the parts that a node becomes. Throws Refusal if they are more than a network can have. */
  parts(count: number): readonly number[] {
    if (count > MOST_PARTS)
      throw new Refusal(`it would become ${count} layers; at most ${MOST_PARTS} are made of a node`)
    return Array.from({ length: count }, (_, i) => i)
  }

  numbers(index: number): readonly number[] {
    return numbersOf(this.constant(index), `its input ${index + 1}`)
  }

  /** Integers, some of which may depend on the batch. */
  sizes(index: number): readonly Size[] {
    const constant = this.constant(index)
    if (constant.kind === 'integer') return constant.values()
    throw new Refusal(`its input ${index + 1} must be integers`)
  }

  /** One number, which is an input, or if there is none `otherwise`. */
  scalar(index: number, otherwise: number): number {
    if (!this.has(index)) return otherwise
    const values = this.numbers(index)
    if (values.length === 1) return values[0]!
    throw new Refusal(`its input ${index + 1} must be one number`)
  }

  /**
   * Integers that are an input from some opset on and an attribute before; undefined if there is neither. What is an
   * input is never an attribute too, so the opset need not be known.
   */
  integersOf(attribute: string, index: number): readonly number[] | undefined {
    return this.attributes.integers(attribute) ?? (this.has(index) ? this.numbers(index) : undefined)
  }

  /** The node is in training mode, in which its results depend on the batch or on chance; those of a network don't. */
  noteTrainingMode(): void {
    this.builder.inTrainingMode.push(this.node.operator)
  }

  /** A layer that reads tensors of the network and is named after the node's output. */
  layer(
    inputs: readonly Tensor[],
    make: MakeLayer,
    parameters: Readonly<Record<string, Float32Array>> = {},
    output: string | undefined = this.node.outputs[0],
  ): Tensor {
    this.#made++
    const names = inputs.map(({ tensor }) => tensor)
    return this.builder.add(output || `${this.node.name}/${this.#made}`, names, make, parameters)
  }

  /** A layer that comes before the node's own one, for example because that takes other shapes. */
  layerBefore(part: string, inputs: readonly Tensor[], make: MakeLayer): Tensor {
    return this.layer(inputs, make, {}, `${this.node.outputs[0]}/${part}`)
  }
}

/** An axis counted from the end if it is negative. Throws Refusal if there is none. */
export function axisOf(axis: number, rank: number): number {
  const found = axis < 0 ? axis + rank : axis
  if (Number.isInteger(found) && found >= 0 && found < rank) return found
  throw new Refusal(`it has no axis ${axis}: the rank is ${rank}`)
}

/** The dims of a constant or a value. */
export const sizesOfInput = (input: Constant | Value): readonly Size[] =>
  input.kind === 'value' ? sizesOf(input) : input.dims

/** Throws Refusal if an extent depends on the batch. */
export function numericSizes(sizes: readonly Size[]): readonly number[] {
  return sizes.map((size) => {
    if (isNumber(size)) return size
    throw new Refusal('a shape depends on the batch')
  })
}
