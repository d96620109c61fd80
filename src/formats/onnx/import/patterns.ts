// Stage 2b: groups of nodes that exporters make of one layer become one node again.

import { float, integer, integerList, type OnnxAttribute, text } from '../graph.ts'
import type { Constant } from './constants.ts'
import { numbersOf } from './constants.ts'
import { type Elementary, elementary } from './elementary.ts'
import { type GraphNode, type Model, madeAttributes } from './model.ts'
import { Refusal } from './sizes.ts'

/** A graph that is being rewritten. */
class Graph {
  readonly constants: ReadonlyMap<string, Constant>
  readonly #outputs: ReadonlySet<string>
  readonly #makers = new Map<string, GraphNode>()
  readonly #readers = new Map<string, GraphNode[]>()
  readonly #scalars = new Map<string, number | null>()

  constructor({ nodes, outputs }: Model, constants: ReadonlyMap<string, Constant>) {
    this.constants = constants
    this.#outputs = new Set(outputs)
    for (const node of nodes) this.#add(node)
  }

  #add(node: GraphNode): void {
    for (const output of node.outputs) if (output !== '') this.#makers.set(output, node)
    for (const input of new Set(node.inputs)) {
      if (!this.#readers.has(input)) this.#readers.set(input, [])
      this.#readers.get(input)!.push(node)
    }
  }

  maker(name: string): GraphNode | undefined {
    return this.#makers.get(name)
  }

  /** The node that makes a value, if it is of the operator. */
  makerOf(name: string | undefined, operator: string): GraphNode | null {
    const maker = name === undefined ? undefined : this.#makers.get(name)
    return maker?.operator === operator ? maker : null
  }

  readersOf(name: string): readonly GraphNode[] {
    return this.#readers.get(name) ?? []
  }

  isOutput(name: string): boolean {
    return this.#outputs.has(name)
  }

  /** Whether only these nodes read what a node makes. */
  isReadOnlyBy(node: GraphNode, readers: ReadonlySet<GraphNode>): boolean {
    return node.outputs.every(
      (output) => !this.isOutput(output) && this.readersOf(output).every((reader) => readers.has(reader)),
    )
  }

  /** The one number that a constant is; null if it is another constant, or none. */
  scalar(name: string): number | null {
    let scalar = this.#scalars.get(name)
    if (scalar === undefined) {
      scalar = this.#scalarOf(name)
      this.#scalars.set(name, scalar)
    }
    return scalar
  }

  #scalarOf(name: string): number | null {
    const constant = this.constants.get(name)
    if (!constant || constant.dims.some((extent) => extent !== 1)) return null
    try {
      return numbersOf(constant, name)[0] ?? null
    } catch (error) {
      // A scalar that can't be read is no part of a pattern; the node that reads it says why.
      if (error instanceof Refusal) return null
      throw error
    }
  }

  /** Puts `made` in the place of the last of `nodes`; no other node reads what the others make. */
  replace(nodes: ReadonlySet<GraphNode>, made: GraphNode): void {
    for (const node of nodes) {
      for (const output of node.outputs) this.#makers.delete(output)
      for (const input of new Set(node.inputs)) {
        const others = this.readersOf(input).filter((reader) => reader !== node)
        this.#readers.set(input, others)
      }
    }
    this.#add(made)
  }
}

type Pattern = (graph: Graph, node: GraphNode) => void

const nodeLike = (
  last: GraphNode,
  operator: string,
  inputs: readonly string[],
  attributes: readonly OnnxAttribute[] = [],
): GraphNode => ({
  operator,
  name: last.name,
  inputs,
  outputs: [last.outputs[0]!],
  attributes: madeAttributes(last.name, attributes),
})

/** Functions of one value that are layers, and the nodes that stand for them. */
const KNOWN: readonly {
  readonly operator: string
  readonly attributes?: readonly OnnxAttribute[]
  readonly compute: Elementary
}[] = [
  { operator: 'HardSwish', compute: (x) => (x! * Math.min(Math.max(x! + 3, 0), 6)) / 6 },
  {
    operator: 'HardSigmoid',
    attributes: [float('alpha', 1 / 6), float('beta', 0.5)],
    compute: (x) => Math.min(Math.max(x! + 3, 0), 6) / 6,
  },
  { operator: 'Silu', compute: (x) => x! / (1 + Math.exp(-x!)) },
  { operator: 'Mish', compute: (x) => x! * Math.tanh(Math.log1p(Math.exp(x!))) },
  {
    operator: 'Gelu',
    attributes: [text('approximate', 'none')],
    compute: (x) => (x! * (1 + elementary.Erf!(madeAttributes(''))(x! * Math.SQRT1_2))) / 2,
  },
  {
    operator: 'Gelu',
    attributes: [text('approximate', 'tanh')],
    compute: (x) => (x! * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x! + 0.044715 * x! ** 3)))) / 2,
  },
]

