// The network that an import makes: its layers, their parameters, and names that don't clash.
import { definitionOf, isTrainedRole, type Layer } from '../../../layers/index.ts'
import { elementCount, formatShape, type Shape } from '../../../tensor.ts'
import { Refusal } from './sizes.ts'

/** A larger image would not fit into any memory; it is refused before anything is allocated. */
const MAX_VALUES = 2 ** 31

/**
 * How many values an import may compute: some, and each that a file of this size may have several times. A small file
 * can ask for any number.
 */
const COMPUTED = { values: 2 ** 22, perByte: 4 } as const

/** Makes a layer of a name. */
export type MakeLayer = (name: string, options: { readonly inputs: readonly string[] }) => Layer

export interface BuiltLayer {
  readonly layer: Layer & { readonly inputs: readonly string[] }
  readonly parameters: Readonly<Record<string, Float32Array>>
}

/** A tensor of the network. */
export interface Tensor {
  readonly tensor: string
  readonly shape: Shape
}

export class Builder {
  readonly inputs: Record<string, Shape> = {}
  readonly layers: BuiltLayer[] = []
  /** The operators of nodes that are in training mode. */
  readonly inTrainingMode: string[] = []
  readonly #shapes = new Map<string, Shape>()
  /** Tensors that depend on parameters that are trained. */
  readonly #behindWeights = new Set<string>()
  /** Names of tensors and of parameters. */
  readonly #taken = new Set<string>()
  /** The next one to be tried for a name. */
  readonly #suffixes = new Map<string, number>()
  /** The file's names, which nothing else gets. */
  readonly #reserved: ReadonlySet<string>

  /** How many values may still be computed. */
  #computable: number

  /** `byteLength`: the file's. */
  constructor(byteLength: number, reserved: ReadonlySet<string> = new Set()) {
    this.#reserved = reserved
    this.#computable = COMPUTED.values + COMPUTED.perByte * byteLength
  }

  /** Counts values that are computed or filled in at import. Throws Refusal if they are too many. */
  compute(count: number): void {
    this.#computable -= count
    if (this.#computable < 0)
      throw new Refusal('more constants would be computed than a model of this size needs')
  }

  /**
   * A name as near to the wanted one as it can be: with `_` for characters that names don't have, and a suffix if it is
   * taken.
   */
  claim(wanted: string, shape: Shape, parameters: readonly string[]): string {
    const allowed = wanted.replace(/[^A-Za-z0-9_./:-]/g, '_').replace(/^(?=[.-])|^$/, '_')
    const isOther = (name: string) => this.#taken.has(name) || (name !== wanted && this.#reserved.has(name))
    const isFree = (name: string) =>
      !isOther(name) && !name.endsWith('.gradient') && !parameters.some((part) => isOther(`${name}/${part}`))
    let name = allowed
    let suffix = this.#suffixes.get(allowed) ?? 2
    for (; !isFree(name); suffix++) name = `${allowed}_${suffix}`
    this.#suffixes.set(allowed, suffix)
    this.#taken.add(name)
    for (const part of parameters) this.#taken.add(`${name}/${part}`)
    this.#shapes.set(name, shape)
    return name
  }

  input(wanted: string, shape: Shape): Tensor {
    requireRoom(shape)
    const tensor = this.claim(wanted, shape, [])
    this.inputs[tensor] = shape
    return { tensor, shape }
  }

  /** An input that only a loss reads, one number for each image. */
  labels(): string {
    const name = this.claim('labels', [], [])
    this.inputs[name] = []
    return name
  }

  /** Whether training can change the tensor. */
  isBehindWeights(tensor: string): boolean {
    return this.#behindWeights.has(tensor)
  }

  shapeOf(tensor: string): Shape {
    return this.#shapes.get(tensor)!
  }

  /**
   * Adds a layer; `make` gets the name that it has in the end. Throws ShapeError, or another error of the layer's own,
   * if it does not fit, and Refusal if its parameters have other sizes.
   */
  add(
    wanted: string,
    inputs: readonly string[],
    make: MakeLayer,
    parameters: Readonly<Record<string, Float32Array>> = {},
  ): Tensor {
    const { options, kind } = make('layer', { inputs })
    const { outputShape, parameters: specsOf } = definitionOf({ options, kind } as Layer)
    const inputShapes = inputs.map((input) => this.shapeOf(input))
    const shape = outputShape('it', options, inputShapes)
    requireRoom(shape)
    const specs = specsOf(options, inputShapes)
    for (const [part, spec] of Object.entries(specs)) {
      const count = parameters[part]?.length
      if (count === elementCount(spec.shape)) continue
      throw new Refusal(`its ${part} must be ${formatShape(spec.shape)}, not ${count ?? 0} values`)
    }
    const tensor = this.claim(wanted, shape, Object.keys(specs))
    const isTrained = Object.values(specs).some(({ role }) => isTrainedRole(role))
    if (isTrained || inputs.some((input) => this.isBehindWeights(input))) this.#behindWeights.add(tensor)
    const layer = make(tensor, { inputs })
    this.layers.push({ layer: { ...layer, inputs }, parameters })
    return { tensor, shape }
  }
}

/** Throws Refusal. */
function requireRoom(shape: Shape): void {
  if (elementCount(shape) > MAX_VALUES)
    throw new Refusal(`${formatShape(shape)} are too many values for one image`)
}
