import { ShapeError } from '../errors.ts'
import { asImageShape, formatShape, type Grid, pixelAt } from '../tensor.ts'
import { type LayerDefinition, type LayerOf, makeLayer, NO_FLOPS } from './layer.ts'
import { exponentialsAt } from './softmax.ts'

export type SoftmaxLossOptions = Readonly<Record<never, never>>
export type SoftmaxLossLayer<Name extends string = string> = LayerOf<'softmax-loss', Name, SoftmaxLossOptions>

/**
 * Softmax and cross-entropy in one: the mean over the batch of log(sum over classes of e^logit) - the label's logit.
 * logits (N, classes) or (N, 1, 1, classes), labels (N), each a class's index as a float -> (). Labels have no gradient.
 * Source: Goodfellow, Bengio & Courville 2016, section 6.2.2.
 */
export function softmaxLoss<const Name extends string>(
  name: Name,
  options: { readonly inputs: readonly [logits: string, labels: string] },
): SoftmaxLossLayer<Name> {
  return makeLayer<'softmax-loss', Name, SoftmaxLossOptions>('softmax-loss', name, options, {})
}

export const softmaxLossDefinition: LayerDefinition<SoftmaxLossOptions> = {
  isLoss: true,
  isMean: true,
  inputCount: 2,
  readsLabels: true,
  saturatesInput: true,
  rules: {},

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

  forward({ inputs, output }) {
    const [logits, labels] = inputs as [Grid, Grid]
    let sum = 0
    eachImage(logits, labels, (from, label, _image, maximum, total) => {
      sum += Math.log(total) + (maximum - logits.values[from + label]!)
    })
    output.values[output.offset] = sum / logits.shape[0]
  },

  // Of an image: (softmax - 1 at the label) / N
  backward({ inputs, outputGradient, inputGradients: [inputGradient] }) {
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
        inputGradient.values[to + c]! += factor * probability
      }
      // p - 1 by the other classes' p, so that it keeps its digits where the label's is nearly 1
      inputGradient.values[to + label]! -= factor * others
    })
  },
}

/** Calls `visit` with where each image's logits begin, its label, its largest logit and its sum of e^(logit - largest). */
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
