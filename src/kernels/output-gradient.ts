import { ProgramBuilder, type Vector } from '../codegen/program.ts'
import type { StepOfKind } from '../plan/steps.ts'
import { gradientThrough } from './activation.ts'
import {
  argument,
  bytes,
  onlyWay,
  type Part,
  privateArgument,
  type TargetTraits,
  vectorBlocks,
} from './kernel.ts'
import { eachVectorOfRow, rowParts } from './rows.ts'

const PARTIAL = 0

/** Sums of biases that stay in registers while the pixels go by. */
const VECTORS_AT_ONCE = 4

/** The gradient through the activation, and the biases' gradient where there are any: a sum for each image, then those in order. */
export const layerOutputGradient = onlyWay<'output-gradient'>((step, traits) => {
  // Without an activation nothing is read of it.
  const { outputGradient, output = outputGradient } = step.reads
  const { gradient, biasesGradient } = step.writes
  const [images, height, width] = output.shape
  const filters = gradient.pixelPitch
  const { activation } = step.options
  if (!biasesGradient) return { stages: [{ parts: throughRows(step, traits) }] }

  const gradients = vectorBlocks(filters / traits.lanes, VECTORS_AT_ONCE).map((block): Part => {
    const first = block.first * traits.lanes
    const parameters = ['output', 'outputGradient', 'gradient', 'partial']
    const b = new ProgramBuilder(`${step.layer} output gradient`, traits.lanes, parameters)
    const [y, from, to, partial] = parameters.map((name) => b.parameter(name)) as [never, never, never, never]
    const zero = b.splat(0)
    const through = activation && gradientThrough(b, activation)
    const sums: Vector[] = Array.from({ length: block.size }, () => b.splat(0))
    b.loop(block.count, () => {
      for (const sum of sums) b.assign(sum, zero)
      b.walk(
        height,
        [
          [y, bytes(output.rowPitch)],
          [from, bytes(outputGradient.rowPitch)],
          [to, bytes(gradient.rowPitch)],
        ],
        () =>
          b.walk(
            width,
            [
              [y, bytes(output.pixelPitch)],
              [from, bytes(outputGradient.pixelPitch)],
              [to, bytes(gradient.pixelPitch)],
            ],
            () => {
              sums.forEach((sum, v) => {
                const offset = v * b.vectorBytes
                const given = b.load(from, offset)
                const value = through ? through(b.load(y, offset), given) : given
                b.store(to, offset, value)
                b.assign(sum, b.add(sum, value))
              })
            },
          ),
      )
      sums.forEach((sum, v) => {
        b.store(partial, v * b.vectorBytes, sum)
      })
      for (const pointer of [y, from, to, partial]) b.advance(pointer, block.size * b.vectorBytes)
    })
    return {
      program: b.finish(),
      grid: [images],
      arguments: {
        output: argument(output, first, [output.imagePitch]),
        outputGradient: argument(outputGradient, first, [outputGradient.imagePitch]),
        gradient: argument(gradient, first, [gradient.imagePitch]),
        partial: privateArgument(PARTIAL, first, [filters]),
      },
    }
  })

  const b = new ProgramBuilder(`${step.layer} biases gradient`, traits.lanes, ['partial', 'biases'])
  const [partial, biases] = [b.parameter('partial'), b.parameter('biases')]
  b.loop(filters / traits.lanes, () => {
    const sum = b.splat(0)
    b.walk(images, [[partial, bytes(filters)]], () => b.assign(sum, b.add(sum, b.load(partial))))
    b.store(biases, 0, sum)
    b.advance(partial, b.vectorBytes)
    b.advance(biases, b.vectorBytes)
  })
  const reduce: Part = {
    program: b.finish(),
    grid: [1],
    arguments: { partial: privateArgument(PARTIAL, 0, []), biases: argument(biasesGradient, 0, []) },
  }
  return {
    privateBuffers: [
      { name: `${step.layer}/biases.gradient partial`, length: images * filters, lifetime: 'step' },
    ],
    stages: [{ parts: gradients }, { parts: [reduce] }],
  }
})

/** The gradient alone: with nothing to add up, row by row. */
function throughRows(
  { layer, reads, writes, options }: StepOfKind<'output-gradient'>,
  traits: TargetTraits,
): Part[] {
  const { activation } = options
  const { outputGradient } = reads
  const { gradient } = writes
  const views = { outputGradient, gradient, ...(activation && { output: reads.output }) }
  return rowParts(
    traits,
    `${layer} output gradient`,
    views,
    (b, { outputGradient: from, gradient: to, output }) => {
      const through = activation && gradientThrough(b, activation)
      eachVectorOfRow(b, gradient, [from!, to!, ...(output === undefined ? [] : [output])], (offset) => {
        const given = b.load(from!, offset)
        b.store(to!, offset, through && output !== undefined ? through(b.load(output, offset), given) : given)
      })
    },
  )
}
