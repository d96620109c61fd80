import { type Pointer, ProgramBuilder, type Vector } from '../codegen/program.ts'
import type { View } from '../plan/views.ts'
import { argument, bytes, onlyWay, type Part, privateArgument, threadArgument } from './kernel.ts'
import { exp, log, log1p } from './math.ts'
import { eachVector } from './rows.ts'

const PARTIAL = 0

/** Below all logits, or equal to one of them. */
const LOWEST = -Infinity

/** Computes each image's loss, then their mean, added in order. */
export const softmaxLossForward = onlyWay<'softmax-loss-forward'>((step, traits) => {
  const { input: logits, input1: labels } = step.reads
  const images = logits.shape[0]
  const parameters = ['logits', 'label', 'scratch', 'partial']
  const image = new ProgramBuilder(`${step.layer} of an image`, traits.lanes, parameters)
  const { labelSmoothing } = step.options
  const { own, others, distance, beneath } = writeSums(image, logits, { takesBeneath: labelSmoothing > 0 })
  const total = image.add(own, others)
  // If the label's class is by far the likeliest, log(total) would lose the loss's digits.
  const ratio = image.div(others, own)
  const isLikely = image.binary('lessThan', ratio, image.splat(1))
  const ofLabel = image.select(isLikely, log1p(image, ratio), image.sub(log(image, total), distance))
  const loss = beneath
    ? smoothed(image, ofLabel, image.add(log(image, total), beneath), labelSmoothing)
    : ofLabel
  // log works on bits and would turn a NaN into a number; total - total is 0 or NaN, and is added.
  image.storeLane(image.parameter('partial'), 0, image.add(loss, image.sub(total, total)))

  const mean = new ProgramBuilder(step.layer, traits.lanes, ['partial', 'loss'])
  const sum = mean.splat(0)
  const each = mean.parameter('partial')
  mean.walk(images, [[each, bytes(1)]], () => mean.assign(sum, mean.add(sum, mean.loadLane(each))))
  mean.storeLane(mean.parameter('loss'), 0, mean.div(sum, mean.splat(images)))

  const losses: Part = {
    program: image.finish(),
    grid: [images],
    arguments: {
      logits: argument(logits, 0, [logits.imagePitch]),
      label: argument(labels, 0, [labels.imagePitch]),
      scratch: threadArgument,
      partial: privateArgument(PARTIAL, 0, [1]),
    },
  }
  const reduce: Part = {
    program: mean.finish(),
    grid: [1],
    arguments: { partial: privateArgument(PARTIAL, 0, []), loss: argument(step.writes.output, 0, []) },
  }
  return {
    privateBuffers: [{ name: `${step.layer}/partial`, length: images, lifetime: 'step' }],
    threadScratch: traits.lanes,
    stages: [{ parts: [losses] }, { parts: [reduce] }],
  }
})

/** (1 - share) * one + share * other. */
function smoothed(b: ProgramBuilder, one: Vector, other: Vector, share: number): Vector {
  return b.add(b.mul(one, b.splat(1 - share)), b.mul(other, b.splat(share)))
}

/**
 * (softmax - target) / N; without label smoothing the target is 1 at the label and 0 elsewhere. The powers of e are stored in
 * the gradient's place and scaled there.
 */
export const softmaxLossBackward = onlyWay<'softmax-loss-backward'>((step, traits) => {
  const { input: logits, input1: labels } = step.reads
  const { inputGradient } = step.writes
  const images = logits.shape[0]
  const parameters = ['logits', 'label', 'scratch', 'gradient']
  const b = new ProgramBuilder(`${step.layer} gradient`, traits.lanes, parameters)
  const gradient = b.parameter('gradient')
  const { own, others, label } = writeSums(b, logits, { powers: gradient })
  const scale = b.div(b.splat(1), b.mul(b.add(own, others), b.splat(images)))
  const { labelSmoothing } = step.options
  const classes = logits.shape[3]
  const ofAll = labelSmoothing / classes
  const atLabel = b.sub(b.splat((labelSmoothing - ofAll) / images), b.mul(others, scale))
  const index = b.unary('toFloat', b.laneIndexes())
  eachVector(b, logits.pixelPitch / traits.lanes, [gradient], (offset) => {
    const probability = b.mul(b.load(gradient, offset), scale)
    // Padded classes stay zero.
    const isClass = () => b.binary('lessThan', index, b.splat(classes))
    const value =
      labelSmoothing > 0
        ? b.sub(probability, b.binary('and', b.splat(ofAll / images), isClass()))
        : probability
    b.store(gradient, offset, b.select(b.binary('equal', index, label), atLabel, value))
    b.assign(index, b.add(index, b.splat(traits.lanes)))
  })
  const part: Part = {
    program: b.finish(),
    grid: [images],
    arguments: {
      logits: argument(logits, 0, [logits.imagePitch]),
      label: argument(labels, 0, [labels.imagePitch]),
      scratch: threadArgument,
      gradient: argument(inputGradient, 0, [inputGradient.imagePitch]),
    },
  }
  return { threadScratch: traits.lanes, stages: [{ parts: [part] }] }
})

