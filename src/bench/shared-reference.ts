// A layer's plain loops, done by several threads at once.
import { definitionOf, type ForwardContext, type ParameterSpec } from '../layers/index.ts'
import type { ResolvedLayer } from '../networks/network.ts'
import type { Barrier } from '../runtime/barrier.ts'
import { elementCount } from '../tensor.ts'
import { Scratch } from './comparison.ts'
import type { Share } from './shared-tensors.ts'

/** One of several threads that compute in shared memory, and the barrier at which they wait for each other. */
export interface Contributor extends Share {
  readonly barrier: Barrier
}

/**
 * Computes this thread's share of a layer's output and waits for the other threads. A convolution, which takes long, is divided
 * by its channels; any other layer is computed by the first thread.
 */
export function forwardTogether(
  layer: ResolvedLayer,
  context: ForwardContext<object>,
  { index, count, barrier }: Contributor,
): void {
  const definition = definitionOf(layer.layer)
  if (!hasWeightsAChannel(layer)) {
    if (index === 0) definition.forward(context as never)
  } else {
    const channels = context.output.shape[3]
    const at = (share: number) => Math.floor((channels * share) / count)
    definition.forward(ofChannels(layer, context, at(index), at(index + 1)) as never)
  }
  barrier.wait()
}

/**
 * Whether each channel of an image has weights of its own, over all channels of the input. Dense layers are left to one thread:
 * reading their weights takes longer than the arithmetic, and cutting them would copy all of them.
 */
function hasWeightsAChannel({ parameters, outputShape, inputShapes: [input] }: ResolvedLayer): boolean {
  const specs = Object.values(parameters)
  const weights = specs.filter(({ role }) => role === 'weights')
  return (
    outputShape.length === 3 &&
    weights.length > 0 &&
    specs.every((spec) => spec.shape[outputAxisOf(spec)] === outputShape[2]) &&
    weights.every((spec) => spec.shape[inputAxisOf(spec)] === input!.at(-1))
  )
}

const outputAxisOf = ({ shape, outputAxis }: ParameterSpec): number => outputAxis ?? shape.length - 1

/** The last two axes of weights are those of the output's and the input's channels, in either order. */
const inputAxisOf = (spec: ParameterSpec): number => 2 * spec.shape.length - 3 - outputAxisOf(spec)

/** Memory of parameters. */
const scratch = new Scratch()

/** The same sums, for channels from `first` to before `end`. */
function ofChannels(
  layer: ResolvedLayer,
  context: ForwardContext<object>,
  first: number,
  end: number,
): ForwardContext<object> {
  const { output, parameters } = context
  const [images, height, width, channels] = output.shape
  scratch.clear()
  const cut = Object.entries(parameters).map(([name, values]) => {
    const spec = layer.parameters[`${layer.layer.name}/${name}`]!
    const each = elementCount(spec.shape.slice(outputAxisOf(spec) + 1))
    const [length, count] = [channels * each, (end - first) * each]
    const own = scratch.take((values.length / length) * count)
    for (let row = 0; row < values.length / length; row++) {
      const [from, to] = [row * length + first * each, row * count]
      for (let i = 0; i < count; i++) own[to + i] = values[from + i]!
    }
    return [name, own]
  })
  return {
    ...context,
    parameters: Object.fromEntries(cut),
    output: { ...output, offset: output.offset + first, shape: [images, height, width, end - first] },
  }
}
