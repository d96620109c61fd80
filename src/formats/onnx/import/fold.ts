// Stage 2: what can be computed once: constants, and shapes, of which only the batch is not known. These are ONNX's operators on
// constants; what takes a value that a layer computes is in operators/.
import { elementCount, sameShape } from '../../../tensor.ts'
import {
  type Constant,
  floatConstant,
  floatsOf,
  integerConstant,
  kindOfType,
  numbersOf,
  requireComputable,
} from './constants.ts'
import { type Elementary, elementary } from './elementary.ts'
import { axisOf, type NodeContext, sizesOfInput } from './node-context.ts'
import { slicesOf, splitOf } from './operators/combinations.ts'
import { permutedAxes, reshapeSizes, squeezedAxes, unsqueezed } from './operators/moves.ts'
import { isNumber, numberOf, product, Refusal, type Size, sameSize, times } from './sizes.ts'
import { readerOf } from './weights.ts'

/** One constant, or for Split one for each output. */
type Folder = (node: NodeContext) => Constant | readonly Constant[]

type Values = Float32Array | Float64Array | readonly Size[]

/** A constant of the same kind with other values. */
function like({ kind }: Constant, dims: readonly number[], values: Values | readonly number[]): Constant {
  if (kind === 'integer') return integerConstant(dims, values as readonly Size[])
  const isFloats = values instanceof Float32Array || values instanceof Float64Array
  return floatConstant(dims, isFloats ? values : Float32Array.from(values as readonly number[]))
}

/** A constant of the same kind that has one value everywhere. */
function filled({ kind }: Constant, dims: readonly number[], value: Size): Constant {
  const count = elementCount(dims)
  if (kind === 'integer') return integerConstant(dims, new Array<Size>(count).fill(value))
  return floatConstant(dims, new Float32Array(count).fill(value as number))
}

/** Calls its argument with places of values, one after the other. */
type Places = (visit: (place: number) => void) => void

/** The values at these places; there are as many as `dims` have. */
function picked(constant: Constant, dims: readonly number[], places: Places): Constant {
  const count = elementCount(dims)
  let i = 0
  if (constant.kind === 'integer') {
    const values = constant.values()
    const result = new Array<Size>(count)
    places((place) => {
      result[i++] = values[place]!
    })
    return integerConstant(dims, result)
  }
  const values = constant.values()
  const result = new Float32Array(count)
  places((place) => {
    result[i++] = values[place]!
  })
  return floatConstant(dims, result)
}

const pitchesOf = (dims: readonly number[]): number[] => dims.map((_, i) => elementCount(dims.slice(i + 1)))

/** Visits every position of a tensor in row-major order, as the sum of the pitches times the indices. */
const placesOf =
  (dims: readonly number[], pitches: readonly number[], first = 0): Places =>
  (visit) => {
    const count = elementCount(dims)
    const indices = dims.map(() => 0)
    let place = first
    for (let i = 0; i < count; i++) {
      visit(place)
      for (let axis = dims.length - 1; axis >= 0; axis--) {
        indices[axis]!++
        place += pitches[axis]!
        if (indices[axis]! < dims[axis]!) break
        place -= dims[axis]! * pitches[axis]!
        indices[axis] = 0
      }
    }
  }

/** The dims of tensors that are broadcast to each other. */
function broadcastDims(all: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...all.map(({ length }) => length))
  const dims = Array.from({ length: rank }, (_, axis) => {
    const extents = all.map((each) => each[axis - rank + each.length] ?? 1)
    const extent = extents.find((each) => each !== 1) ?? 1
    if (extents.some((each) => each !== 1 && each !== extent))
      throw new Refusal(`${all.map((each) => `[${each}]`).join(' and ')} can't be broadcast`)
    return extent
  })
  requireComputable(dims)
  return dims
}