/** Where functions are compared; between them lie all the kinks of the known ones. */
const SAMPLES = Array.from({ length: 81 }, (_, i) => (i - 40) / 5 + 0.013)
/** The constants of a file are in float32, and both of gelu's forms differ by up to 5e-4. */
const TOLERANCE = 2e-5
const MAX_NODES = 12

/**
 * Nodes that together compute a known function of one value, whichever way the exporter wrote it: found by computing
 * them for some numbers. The largest group that ends in the node is tried first.
 */
const knownFunction: Pattern = (graph, last) => {
  if (!Object.hasOwn(elementary, last.operator)) return
  const cuts = cutsOf(graph, last)
  for (const { source, nodes } of cuts.reverse()) {
    if (nodes.size < 2) continue
    // One sample after the other: the first tells most functions from the known ones.
    let possible = KNOWN
    for (const x of SAMPLES) {
      const value = valueAt(graph, nodes, source, last, x)
      possible = possible.filter(
        ({ compute }) => Math.abs(value - compute(x)) <= TOLERANCE * (1 + Math.abs(value)),
      )
      if (possible.length === 0) break
    }
    const [found] = possible
    if (!found) continue
    graph.replace(nodes, nodeLike(last, found.operator, [source], found.attributes))
    return
  }
}

interface Cut {
  /** The one value that the nodes compute with, constants aside. */
  readonly source: string
  readonly nodes: ReadonlySet<GraphNode>
}

/** The groups of nodes that end in `last` and read one value, each larger than the one before. */
function cutsOf(graph: Graph, last: GraphNode): Cut[] {
  const nodes = new Set([last])
  const cuts: Cut[] = []
  for (;;) {
    const read = new Set([...nodes].flatMap(({ inputs }) => inputs))
    const made = new Set([...nodes].flatMap(({ outputs }) => outputs))
    const open = [...read].filter((name) => name !== '' && !made.has(name) && graph.scalar(name) === null)
    const [source] = open
    if (source !== undefined && open.length === 1) cuts.push({ source, nodes: new Set(nodes) })
    const next = open
      .map((name) => graph.maker(name))
      .find((node) => node && Object.hasOwn(elementary, node.operator) && graph.isReadOnlyBy(node, nodes))
    if (!next || nodes.size === MAX_NODES) return cuts
    nodes.add(next)
  }
}

/** What the nodes make of a number. */
function valueAt(
  graph: Graph,
  nodes: ReadonlySet<GraphNode>,
  source: string,
  last: GraphNode,
  x: number,
): number {
  const known = new Map([[source, x]])
  const valueIn = (name: string): number => {
    const value = known.get(name) ?? graph.scalar(name)
    if (value !== null) return value
    const node = graph.maker(name)!
    const result = compute(node)
    known.set(name, result)
    return result
  }
  const compute = (node: GraphNode): number =>
    elementary[node.operator]!(node.attributes)(
      ...node.inputs.map((name) => (name === '' ? (undefined as never) : valueIn(name))),
    )
  return nodes.has(last) ? compute(last) : Number.NaN
}

/** A MatMul and the addition of a vector: its biases. */
const biased: Pattern = (graph, last) => {
  if (last.operator !== 'Add') return
  for (const [value, biases] of [last.inputs, [...last.inputs].reverse()]) {
    const product = graph.makerOf(value, 'MatMul')
    const [, matrix] = product?.inputs ?? []
    const added = graph.constants.get(biases!)
    const weights = graph.constants.get(matrix!)
    if (!product || !added || weights?.dims.length !== 2) continue
    if (!graph.isReadOnlyBy(product, new Set([last]))) continue
    const isVector =
      added.dims.at(-1) === weights.dims[1] && added.dims.slice(0, -1).every((extent) => extent === 1)
    if (!isVector) continue
    graph.replace(
      new Set([product, last]),
      nodeLike(last, 'MatMul', [...product.inputs.slice(0, 2), biases!]),
    )
    return
  }
}

