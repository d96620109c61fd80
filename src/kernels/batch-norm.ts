import { type Pointer, ProgramBuilder, type Vector } from '../codegen/program.ts'
import { type Activation, needsSums } from '../layers/index.ts'
import type { View } from '../plan/views.ts'
import { elementCount } from '../tensor.ts'
import { activationIn, gradientThrough, isLight } from './activation.ts'
import { type ChannelSums, channelSumsBuffer, combineStage, pieceStage, totalsOf } from './channel-sums.ts'
import { argument, bytes, onlyWay, type Part, privateArgument, type TargetTraits } from './kernel.ts'
import { finiteVariance, momentsOfPiece, momentsOfPieces } from './moments.ts'
import { eachVector, eachVectorOfRowPixels, rowParts, storeGradient } from './rows.ts'

/** Private buffers: factors come first. */
const FACTORS = 0
const PARTIAL = 0
const PARTIAL_BESIDE_FACTORS = 1

/** Each channel's mean and biased variance over the whole batch. */
export const batchNormStatistics = onlyWay<'batch-norm-statistics'>(({ layer, reads, writes }, traits) => {
  const { input } = reads
  const sums: ChannelSums = {
    name: `${layer} statistics`,
    views: { input },
    channels: {},
    perChannel: 2,
    privateBuffer: PARTIAL,
  }
  const pieces = pieceStage(traits, sums, momentsOfPiece)
  const count = elementCount(input.shape.slice(0, 3))
  const others = { mean: argument(writes.mean, 0, []), variance: argument(writes.variance, 0, []) }
  const combined = combineStage(traits, sums, others, (b, pieces, pointers) => {
    const { mean, variance } = momentsOfPieces(b, pieces, count)
    b.store(pointers.mean!, 0, mean)
    b.store(pointers.variance!, 0, finiteVariance(b, variance))
  })
  return { privateBuffers: [channelSumsBuffer(sums)], stages: [pieces, combined] }
})

/** running = (1 - momentum) * running + momentum * batch's; for the variance the unbiased one. */
export const batchNormFollow = onlyWay<'batch-norm-follow'>(({ layer, reads, writes, options }, traits) => {
  const { momentum, count } = options
  const names = ['batchMean', 'batchVariance', 'mean', 'variance']
  const b = new ProgramBuilder(`${layer} running statistics`, traits.lanes, names)
  const [batchMean, batchVariance, mean, variance] = names.map((name) => b.parameter(name)) as [
    never,
    never,
    never,
    never,
  ]
  const follow = (running: never, batch: never, factor: number, offset: number): void => {
    const value = b.mul(b.load(running, offset), b.splat(1 - momentum))
    b.store(running, offset, b.add(value, b.mul(b.load(batch, offset), b.splat(momentum * factor))))
  }
  eachVector(
    b,
    writes.mean.pixelPitch / traits.lanes,
    [batchMean, batchVariance, mean, variance],
    (offset) => {
      follow(mean, batchMean, 1, offset)
      follow(variance, batchVariance, count / (count - 1), offset)
    },
  )
  const views = { batchMean: reads.batchMean, batchVariance: reads.batchVariance, ...writes }
  const part: Part = {
    program: b.finish(),
    grid: [1],
    arguments: Object.fromEntries(Object.entries(views).map(([name, view]) => [name, argument(view, 0, [])])),
  }
  return { stages: [{ parts: [part] }] }
})

/** A few values for every channel, computed before the rows: `write` computes them for one vector. */
function channelFactors(
  traits: TargetTraits,
  name: string,
  reads: Readonly<Record<string, View>>,
  write: (b: ProgramBuilder, load: (name: string) => Vector) => readonly Vector[],
): Part {
  const pitch = Object.values(reads)[0]!.pixelPitch
  const names = [...Object.keys(reads), 'made']
  const b = new ProgramBuilder(name, traits.lanes, names)
  b.loop(pitch / traits.lanes, () => {
    const made = write(b, (each) => b.load(b.parameter(each)))
    for (const [i, vector] of made.entries()) b.store(b.parameter('made'), bytes(i * pitch), vector)
    for (const each of names) b.advance(b.parameter(each), b.vectorBytes)
  })
  return {
    program: b.finish(),
    grid: [1],
    arguments: {
      ...Object.fromEntries(Object.entries(reads).map(([each, view]) => [each, argument(view, 0, [])])),
      made: privateArgument(FACTORS, 0, []),
    },
  }
}