function broadcast(constant: Constant, dims: readonly number[]): Constant {
  if (sameShape(constant.dims, dims)) return constant
  const [first] = constant.values()
  if (elementCount(constant.dims) === 1) return filled(constant, dims, first!)
  const lead = dims.length - constant.dims.length
  const own = pitchesOf(constant.dims)
  const pitches = dims.map((_, axis) =>
    axis < lead || constant.dims[axis - lead] === 1 ? 0 : own[axis - lead]!,
  )
  return picked(constant, dims, placesOf(dims, pitches))
}

interface Arithmetic {
  /** Of integers, some of which may depend on the batch; by default none may. */
  readonly sizes?: (...sizes: Size[]) => Size
  /** The results are truth values. */
  readonly isTruth?: boolean
}

const elementwise =
  (compute: Elementary, { sizes, isTruth = false }: Arithmetic = {}): Folder =>
  (node) => {
    for (let i = 0; i < compute.length; i++) node.input(i)
    const inputs = node.inputs.map((_, i) => node.constant(i))
    const dims = broadcastDims(inputs.map((input) => input.dims))
    const all = inputs.map((input) => broadcast(input, dims))
    const isInteger = inputs.every(({ kind }) => kind === 'integer')
    const count = elementCount(dims)
    if (isInteger && sizes) {
      const values = all.map((input) => input.values())
      return integerConstant(
        dims,
        Array.from({ length: count }, (_, i) => sizes(...values.map((each) => each[i]!))),
      )
    }
    const numbers = all.map((input) =>
      input.kind === 'float' ? input.values() : numbersOf(input, 'what it computes'),
    )
    const [a = [], b = []]: readonly ArrayLike<number>[] = numbers
    const result = isInteger || isTruth ? new Array<number>(count) : new Float32Array(count)
    // There may be as many as a network has weights.
    if (numbers.length === 1) for (let i = 0; i < count; i++) result[i] = compute(a[i]!)
    else if (numbers.length === 2) for (let i = 0; i < count; i++) result[i] = compute(a[i]!, b[i]!)
    else for (let i = 0; i < count; i++) result[i] = compute(...numbers.map((values) => values[i]!))
    return Array.isArray(result) ? integerConstant(dims, result) : floatConstant(dims, result)
  }

/** The function of single numbers, on constants. */
const elementaryFolders = Object.fromEntries(
  Object.entries(elementary).map(([operator, of]): [string, Folder] => [
    operator,
    (node) => elementwise(of(node.attributes))(node),
  ]),
)

const withSizes =
  (operator: string, sizes: (a: Size, b: Size) => Size): Folder =>
  (node) =>
    elementwise(elementary[operator]!(node.attributes), { sizes: (a, b) => sizes(a!, b!) })(node)

const truth = (test: (a: number, b: number) => boolean): Folder =>
  elementwise((a, b) => (test(a!, b!) ? 1 : 0), { isTruth: true })

function added(a: Size, b: Size, sign: 1 | -1): Size {
  if (isNumber(a) && isNumber(b)) return a + sign * b
  if (b === 0) return a
  if (a === 0 && sign === 1) return b
  if (!isNumber(a) && !isNumber(b)) {
    const batches = a.batches + sign * b.batches
    return batches === 0 ? 0 : { batches }
  }
  throw new Refusal('it adds a number to the batch')
}

/** Integers are rounded towards 0. */
function divided(a: Size, b: Size): Size {
  if (isNumber(a) && isNumber(b)) {
    if (b === 0) throw new Refusal('it divides by 0')
    return Math.trunc(a / b)
  }
  if (!isNumber(a) && isNumber(b) && b !== 0 && a.batches % b === 0) return { batches: a.batches / b }
  if (!isNumber(a) && !isNumber(b) && a.batches % b.batches === 0) return a.batches / b.batches
  throw new Refusal('it divides by the batch, or the batch')
}

const foldShape: Folder = (node) => {
  const sizes = sizesOfInput(node.input(0))
  const shown = sizes.slice(node.attributes.integer('start', 0), node.attributes.integer('end', sizes.length))
  return integerConstant([shown.length], shown)
}

