import { referenceBackward, referenceForward, type Tensors } from '../engines/reference-network.ts'
import { CheckError } from '../errors.ts'
import { definitionOf, isTrainedRole } from '../layers/index.ts'
import { type Network, parametersOf, type ResolvedLayer, shapeOf } from '../networks/network.ts'
import { elementCount } from '../tensor.ts'

/** Some images of a batch. */
export interface ShareOfBatch {
  /** How often each of them occurs in the batch; once by default. */
  readonly copies?: number
  /** How many images the batch has; by default these are all. */
  readonly of?: number
}

/**
 * What the gradients must be, in float64, given an engine's own activations: its masks of ReLU and its maxima of
 * pooling windows, so that all decisions are the engine's own. For engines whose steps can't be inspected.
 *
 * `given` contains, by name and dense: inputs and activations of `batch` images, (N, H, W, C), and parameters. The
 * result is by name too, `conv1/weights.gradient`: the gradients of the sum of all losses; if the batch has more
 * images, only what these images contribute. Throws CheckError for what is missing or has another size, and for a share
 * of a batch if layers compute with statistics of all of it.
 */
export function gradientsGivenActivations(
  network: Network,
  batch: number,
  given: Readonly<Tensors>,
  { copies = 1, of = copies * batch }: ShareOfBatch = {},
): Record<string, Float64Array> {
  const mixing = network.layers.find(({ layer }) => definitionOf(layer).batchStatistics)
  if (mixing && (copies !== 1 || of !== batch))
    throw new CheckError(`${mixing.layer.name} mixes the images of a batch: its gradients need all of them`)
  const take = taker(given)
  const tensors = take(inputLengths(network, batch))
  const parameters = Object.entries(parametersOf(network))
  Object.assign(tensors, take(parameters.map(([name, { shape }]) => [name, elementCount(shape)])))
  for (const { layer, outputShape, isLoss } of network.layers) {
    // Backward starts at a loss; its own value is not needed.
    if (isLoss) tensors[layer.name] = new Float64Array(1)
    else Object.assign(tensors, take([[layer.name, batch * elementCount(outputShape)]]))
  }
  const shareOf = ({ layer }: ResolvedLayer) => copies * (definitionOf(layer).isMean ? batch / of : 1)
  referenceBackward(network, tensors, { batch, pass: 'forward-backward', shareOf })
  const trained = parameters.filter(([, { role }]) => isTrainedRole(role))
  return Object.fromEntries(
    trained.map(([name]) => [`${name}.gradient`, tensors[`${name}.gradient`] as Float64Array]),
  )
}

/**
 * Every loss in float64, by its layer's name. `given` contains what the losses read of `batch` images, including
 * labels. Throws CheckError for what is missing or has another size.
 */
export function lossesGivenActivations(
  network: Network,
  batch: number,
  given: Readonly<Tensors>,
): Record<string, Float64Array> {
  const layers = network.layers.filter(({ isLoss }) => isLoss)
  const read = [...new Set(layers.flatMap(({ inputs }) => inputs))]
  const tensors = taker(given)(read.map((name) => [name, batch * elementCount(shapeOf(network, name))]))
  referenceForward({ ...network, layers }, tensors, { batch, pass: 'forward-backward' })
  return Object.fromEntries(layers.map(({ layer }) => [layer.name, tensors[layer.name] as Float64Array]))
}

const inputLengths = (network: Network, batch: number): [string, number][] =>
  Object.entries(network.inputs).map(([name, shape]) => [name, batch * elementCount(shape)])

/** Returns a function that picks tensors by name and checks their numbers of values. */
const taker =
  (given: Readonly<Tensors>) =>
  (lengths: readonly (readonly [name: string, length: number])[]): Tensors =>
    Object.fromEntries(
      lengths.map(([name, length]) => {
        const found = given[name]
        if (found?.length !== length)
          throw new CheckError(`'${name}' has ${found?.length ?? 'no'} values, it must have ${length}`)
        return [name, found]
      }),
    )
