// Which values of a file have their channels last: TensorFlow's do, and a Transpose puts the channels second before
// each convolution.
import type { Constant } from './constants.ts'
import type { GraphNode } from './model.ts'

/** What reads an image without saying where its channels are; its result has them where the image does. */
const PASSES = new Set(
  (
    'Cast Identity Add Sub Mul Div Max Min Relu LeakyRelu PRelu Elu Clip Sigmoid HardSigmoid Tanh Softplus Abs Exp Neg Pow Sqrt ' +
    'Dropout Pad'
  ).split(' '),
)

/** What may have a constant with one axis, which is that of the image's last one: then those are the channels. */
const WITH_VECTORS = new Set(['Add', 'Sub', 'Mul', 'Div'])

/** Tells of a value, by its name, whether all that read it put its last axis second, or take that for the channels. */
export function lastChannelsOf(
  nodes: readonly GraphNode[],
  constants: ReadonlyMap<string, Constant> = new Map(),
): (name: string) => boolean {
  const isVector = (name: string) => {
    const [extent = 1, ...others] = constants.get(name)?.dims ?? []
    return extent > 1 && others.length === 0
  }
  const readers = new Map<string, GraphNode[]>()
  for (const node of nodes)
    for (const input of new Set(node.inputs)) {
      if (!readers.has(input)) readers.set(input, [])
      readers.get(input)!.push(node)
    }
  return (name) => {
    const waiting = [name]
    const seen = new Set<GraphNode>()
    let found = false
    for (let each = waiting.pop(); each !== undefined; each = waiting.pop()) {
      for (const node of readers.get(each) ?? []) {
        if (seen.has(node)) continue
        seen.add(node)
        const { operator, outputs, attributes } = node
        if (operator === 'Transpose' && attributes.integers('perm')?.join() === '0,3,1,2') found = true
        else if (!PASSES.has(operator)) return false
        else waiting.push(outputs[0]!)
        const { inputs } = node
        if (WITH_VECTORS.has(operator) && !attributes.has('axis') && inputs.some(isVector)) found = true
      }
    }
    return found
  }
}
