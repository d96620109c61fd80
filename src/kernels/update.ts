import { type Pointer, ProgramBuilder, type Vector } from '../codegen/program.ts'
import type { StepOfKind } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'
import {
  type Argument,
  argument,
  bytes,
  evenSplit,
  onlyWay,
  type Part,
  privateArgument,
  runsOf,
  type TargetTraits,
} from './kernel.ts'
import { eachVector, VALUES_PER_TASK } from './rows.ts'

/** Tensors of one parameter's shape. The padding between their rows is zero, and every update leaves it so. */
type Views = Readonly<Record<string, View>>

/**
 * Tasks that go over all values of tensors of one shape. `write` writes the program for `vectors` vectors; `others` are
 * further arguments that it needs.
 */
function flatParts(
  traits: TargetTraits,
  name: string,
  views: Views,
  write: (b: ProgramBuilder, pointers: Readonly<Record<string, Pointer>>, vectors: number) => void,
  others: Readonly<Record<string, Argument>> = {},
): Part[] {
  const [first] = Object.values(views)
  const [, , rows] = first!.shape
  const vectors = (rows * first!.pixelPitch) / traits.lanes
  return runsOf(evenSplit(vectors, VALUES_PER_TASK / traits.lanes)).map((run): Part => {
    const parameters = [...Object.keys(views), ...Object.keys(others)]
    const b = new ProgramBuilder(name, traits.lanes, parameters)
    write(b, Object.fromEntries(parameters.map((parameter) => [parameter, b.parameter(parameter)])), run.size)
    const own = Object.entries(views).map(([key, view]) => [
      key,
      argument(view, run.first * traits.lanes, [run.size * traits.lanes]),
    ])
    return { program: b.finish(), grid: [run.count], arguments: { ...Object.fromEntries(own), ...others } }
  })
}

/** gradient * factor + decay * parameter */
function slopeOf(
  b: ProgramBuilder,
  options: { readonly decay: number },
  gradient: Vector,
  parameter: Vector,
  factor: Vector | null,
): Vector {
  const slope = factor ? b.mul(gradient, factor) : gradient
  if (options.decay === 0) return slope
  const sum = b.unary('copy', slope)
  b.fma(sum, parameter, b.splat(options.decay))
  return sum
}

type UpdateStep = StepOfKind<'sgd-update'> | StepOfKind<'adam-update'>

/** Updates each vector; `write` returns what is subtracted from the parameter. */
function updateParts(
  step: UpdateStep,
  traits: TargetTraits,
  states: Views,
  write: (
    b: ProgramBuilder,
    slope: Vector,
    state: (name: string) => { readonly value: Vector; set(value: Vector): void },
    rates: readonly Vector[],
  ) => Vector,
): Part[] {
  const { parameter, gradient, rates, factor } = step.reads
  const { rateFactor = 1 } = step.options
  const others = {
    rates: argument(rates, 0, []),
    ...(factor && { factor: argument(factor, 0, []) }),
  }
  const views = { parameter, gradient, ...states }
  return flatParts(
    traits,
    `${step.kind} of ${parameter.tensor}`,
    views,
    (b, pointers, vectors) => {
      const [rate, other] = [0, 1].map((i) => b.broadcast(pointers.rates!, bytes(i)))
      const rateVectors = [rateFactor === 1 ? rate! : b.mul(rate!, b.splat(rateFactor)), other!]
      const scale = factor ? b.broadcast(pointers.factor!, 0) : null
      const moving = Object.keys(views).map((name) => pointers[name]!)
      eachVector(b, vectors, moving, (offset) => {
        const value = b.load(pointers.parameter!, offset)
        const slope = slopeOf(b, step.options, b.load(pointers.gradient!, offset), value, scale)
        const state = (name: string) => ({
          value: b.load(pointers[name]!, offset),
          set: (next: Vector) => b.store(pointers[name]!, offset, next),
        })
        b.store(pointers.parameter!, offset, b.sub(value, write(b, slope, state, rateVectors)))
        if (step.writes.gradient) b.store(pointers.gradient!, offset, b.splat(0))
      })
    },
    others,
  )
}

