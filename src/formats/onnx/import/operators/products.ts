// Products with matrices: dense layers, and convolutions of single pixels where the matrix is applied to each pixel's channels.
import { conv, dense } from '../../../../layers/index.ts'
import { elementCount } from '../../../../tensor.ts'
import type { Constant } from '../constants.ts'
import { described, hasAll, settle } from '../layout.ts'
import type { NodeContext, OperatorImporter } from '../node-context.ts'
import { Refusal } from '../sizes.ts'
import { isWhole, positionsOf, type Value, wholeAxis } from '../views.ts'
import { transposed, withRowsAt } from '../weights.ts'

interface Matrix {
  readonly rows: number
  readonly columns: number
  readonly constant: Constant
  readonly isTransposed: boolean
  readonly factor: number
}

function matrixOf(node: NodeContext, index: number, isTransposed: boolean, factor: number): Matrix {
  const constant = node.constant(index)
  const { dims } = constant
  if (dims.length !== 2) throw new Refusal(`its matrix [${dims}] has ${dims.length} axes`)
  if (dims.includes(0)) throw new Refusal(`its matrix [${dims}] is empty`)
  const [rows, columns] = isTransposed ? [dims[1]!, dims[0]!] : [dims[0]!, dims[1]!]
  return { rows, columns, constant, isTransposed, factor }
}

/** The biases of `columns` outputs, of a constant of that many values or of one. */
function biasesOf(node: NodeContext, index: number, columns: number, factor: number): Float32Array | null {
  if (!node.has(index)) return null
  const values = node.floats(index)
  if (values.length !== 1 && values.length !== columns)
    throw new Refusal(`its input ${index + 1} has ${values.length} values, not ${columns}`)
  return Float32Array.from({ length: columns }, (_, i) => factor * values[values.length === 1 ? 0 : i]!)
}

/** The weights of a layer, whose row i is multiplied with an input's value in the place `order[i]`. */
function weightsOf(matrix: Matrix, order: readonly number[] | null): Float32Array {
  const { rows, columns, constant, isTransposed, factor } = matrix
  const placeOf = (row: number) => (order ? order[row]! : row)
  return isTransposed
    ? transposed(constant, columns, rows, placeOf, factor)
    : withRowsAt(constant, rows, columns, placeOf, factor)
}

/** The last axis times a matrix, and biases. */
function multiplied(node: NodeContext, value: Value, matrix: Matrix, biases: Float32Array | null): Value {
  const last = value.axes.length - 1
  const { columns: units } = matrix
  const others = value.axes.slice(0, last)
  const requireRows = (count: number) => {
    if (count !== matrix.rows)
      throw new Refusal(`its matrix has ${matrix.rows} rows; its input is ${described(value)}`)
  }
  const withBiases: Record<string, Float32Array> = biases ? { biases } : {}
  const noBiases = biases ? {} : { biases: false }
  if (hasAll(value, last)) {
    // Before the positions are listed, of which there may be any number.
    requireRows(elementCount(value.shape))
    const order = positionsOf(value, value.axes[last]!)
    const made = node.layer([value], (name, inputs) => dense(name, { units, ...noBiases, ...inputs }), {
      weights: weightsOf(matrix, order),
      ...withBiases,
    })
    return { ...value, ...made, axes: [...others, wholeAxis(made.shape, 'c')] }
  }
  const pixels = settle(node, value)
  if (!isWhole(pixels, last, 'c'))
    throw new Refusal(`the last axis of its input ${described(value)} are not the channels`)
  requireRows(pixels.shape.at(-1)!)
  const made = node.layer(
    [pixels],
    (name, inputs) => conv(name, { filters: units, kernel: 1, ...noBiases, ...inputs }),
    { weights: weightsOf(matrix, null), ...withBiases },
  )
  return { ...pixels, ...made, axes: [...pixels.axes.slice(0, last), wholeAxis(made.shape, 'c')] }
}

export const importGemm: OperatorImporter = (node) => {
  const { attributes } = node
  if (attributes.integer('transA', 0) === 1) throw new Refusal('it transposes its first input')
  const matrix = matrixOf(node, 1, attributes.integer('transB', 0) === 1, attributes.float('alpha', 1))
  const biases = biasesOf(node, 2, matrix.columns, attributes.float('beta', 1))
  return multiplied(node, node.value(), matrix, biases)
}

/** A third input are biases, which an addition after it became. */
export const importMatMul: OperatorImporter = (node) => {
  const matrix = matrixOf(node, 1, false, 1)
  return multiplied(node, node.value(), matrix, biasesOf(node, 2, matrix.columns, 1))
}
