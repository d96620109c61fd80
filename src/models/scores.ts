// From a network's outputs to probabilities.
import { UsageError } from '../errors.ts'
import {
  type Activated,
  type Activation,
  definitionOf,
  givesProbabilities,
  type Layer,
} from '../layers/index.ts'
import { type Network, outputsOf, shapeOf } from '../networks/network.ts'
import { elementCount } from '../tensor.ts'
import { softmaxOf } from '../train/accuracy.ts'
import { asClassifier } from '../train/classifier.ts'
import { logitsOf } from '../train/logits.ts'

/** Where a classifier's scores are. */
export interface Scores {
  /** The network, ending in a classifier's loss unless its outputs are probabilities by themselves. */
  readonly network: Network
  /** Its tensor, (N, classes). */
  readonly tensor: string
  readonly classes: number
  /**
   * `logits`, to which softmax is to be applied; or `probabilities`, each from 0 to 1, which do not depend on one another: the
   * network ends in a sigmoid.
   */
  readonly kind: 'logits' | 'probabilities'
}

/**
 * The scores of a network; `what` is how messages call it. If it ends in a softmax, they are what that reads, so that softmax is
 * applied once. Throws UsageError, which says why, for a network that is no classifier.
 */
export function scoresOf(network: Network, what: string): Scores {
  const [output, ...others] = outputsOf(network)
  const last = network.layers.find(({ layer }) => layer.name === output)?.layer
  if (logitsOf(network) === null && others.length === 0 && last && endsInProbabilities(last)) {
    const classes = elementCount(shapeOf(network, last.name))
    return { network, tensor: last.name, classes, kind: 'probabilities' }
  }
  const classifier = asClassifier(network, what)
  const logits = logitsOf(classifier)
  if (!logits) throw new UsageError(`${what}: it is no classifier`)
  return { network: classifier, tensor: logits.name, classes: logits.classes, kind: 'logits' }
}

/** Whether each of the layer's values is a probability by itself: it ends in a sigmoid. */
function endsInProbabilities(layer: Layer): boolean {
  const { activation = definitionOf(layer).activation as Activation | undefined } = layer.options as Activated
  return activation !== undefined && givesProbabilities(activation)
}

/** One class of a picture's answer. */
export interface Prediction {
  readonly index: number
  readonly name: string
  /** From 0 to 1. */
  readonly probability: number
}

/**
 * The `top` most probable classes of image `image` of dense scores (N, classes), the most probable first. Null if the scores
 * are NaN or infinite: then there are no probabilities.
 */
export function predictionsOf(
  scores: Float32Array,
  image: number,
  { classes, kind }: Pick<Scores, 'classes' | 'kind'>,
  classNames: readonly string[],
  top: number,
): readonly Prediction[] | null {
  const own = scores.subarray(image * classes, (image + 1) * classes)
  const probabilities = kind === 'logits' ? softmaxOf(own) : own
  if (!probabilities.every(Number.isFinite)) return null
  const order = Array.from(probabilities, (_, index) => index)
  order.sort((a, b) => probabilities[b]! - probabilities[a]! || a - b)
  return order
    .slice(0, top)
    .map((index) => ({ index, name: classNames[index]!, probability: probabilities[index]! }))
}