export const sgdUpdate = onlyWay<'sgd-update'>((step, traits) => {
  const states = { momentum: step.reads.momentum }
  const parts = updateParts(step, traits, states, (b, slope, state, [rate]) => {
    const momentum = state('momentum')
    const velocity = b.unary('copy', slope)
    b.fma(velocity, momentum.value, b.splat(step.options.momentum))
    momentum.set(velocity)
    return b.mul(velocity, rate!)
  })
  return { stages: [{ parts }] }
})

export const adamUpdate = onlyWay<'adam-update'>((step, traits) => {
  const { beta1, beta2, epsilon } = step.options
  const states = { moment1: step.reads.moment1, moment2: step.reads.moment2 }
  const parts = updateParts(step, traits, states, (b, slope, state, [rate, rootFactor]) => {
    const [moment1, moment2] = [state('moment1'), state('moment2')]
    const mean = b.mul(moment1.value, b.splat(beta1))
    b.fma(mean, slope, b.splat(1 - beta1))
    moment1.set(mean)
    const square = b.mul(moment2.value, b.splat(beta2))
    b.fma(square, b.mul(slope, slope), b.splat(1 - beta2))
    moment2.set(square)
    const root = b.splat(epsilon)
    b.fma(root, b.unary('sqrt', square), rootFactor!)
    return b.div(b.mul(mean, rate!), root)
  })
  return { stages: [{ parts }] }
})

export const accumulateGradient = onlyWay<'accumulate-gradient'>(({ reads, options }, traits) => {
  const { gradient, total } = reads
  const parts = flatParts(traits, `${gradient.tensor}: its mean`, { gradient, total }, (b, p, vectors) => {
    const share = b.splat(options.share)
    eachVector(b, vectors, [p.gradient!, p.total!], (offset) => {
      const sum = b.load(p.total!, offset)
      b.fma(sum, b.load(p.gradient!, offset), share)
      b.store(p.total!, offset, sum)
    })
  })
  return { stages: [{ parts }] }
})

const PARTIAL = 0

/**
 * Computes a sum of squares for each task of each gradient, then adds them in order, so that the bits do not depend on
 * the number of threads.
 */
export const clipGradients = onlyWay<'clip-gradients'>(({ reads, writes, options }, traits) => {
  let tasks = 0
  const squares = Object.values(reads).flatMap((gradient) => {
    const parts = flatParts(
      traits,
      `${gradient.tensor}: its square`,
      { gradient },
      (b, p, vectors) => {
        const sum = b.splat(0)
        eachVector(b, vectors, [p.gradient!], (offset) => {
          const value = b.load(p.gradient!, offset)
          b.fma(sum, value, value)
        })
        b.store(p.partial!, 0, sum)
      },
      { partial: privateArgument(PARTIAL, 0, [traits.lanes]) },
    )
    return parts.map((part) => {
      const partial = privateArgument(PARTIAL, tasks * traits.lanes, [traits.lanes])
      tasks += part.grid[0]!
      return { ...part, arguments: { ...part.arguments, partial } }
    })
  })
  const b = new ProgramBuilder('gradients: their norm', traits.lanes, ['partial', 'norm', 'factor'])
  const all = b.splat(0)
  const each = b.parameter('partial')
  b.walk(tasks, [[each, b.vectorBytes]], () => b.assign(all, b.add(all, b.load(each))))
  const norm = b.unary('sqrt', b.unary('horizontalSum', all))
  b.storeLane(b.parameter('norm'), 0, norm)
  const limit = b.splat(options.limit)
  const isOver = b.binary('lessThan', limit, norm)
  b.storeLane(b.parameter('factor'), 0, b.select(isOver, b.div(limit, norm), b.splat(1)))
  const reduce: Part = {
    program: b.finish(),
    grid: [1],
    arguments: {
      partial: privateArgument(PARTIAL, 0, []),
      norm: argument(writes.norm, 0, []),
      factor: argument(writes.factor, 0, []),
    },
  }
  return {
    privateBuffers: [{ name: 'squares of gradients', length: tasks * traits.lanes, lifetime: 'step' }],
    stages: [{ parts: squares }, { parts: [reduce] }],
  }
})