const foldConstant: Folder = (node) => {
  const { attributes } = node
  const tensor = attributes.tensor('value')
  if (tensor) return tensor
  if (attributes.has('value_float'))
    return floatConstant([], Float32Array.of(attributes.float('value_float', 0)))
  if (attributes.has('value_int')) return integerConstant([], [attributes.integer('value_int', 0)])
  const floats = attributes.floats('value_floats')
  if (floats) return floatConstant([floats.length], Float32Array.from(floats))
  const integers = attributes.integers('value_ints')
  if (integers) return integerConstant([integers.length], integers)
  throw new Refusal('it is of a kind that is not read')
}

const foldConstantOfShape: Folder = (node) => {
  const dims = node.numbers(0)
  requireComputable(dims)
  const value = node.attributes.tensor('value') ?? floatConstant([1], Float32Array.of(0))
  const [first] = value.values() as readonly Size[]
  if (first === undefined) throw new Refusal('its value is empty')
  return filled(value, dims, first)
}

const foldGather: Folder = (node) => {
  const data = node.constant(0)
  const axis = axisOf(node.attributes.integer('axis', 0), data.dims.length)
  const size = data.dims[axis]!
  const indices = node.numbers(1).map((index) => axisOf(index, size))
  const dims = [...data.dims.slice(0, axis), ...node.constant(1).dims, ...data.dims.slice(axis + 1)]
  requireComputable(dims)
  const outer = elementCount(data.dims.slice(0, axis))
  const inner = elementCount(data.dims.slice(axis + 1))
  return picked(data, dims, (visit) => {
    for (let o = 0; o < outer; o++)
      for (const index of indices) for (let k = 0; k < inner; k++) visit((o * size + index) * inner + k)
  })
}

const foldSlice: Folder = (node) => {
  const data = node.constant(0)
  const dims = [...data.dims]
  const pitches = pitchesOf(data.dims)
  let first = 0
  for (const { start, end, axis, step } of slicesOf(node, dims.length)) {
    const size = data.dims[axis]!
    if (step === 0) throw new Refusal('its step is 0')
    const [least, most] = step > 0 ? [0, size] : [-1, size - 1]
    const inside = (at: number) => Math.min(Math.max(at < 0 ? at + size : at, least), most)
    const from = inside(start)
    dims[axis] = Math.max(0, Math.ceil((inside(end) - from) / step))
    first += from * pitches[axis]!
    pitches[axis]! *= step
  }
  return picked(data, dims, placesOf(dims, pitches, first))
}

const foldSplit: Folder = (node) => {
  const data = node.constant(0)
  const { dims } = data
  const { axis, parts } = splitOf(node, dims)
  const pitches = pitchesOf(dims)
  return parts.map(({ first, count }) => {
    const own = dims.map((extent, i) => (i === axis ? count : extent))
    return picked(data, own, placesOf(own, pitches, first * pitches[axis]!))
  })
}

const foldConcat: Folder = (node) => {
  const inputs = node.inputs.map((_, i) => node.constant(i))
  const [firstInput] = inputs
  const axis = axisOf(node.attributes.integer('axis', 1), firstInput!.dims.length)
  const total = inputs.reduce((sum, { dims }) => sum + (dims[axis] ?? 0), 0)
  const dims = firstInput!.dims.map((extent, i) => (i === axis ? total : extent))
  requireComputable(dims)
  const outer = elementCount(dims.slice(0, axis))
  const count = elementCount(dims)
  const lengths = inputs.map((input) => elementCount(input.dims))
  if (lengths.reduce((sum, length) => sum + length, 0) !== count)
    throw new Refusal('its inputs can not be concatenated')
  if (firstInput!.kind === 'float') {
    const result = new Float32Array(count)
    let to = 0
    for (let o = 0; o < outer; o++) {
      for (const [i, input] of inputs.entries()) {
        const length = lengths[i]! / outer
        readerOf(input, 'what it concatenates')(o * length, result.subarray(to, to + length))
        to += length
      }
    }
    return floatConstant(dims, result)
  }
  const all = inputs.map((input) => input.values() as readonly Size[])
  const values = Array.from({ length: outer }, (_, o) =>
    all.map((each) => each.slice((o * each.length) / outer, ((o + 1) * each.length) / outer)),
  )
  return integerConstant(dims, values.flat(2))
}

