import { referenceBackward, type Tensors } from '../engines/reference-network.ts'
import { CheckError } from '../errors.ts'
import { type Network, parametersOf } from '../networks/network.ts'
import { elementCount } from '../tensor.ts'

/**
 * What the gradients must be, in float64, given an engine's own activations: its masks of ReLU and its maxima of pooling
 * windows, so that no decision can turn out otherwise than the engine's. For engines whose steps can't be seen.
 *
 * `given` has by name, dense: inputs and activations of `batch` images, (N, H, W, C), and parameters. The result is by
 * name too, `conv1/weights.gradient`; of the sum of all losses. Throws CheckError for what is missing or has another size.
 */
export function gradientsGivenActivations(
  network: Network,
  batch: number,
  given: Readonly<Tensors>,
): Record<string, Float64Array> {
  const tensors: Tensors = {}
  const take = (name: string, length: number): void => {
    const found = given[name]?.length
    if (found !== length)
      throw new CheckError(`'${name}' has ${found ?? 'no'} values, it must have ${length}`)
    tensors[name] = given[name]!
  }
  for (const [name, shape] of Object.entries(network.inputs)) take(name, batch * elementCount(shape))
  const parameters = Object.entries(parametersOf(network))
  for (const [name, { shape }] of parameters) take(name, elementCount(shape))
  for (const { layer, outputShape, isLoss } of network.layers) {
    // A loss is what going backward begins with: its own value is not looked at.
    if (isLoss) tensors[layer.name] = new Float64Array(1)
    else take(layer.name, batch * elementCount(outputShape))
  }
  referenceBackward(network, tensors, { batch, pass: 'forward-backward' })
  return Object.fromEntries(
    parameters.map(([name]) => [`${name}.gradient`, tensors[`${name}.gradient`] as Float64Array]),
  )
}