/** (x - mean) / sqrt(mean of its square + epsilon), times a scale, plus a shift, over the last axes. */
const decomposedLayerNorm: Pattern = (graph, last) => {
  if (last.operator !== 'Add') return
  const operand = (node: GraphNode, operator: string): readonly [GraphNode, string] | null => {
    for (const [i, name] of node.inputs.entries()) {
      const maker = graph.makerOf(name, operator)
      if (maker) return [maker, node.inputs[1 - i]!]
    }
    return null
  }
  const [scaling, shift] = operand(last, 'Mul') ?? []
  const [division, scale] = (scaling && operand(scaling, 'Div')) ?? []
  if (!scaling || !division || !shift || !scale) return
  if (!graph.constants.has(shift) || !graph.constants.has(scale)) return
  const centring = graph.makerOf(division.inputs[0], 'Sub')
  const root = graph.makerOf(division.inputs[1], 'Sqrt')
  const sum = graph.makerOf(root?.inputs[0], 'Add')
  const [variance, epsilonName] = (sum && operand(sum, 'ReduceMean')) ?? []
  const mean = graph.makerOf(centring?.inputs[1], 'ReduceMean')
  const square = graph.maker(variance?.inputs[0] ?? '')
  if (!centring || !root || !sum || !variance || !mean || !square || epsilonName === undefined) return
  const epsilon = graph.scalar(epsilonName)
  // PyTorch subtracts the mean twice where it exports both differences.
  const centrings = new Set([centring, graph.makerOf(square.inputs[0], 'Sub') ?? centring])
  const isSquare =
    (square.operator === 'Pow' && graph.scalar(square.inputs[1]!) === 2) ||
    (square.operator === 'Mul' && square.inputs[0] === square.inputs[1])
  const isOfOne = [...centrings].every(
    (node) => node.inputs[0] === mean.inputs[0] && node.inputs[1] === mean.outputs[0],
  )
  const isCentred = [...centrings].some((node) => node.outputs[0] === square.inputs[0])
  const axes = (node: GraphNode) => node.attributes.integers('axes')?.join()
  const axis = mean.attributes.integers('axes')
  if (!isSquare || !isOfOne || !isCentred || epsilon === null || axes(mean) !== axes(variance)) return
  if (axis?.length !== 1) return
  const nodes = new Set([scaling, division, root, sum, variance, square, mean, ...centrings])
  const all = new Set([...nodes, last])
  if (![...nodes].every((node) => graph.isReadOnlyBy(node, all))) return
  graph.replace(
    all,
    nodeLike(
      last,
      'LayerNormalization',
      [mean.inputs[0]!, scale, shift],
      [integer('axis', axis[0]!), float('epsilon', epsilon)],
    ),
  )
}

const LEAST_FLOAT = -3.4e38

/** Zeros around an image become those of the convolution or average after it, and -infinity those of a maximum. */
const padded: Pattern = (graph, last) => {
  const { attributes } = last
  if (!['Conv', 'AveragePool', 'MaxPool'].includes(last.operator)) return
  // TensorFlow pads the images before it puts their channels second.
  const toFirst = graph.makerOf(last.inputs[0], 'Transpose')
  const pad = graph.makerOf(toFirst ? toFirst.inputs[0] : last.inputs[0], 'Pad')
  if (!pad || !graph.isReadOnlyBy(pad, new Set([toFirst ?? last])) || pad.inputs[3]) return
  if (toFirst && !graph.isReadOnlyBy(toFirst, new Set([last]))) return
  const name = pad.inputs[1]
  const constant = name === undefined ? undefined : graph.constants.get(name)
  const given = pad.attributes.integers('pads') ?? (constant && numbersOf(constant, name!))
  const order = toFirst?.attributes.integers('perm') ?? given?.slice(given.length / 2).map((_, axis) => axis)
  if (!given || order?.length !== given.length / 2) return
  const pads = [...order, ...order.map((axis) => axis + order.length)].map((i) => given[i] ?? Number.NaN)
  const value = pad.inputs[2] ? graph.scalar(pad.inputs[2]) : pad.attributes.float('value', 0)
  const isNeutral = value !== null && (last.operator === 'MaxPool' ? value < LEAST_FLOAT : value === 0)
  if (!isNeutral || pad.attributes.text('mode', 'constant') !== 'constant') return
  const rank = pads.length / 2
  const [before, after] = [pads.slice(2, rank), pads.slice(rank + 2)]
  const isOfImage = [0, 1].every((axis) => pads[axis] === 0 && pads[rank + axis] === 0)
  if (!isOfImage || !pads.every((each) => each >= 0) || attributes.text('auto_pad', 'NOTSET') !== 'NOTSET')
    return
  const own = attributes.integers('pads') ?? pads.slice(4).map(() => 0)
  const counts = last.operator === 'AveragePool'
  if (counts && own.some((each) => each !== 0)) return
  const sum = [...before, ...after].map((each, i) => each + (own[i] ?? 0))
  if (toFirst) graph.replace(new Set([pad, toFirst]), { ...toFirst, inputs: [pad.inputs[0]!] })
  graph.replace(new Set(toFirst ? [last] : [pad, last]), {
    ...last,
    inputs: [toFirst ? last.inputs[0]! : pad.inputs[0]!, ...last.inputs.slice(1)],
    attributes: attributes.with([
      integerList('pads', sum),
      ...(counts ? [integer('count_include_pad', 1)] : []),
    ]),
  })
}

const patterns: readonly Pattern[] = [decomposedLayerNorm, biased, padded, knownFunction]

/** The model with its groups replaced; `constants` are all that are known without any shape. */
export function withPatterns(model: Model, constants: ReadonlyMap<string, Constant>): Model {
  const graph = new Graph(model, constants)
  for (const pattern of patterns) {
    // From the end on, so that the largest group is found first.
    for (const node of [...model.nodes].reverse()) {
      const current = graph.maker(node.outputs[0] ?? '')
      if (current) pattern(graph, current)
    }
  }
  const nodes = model.nodes.flatMap((node) => {
    const current = graph.maker(node.outputs.find((output) => output !== '') ?? '')
    return current ? [current] : []
  })
  return { ...model, nodes }
}