const foldCast: Folder = (node) => {
  const constant = node.constant(0)
  const kind = kindOfType(node.attributes.integer('to', 0))
  if (kind === 'float')
    return constant.kind === 'float'
      ? constant
      : floatConstant(constant.dims, floatsOf(constant, 'what it casts'))
  if (kind !== 'integer') throw new Refusal('it casts to a type that is not read')
  if (constant.kind === 'integer') return constant
  return integerConstant(constant.dims, numbersOf(constant, 'what it casts').map(Math.trunc))
}

/** The same values in the same order. */
const inDims = (constant: Constant, sizes: readonly Size[]): Constant => {
  const dims = sizes.map((size) => numberOf(size, 'the shape of a constant'))
  if (dims.some((extent) => extent < 0) || elementCount(dims) !== elementCount(constant.dims))
    throw new Refusal(`the constant [${constant.dims}] can't become [${dims}]`)
  return { ...constant, dims }
}

const foldTranspose: Folder = (node) => {
  const constant = node.constant(0)
  const { dims } = constant
  const order = node.attributes.integers('perm') ?? dims.map((_, i) => dims.length - 1 - i)
  const moved = permutedAxes(dims, order)
  return picked(constant, moved, placesOf(moved, permutedAxes(pitchesOf(dims), order)))
}

const foldReshape: Folder = (node) => {
  const constant = node.constant(0)
  const keepsZeros = node.attributes.integer('allowzero', 0) === 1
  return inDims(constant, reshapeSizes(constant.dims, node.sizes(1), node.frozenBatch, keepsZeros))
}

const foldRange: Folder = (node) => {
  const [start, limit, step] = [0, 1, 2].map((i) => node.scalar(i, 0)) as [number, number, number]
  const count = Math.max(0, Math.ceil((limit - start) / step))
  requireComputable([count])
  return like(
    node.constant(0),
    [count],
    Array.from({ length: count }, (_, i) => start + i * step),
  )
}

const foldExpand: Folder = (node) => {
  const constant = node.constant(0)
  return broadcast(constant, broadcastDims([constant.dims, node.numbers(1)]))
}

const foldReduction =
  (combine: (a: number, b: number) => number, initial: number, isMean = false): Folder =>
  (node) => {
    const constant = node.constant(0)
    const { dims } = constant
    const values = numbersOf(constant, 'what it reduces')
    const axes = node.integersOf('axes', 1)?.map((axis) => axisOf(axis, dims.length)) ?? dims.map((_, i) => i)
    const keeps = node.attributes.integer('keepdims', 1) === 1
    const pitches = pitchesOf(dims.map((extent, i) => (axes.includes(i) ? 1 : extent)))
    const steps = dims.map((_, i) => (axes.includes(i) ? 0 : pitches[i]!))
    const count = elementCount(dims.filter((_, i) => !axes.includes(i)))
    const result = new Array<number>(count).fill(initial)
    let i = 0
    placesOf(
      dims,
      steps,
    )((place) => {
      result[place] = combine(result[place]!, values[i++]!)
    })
    const many = values.length / count
    const kept = keeps
      ? dims.map((extent, axis) => (axes.includes(axis) ? 1 : extent))
      : dims.filter((_, axis) => !axes.includes(axis))
    return like(constant, kept, isMean ? result.map((sum) => sum / many) : result)
  }