interface Sums {
  /** e^(logit - largest logit) of the label, and the sum over the other classes, in all lanes. */
  readonly own: Vector
  readonly others: Vector
  /** The label's logit minus the largest one. */
  readonly distance: Vector
  readonly label: Vector
  /** How far the logits are below the largest one, on average; null if it was not asked for. */
  readonly beneath: Vector | null
}

interface Masks {
  readonly isLabel: () => Vector
  /** Null if all lanes are classes. */
  readonly isClass: (() => Vector) | null
}

/**
 * Writes the sums of one image, whose logits and label are arguments of the program; also stores each power of e in
 * `powers`.
 */
function writeSums(
  b: ProgramBuilder,
  view: View,
  { powers, takesBeneath = false }: { readonly powers?: Pointer; readonly takesBeneath?: boolean },
): Sums {
  const [logits, scratch] = [b.parameter('logits'), b.parameter('scratch')]
  const label = b.broadcast(b.parameter('label'))
  const classes = view.shape[3]
  const rest = classes % b.lanes
  const pointers = powers === undefined ? [logits] : [logits, powers]
  /**
   * In the last vector, the lanes after the last class are LOWEST. Masks are made only when needed, since exp needs the
   * registers.
   */
  const eachVectorOfClasses = (write: (value: Vector, offset: number, masks: Masks) => void): void => {
    const index = b.unary('toFloat', b.laneIndexes())
    const isLabel = () => b.binary('equal', index, label)
    const whole = Math.floor(classes / b.lanes)
    eachVector(b, whole, pointers, (offset) => {
      write(b.load(logits, offset), offset, { isLabel, isClass: null })
      b.assign(index, b.add(index, b.splat(b.lanes)))
    })
    if (rest === 0) return
    const isClass = () => b.binary('lessThan', index, b.splat(classes))
    const offset = whole * b.vectorBytes
    const value = b.select(isClass(), b.load(logits, offset), b.splat(LOWEST))
    write(value, offset, { isLabel, isClass })
  }
  const total = (sum: Vector) => b.unary('horizontalSum', sum)

  const [largest, labels] = [b.splat(LOWEST), b.splat(0)]
  eachVectorOfClasses((value, _offset, { isLabel }) => {
    b.assign(largest, b.max(largest, value))
    b.assign(labels, b.add(labels, b.binary('and', value, isLabel())))
  })
  b.store(scratch, 0, largest)
  for (let lane = 0; lane < b.lanes; lane++) {
    const other = b.broadcast(scratch, bytes(lane))
    b.assign(largest, lane === 0 ? other : b.max(largest, other))
  }

  /** e^(logit - largest); NaN stays NaN, and infinity minus infinity is NaN. */
  const power = (logit: Vector) => exp(b, b.sub(logit, largest))
  const others = b.splat(0)
  eachVectorOfClasses((value, offset, { isLabel, isClass }) => {
    const each = isClass ? b.binary('and', power(value), isClass()) : power(value)
    if (powers !== undefined) b.store(powers, offset, each)
    b.assign(others, b.add(others, b.binary('andNot', each, isLabel())))
  })
  const own = total(labels)
  const beneath = takesBeneath ? b.splat(0) : null
  if (beneath)
    eachVectorOfClasses((value, _offset, { isClass }) => {
      const distance = b.sub(largest, value)
      // Each is divided before it is added, since the sum might overflow.
      b.fma(beneath, isClass ? b.binary('and', distance, isClass()) : distance, b.splat(1 / classes))
    })
  return {
    own: power(own),
    others: total(others),
    distance: b.sub(own, largest),
    label,
    beneath: beneath && total(beneath),
  }
}