const deviationOf = (b: ProgramBuilder, variance: Vector, epsilon: number): Vector =>
  b.sqrt(b.add(variance, b.splat(epsilon)))

/** distance * factor + shift. Made again backward it has the same bits, so that an activation's mask is the same. */
function sumOf(b: ProgramBuilder, distance: Vector, factor: Vector, shift: Vector): Vector {
  const sum = b.unary('copy', shift)
  b.fma(sum, distance, factor)
  return sum
}

/**
 * Makes the activation's constants; returns the gradient of the sums, given the output's and what the activation's gradient is
 * computed from: the sums, made again, or the output.
 */
function throughActivation(
  b: ProgramBuilder,
  activation: Activation | undefined,
): (outputGradient: Vector, from: { output(): Vector } | { sum(): Vector }) => Vector {
  if (activation === undefined) return (outputGradient) => outputGradient
  const through = gradientThrough(b, activation)
  const activate = activationIn(b, activation)
  const isOfSums = needsSums({ activation })
  return (outputGradient, from) => {
    if ('output' in from) return through(from.output(), outputGradient)
    return through(isOfSums ? from.sum() : activate(from.sum(), null), outputGradient)
  }
}

/** (x - mean) * factor + shift; the factor is computed once for each channel, before the run if it depends on parameters alone. */
export const batchNormForward = onlyWay<'batch-norm-forward'>(({ layer, reads, writes, options }, traits) => {
  const { input, scale, shift, mean, variance } = reads
  const { epsilon, activation, isOfBatch } = options
  const factors = channelFactors(traits, `${layer} factors`, { scale, variance }, (b, load) => [
    b.div(load('scale'), deviationOf(b, load('variance'), epsilon)),
  ])
  const fixed = {
    factor: privateArgument(FACTORS, 0, []),
    mean: argument(mean, 0, []),
    shift: argument(shift, 0, []),
  }
  const views = { input, output: writes.output }
  const write = (b: ProgramBuilder, row: Readonly<Record<string, Pointer>>): void => {
    const activate = activationIn(b, activation)
    eachVectorOfRowPixels(b, views, row, Object.keys(fixed), (offset, isChannel) => {
      const distance = b.sub(b.load(row.input!, offset), b.load(row.mean!, offset))
      const sum = sumOf(b, distance, b.load(row.factor!, offset), b.load(row.shift!, offset))
      b.store(row.output!, offset, activate(sum, isChannel))
    })
  }
  const [first, rows] = [{ parts: [factors] }, { parts: rowParts(traits, layer, views, write, fixed) }]
  const lifetime = isOfBatch ? 'step' : 'parameters'
  return {
    privateBuffers: [{ name: `${layer}/factors`, length: scale.pixelPitch, lifetime }],
    prologue: isOfBatch ? [] : [first],
    stages: isOfBatch ? [first, rows] : [rows],
  }
})

/** Sums of the gradient, and of the gradient times the normalized input. */
export const batchNormParametersGradient = onlyWay<'batch-norm-parameters-gradient'>(
  ({ layer, reads, writes, options }, traits) => {
    const { input, outputGradient, mean, variance, scale, shift } = reads
    const { activation, epsilon } = options
    const remade = scale && shift && { scale, shift }
    const factors =
      remade &&
      channelFactors(traits, `${layer} factors`, { scale: remade.scale, variance }, (b, load) => [
        b.div(load('scale'), deviationOf(b, load('variance'), epsilon)),
      ])
    const sums: ChannelSums = {
      name: `${layer} parameters gradient`,
      views: { input, outputGradient },
      channels: {
        mean: argument(mean, 0, []),
        ...(remade && { factor: privateArgument(FACTORS, 0, []), shift: argument(remade.shift, 0, []) }),
      },
      perChannel: 2,
      needsRegisters: activation !== undefined && !isLight(activation),
      privateBuffer: PARTIAL_BESIDE_FACTORS,
    }
    const pieces = pieceStage(traits, sums, (b, block) => {
      const through = throughActivation(b, activation)
      const zeros = () => Array.from({ length: block.vectors }, () => b.splat(0))
      const [gradients, products] = [zeros(), zeros()]
      block.eachPixel((v, load) => {
        const distance = b.sub(load('input'), block.at('mean', v))
        const sum = () => sumOf(b, distance, block.at('factor', v), block.at('shift', v))
        const gradient = through(load('outputGradient'), { sum })
        b.assign(gradients[v]!, b.add(gradients[v]!, gradient))
        b.fma(products[v]!, gradient, distance)
      })
      return [gradients, products]
    })
    const others = {
      variance: argument(variance, 0, []),
      scale: argument(writes.scaleGradient, 0, []),
      shift: argument(writes.shiftGradient, 0, []),
    }
    const combined = combineStage(traits, sums, others, (b, pieces, pointers) => {
      const [shift, product] = totalsOf(b, sums, pieces)
      const deviation = deviationOf(b, b.load(pointers.variance!), epsilon)
      b.store(pointers.scale!, 0, b.div(product!, deviation))
      b.store(pointers.shift!, 0, shift!)
    })
    return {
      privateBuffers: [
        { name: `${layer}/factors`, length: remade ? variance.pixelPitch : 0, lifetime: 'step' },
        channelSumsBuffer(sums),
      ],
      stages: [...(factors ? [{ parts: [factors] }] : []), pieces, combined],
    }
  },
)