const folders: Readonly<Record<string, Folder>> = {
  Constant: foldConstant,
  ConstantOfShape: foldConstantOfShape,
  Shape: foldShape,
  Size: (node) => integerConstant([], [product(sizesOfInput(node.input(0)))]),
  Gather: foldGather,
  Slice: foldSlice,
  Split: foldSplit,
  Concat: foldConcat,
  Cast: foldCast,
  Identity: (node) => node.constant(0),
  Reshape: foldReshape,
  Flatten: (node) => {
    const constant = node.constant(0)
    const axis = node.attributes.integer('axis', 1)
    return inDims(constant, [
      elementCount(constant.dims.slice(0, axis)),
      elementCount(constant.dims.slice(axis)),
    ])
  },
  Squeeze: (node) => {
    const constant = node.constant(0)
    const removed = squeezedAxes(node, constant.dims)
    return inDims(
      constant,
      constant.dims.filter((_, axis) => !removed.includes(axis)),
    )
  },
  Unsqueeze: (node) => inDims(node.constant(0), unsqueezed(node, node.constant(0).dims, 1)),
  Transpose: foldTranspose,
  Range: foldRange,
  Expand: foldExpand,
  ...elementaryFolders,
  Add: withSizes('Add', (a, b) => added(a, b, 1)),
  Sub: withSizes('Sub', (a, b) => added(a, b, -1)),
  Mul: withSizes('Mul', times),
  Div: withSizes('Div', divided),
  Mod: elementwise((a, b) => a! - b! * Math.floor(a! / b!)),
  Equal: elementwise((a, b) => (a === b ? 1 : 0), {
    sizes: (a, b) => (sameSize(a!, b!) ? 1 : 0),
    isTruth: true,
  }),
  Less: truth((a, b) => a < b),
  Greater: truth((a, b) => a > b),
  And: truth((a, b) => a !== 0 && b !== 0),
  Or: truth((a, b) => a !== 0 || b !== 0),
  Not: elementwise((value) => (value === 0 ? 1 : 0), { isTruth: true }),
  Where: (node) => {
    const [condition, ...choices] = [0, 1, 2].map((i) => node.constant(i))
    const dims = broadcastDims([condition!, ...choices].map((each) => each!.dims))
    const tests = numbersOf(broadcast(condition!, dims), 'its condition')
    const [yes, no] = choices.map((each) => broadcast(each!, dims).values())
    return like(
      choices[0]!,
      dims,
      tests.map((test, i) => (test !== 0 ? yes![i]! : no![i]!)),
    )
  },
  ReduceProd: foldReduction((a, b) => a * b, 1),
  ReduceSum: foldReduction((a, b) => a + b, 0),
  ReduceMean: foldReduction((a, b) => a + b, 0, true),
  ReduceMin: foldReduction(Math.min, Infinity),
  ReduceMax: foldReduction(Math.max, -Infinity),
}

/** These read a value's shape alone. */
const OF_SHAPES: readonly string[] = ['Shape', 'Size']

export const hasFolder = (operator: string): boolean => Object.hasOwn(folders, operator)

/** Whether a node of these inputs is computed once, and not by a layer. */
export const isFoldable = (node: NodeContext): boolean =>
  hasFolder(node.node.operator) &&
  (OF_SHAPES.includes(node.node.operator) ||
    node.node.inputs.every((name, i) => name === '' || (node.has(i) && node.input(i).kind !== 'value')))

/** The node's outputs; of weights it makes weights. Throws Refusal. */
export function fold(node: NodeContext): readonly Constant[] {
  const inputs = node.node.inputs.flatMap((_, i) => {
    const input = node.has(i) ? node.input(i) : null
    return input !== null && input.kind !== 'value' ? [input] : []
  })
  const { operator } = node.node
  const result = folders[operator]!(node)
  const all: readonly Constant[] = Array.isArray(result) ? result : [result as Constant]
  const isComputed =
    operator !== 'Constant' && all.every((made) => inputs.every(({ values }) => values !== made.values))
  if (isComputed) {
    const read = OF_SHAPES.includes(operator) ? [] : inputs
    node.builder.compute([...all, ...read].reduce((count, { dims }) => count + elementCount(dims), 0))
  }
  const isWeight = inputs.some((input) => input.isWeight)
  return isWeight ? all.map((made) => ({ ...made, isWeight })) : all
}
