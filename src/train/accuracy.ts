// How logits are compared with labels, for training's own accuracy and for evaluation.

/** An image's logits compared with its label. */
export interface Judgement {
  /**
   * The class of the largest logit, the first of equal ones; null if a logit is NaN or Infinity, or if all are
   * -Infinity: then there are no probabilities.
   */
  readonly predicted: number | null
  /**
   * How many classes have a larger logit than the label's class (or an equal one, with a lower index); infinite without
   * a prediction.
   */
  readonly rank: number
  /** Cross-entropy: log(sum of e^logit) - the label's logit. NaN without a prediction. */
  readonly loss: number
}

/**
 * Judges image `image` of the dense logits (N, classes). A logit of -Infinity is a probability of 0; with any other
 * logit that is not finite nothing is predicted.
 */
export function judge(logits: Float32Array, image: number, classes: number, label: number): Judgement {
  const own = logits.subarray(image * classes, (image + 1) * classes)
  let predicted = 0
  for (let c = 1; c < classes; c++) if (own[c]! > own[predicted]!) predicted = c
  let total = 0
  for (const logit of own) total += Math.exp(logit - own[predicted]!)
  if (!Number.isFinite(total)) return { predicted: null, rank: Number.POSITIVE_INFINITY, loss: Number.NaN }
  const loss = Math.log(total) + own[predicted]! - own[label]!
  let rank = 0
  own.forEach((logit, c) => {
    if (logit > own[label]! || (logit === own[label]! && c < label)) rank++
  })
  return { predicted, rank, loss }
}

/**
 * The logarithms of the mean of softmax over `rows` rows from `first` on of logits (N, classes), which are judged like
 * logits. So the ten crops of an image give one answer (Krizhevsky et al. 2012, section 4.1).
 */
export function meanOfSoftmax(
  logits: Float32Array,
  first: number,
  rows: number,
  classes: number,
): Float32Array {
  const means = new Float64Array(classes)
  for (let row = first; row < first + rows; row++) {
    softmaxOf(logits.subarray(row * classes, (row + 1) * classes)).forEach((probability, c) => {
      means[c]! += probability / rows
    })
  }
  return Float32Array.from(means, Math.log)
}

/** Probabilities from the logits of one image; NaN where `judge` predicts nothing. */
export function softmaxOf(logits: Float32Array): Float64Array {
  const largest = logits.reduce((a, b) => Math.max(a, b))
  const powers = Float64Array.from(logits, (logit) => Math.exp(logit - largest))
  const total = powers.reduce((sum, power) => sum + power, 0)
  return powers.map((power) => power / total)
}