/**
 * With the batch's statistics: factor * (gradient - its mean - normalized * the mean of gradient * normalized), which
 * is linear in the gradient and the input. With running statistics: factor * gradient.
 */
export const batchNormInputGradient = onlyWay<'batch-norm-input-gradient'>(
  ({ layer, reads, writes, options }, traits) => {
    const { input, outputGradient, output, scale, shift, mean, variance, scaleGradient, shiftGradient } =
      reads
    const { inputGradient } = writes
    const count = elementCount(inputGradient.shape.slice(0, 3))
    const gradients = scaleGradient && shiftGradient && { scaleGradient, shiftGradient }
    const isOfBatch = gradients !== undefined
    const isRemade = shift !== undefined
    const ofInput = (isOfBatch || isRemade) && input && mean && { input, mean }
    const pitch = scale.pixelPitch
    const factors = channelFactors(
      traits,
      `${layer} gradient factors`,
      { scale, variance, ...gradients },
      (b, load) => {
        const deviation = deviationOf(b, load('variance'), options.epsilon)
        const factor = b.div(load('scale'), deviation)
        if (!gradients) return [factor]
        const share = b.mul(factor, b.splat(-1 / count))
        return [
          factor,
          b.div(b.mul(share, load('scaleGradient')), deviation),
          b.mul(share, load('shiftGradient')),
        ]
      },
    )
    const fixed = {
      factor: privateArgument(FACTORS, 0, []),
      ...(isOfBatch && {
        slope: privateArgument(FACTORS, pitch, []),
        constant: privateArgument(FACTORS, 2 * pitch, []),
      }),
      ...(ofInput && { mean: argument(ofInput.mean, 0, []) }),
      ...(shift && { shift: argument(shift, 0, []) }),
    }
    const views = {
      inputGradient,
      outputGradient,
      ...(ofInput && { input: ofInput.input }),
      ...(output && !isRemade && { output }),
    }
    const write = (b: ProgramBuilder, row: Readonly<Record<string, Pointer>>): void => {
      const through = throughActivation(b, options.activation)
      eachVectorOfRowPixels(b, views, row, Object.keys(fixed), (offset) => {
        const at = (name: string) => b.load(row[name]!, offset)
        const factor = at('factor')
        const distance = ofInput ? b.sub(at('input'), at('mean')) : null
        const gradient = through(
          at('outputGradient'),
          isRemade ? { sum: () => sumOf(b, distance!, factor, at('shift')) } : { output: () => at('output') },
        )
        if (!isOfBatch) {
          storeGradient(b, row.inputGradient!, offset, b.mul(gradient, factor), options)
          return
        }
        const sum = at('constant')
        b.fma(sum, distance!, at('slope'))
        b.fma(sum, gradient, factor)
        storeGradient(b, row.inputGradient!, offset, sum, options)
      })
    }
    return {
      privateBuffers: [{ name: `${layer}/gradient factors`, length: 3 * pitch, lifetime: 'step' }],
      stages: [{ parts: [factors] }, { parts: rowParts(traits, `${layer} gradient`, views, write, fixed) }],
    }
  },
)
