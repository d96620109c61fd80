import { optional, type Rules, shareUpToOne } from '../check-options.ts'
import { ShapeError } from '../errors.ts'
import { asImageShape, formatShape, type Grid, pixelAt } from '../tensor.ts'
import { type LayerDefinition, type LayerOf, makeLayer, NO_FLOPS } from './layer.ts'
import { exponentialsAt } from './softmax.ts'

/** The options of `softmaxLoss`. */
export interface SoftmaxLossOptions {
  /** The share of the target, from 0 to 1, that is divided equally among all classes, the label's included; 0 by default. */
  readonly labelSmoothing?: number | undefined
}

/** A layer that `softmaxLoss` makes. */
export type SoftmaxLossLayer<Name extends string = string> = LayerOf<'softmax-loss', Name, SoftmaxLossOptions>

/**
 * Softmax and cross-entropy in one: the mean over the batch of log(sum over classes of e^logit) - the label's logit.
 * With label smoothing s it is (1 - s) times that, plus s times the mean of what it would be with each class as the label, as
 * in PyTorch.
 * logits (N, classes) or (N, 1, 1, classes), labels (N), each a class's index as a float -> (). Labels have no gradient.
 * Source: Goodfellow, Bengio & Courville 2016, section 6.2.2.
 */
export function softmaxLoss<const Name extends string>(
  name: Name,
  options: SoftmaxLossOptions & { readonly inputs: readonly [logits: string, labels: string] },
): SoftmaxLossLayer<Name> {
  return makeLayer<'softmax-loss', Name, SoftmaxLossOptions>('softmax-loss', name, options, rules)
}

const rules: Rules<SoftmaxLossOptions> = { labelSmoothing: optional(shareUpToOne) }

export const softmaxLossDefinition: LayerDefinition<SoftmaxLossOptions> = {
  isLoss: true,
  isMean: true,
  inputCount: 2,
  readsLabels: true,
  inputSize: () => 1,
  rules,

  outputShape(name, _options, [logits, labels]) {
    const [height, width] = asImageShape(logits!)
    if (logits!.length === 0 || height !== 1 || width !== 1) {
      throw new ShapeError(`${name}: its logits are ${formatShape(logits!)}; they must be (classes)`)
    }
    if (labels!.length !== 0) {
      throw new ShapeError(
        `${name}: its labels are ${formatShape(labels!)}; an image has one number: an input of shape []`,
      )
    }
    return []
  },

  parameters: () => ({}),
  flops: () => NO_FLOPS,

  forward({ options: { labelSmoothing = 0 }, inputs, output }) {
    const [logits, labels] = inputs as [Grid, Grid]
    const classes = logits.shape[3]
    let sum = 0
    eachImage(logits, labels, (from, label, _image, maximum, total) => {
      const lossOf = (c: number) => Math.log(total) + (maximum - logits.values[from + c]!)
      sum += (1 - labelSmoothing) * lossOf(label)
      if (labelSmoothing === 0) return
      for (let c = 0; c < classes; c++) sum += (labelSmoothing / classes) * lossOf(c)
    })
    output.values[output.offset] = sum / logits.shape[0]
  },

  // An image's gradient is (softmax - target) / N. Without smoothing the target is 1 at the label and 0 elsewhere.
  backward({ options: { labelSmoothing = 0 }, inputs, outputGradient, inputGradients: [inputGradient] }) {
    if (!inputGradient) return
    const [logits, labels] = inputs as [Grid, Grid]
    const [images, , , classes] = logits.shape
    const factor = outputGradient.values[outputGradient.offset]! / images
    eachImage(logits, labels, (from, label, image, maximum, total) => {
      const to = pixelAt(inputGradient, image, 0, 0)
      let others = 0
      for (let c = 0; c < classes; c++) {
        if (c === label) continue
        const probability = Math.exp(logits.values[from + c]! - maximum) / total
        others += probability
        inputGradient.values[to + c]! += factor * (probability - labelSmoothing / classes)
      }
      // p - 1 as the sum of the other classes' p, which keeps its digits if the label's p is nearly 1
      inputGradient.values[to + label]! += factor * (labelSmoothing - labelSmoothing / classes - others)
    })
  },
}

/**
 * Calls `visit` for each image, with where its logits begin, its label, its largest logit and its sum of e^(logit -
 * largest).
 */
function eachImage(
  logits: Grid,
  labels: Grid,
  visit: (from: number, label: number, image: number, maximum: number, total: number) => void,
): void {
  for (let n = 0; n < logits.shape[0]; n++) {
    const from = pixelAt(logits, n, 0, 0)
    const { maximum, total } = exponentialsAt(logits, from)
    visit(from, labels.values[pixelAt(labels, n, 0, 0)]!, n, maximum, total)
  }
}
