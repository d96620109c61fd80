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

/** Vectors of bias sums that stay in registers during the loop over pixels. */
const VECTORS_AT_ONCE = 4

/**
 * The gradient through the activation, and the biases' gradient if there are biases: rows are summed alone, then added
 * up for each image, then the images' sums in order.
 */
export const layerOutputGradient = onlyWay<'output-gradient'>((step, traits) => {
  // Without an activation the output is not read.
  const { outputGradient, sums: sumsBefore } = step.reads
  const known = sumsBefore ?? step.reads.output ?? outputGradient
  const { gradient, biasesGradient } = step.writes
  const [images, height, width] = known.shape
  const filters = gradient.pixelPitch
  const { activation } = step.options
  if (!biasesGradient) return { stages: [{ parts: throughRows(step, traits) }] }

  const gradients = vectorBlocks(filters / traits.lanes, VECTORS_AT_ONCE).map((block): Part => {
    const first = block.first * traits.lanes
    const parameters = ['known', 'outputGradient', 'gradient', 'partial']
    const b = new ProgramBuilder(`${step.layer} output gradient`, traits.lanes, parameters)
    const [y, from, to, partial] = parameters.map((name) => b.parameter(name)) as [never, never, never, never]
    const zero = b.splat(0)
    const through = activation && gradientThrough(b, activation)
    const sums: Vector[] = Array.from({ length: block.size }, () => b.splat(0))
    b.loop(block.count, () => {
      for (const v of sums.keys()) b.store(partial, v * b.vectorBytes, zero)
      b.walk(
        height,
        [
          [y, bytes(known.rowPitch)],
          [from, bytes(outputGradient.rowPitch)],
          [to, bytes(gradient.rowPitch)],
        ],
        () => {
          for (const sum of sums) b.assign(sum, zero)
          b.walk(
            width,
            [
              [y, bytes(known.pixelPitch)],
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
          )
          sums.forEach((sum, v) => {
            const offset = v * b.vectorBytes
            b.store(partial, offset, b.add(b.load(partial, offset), sum))
          })
        },
      )
      for (const pointer of [y, from, to, partial]) b.advance(pointer, block.size * b.vectorBytes)
    })
    return {
      program: b.finish(),
      grid: [images],
      arguments: {
        known: argument(known, first, [known.imagePitch]),
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

/** Only the gradient: there is nothing to add up, so it goes row by row. */
function throughRows(
  { layer, reads, writes, options }: StepOfKind<'output-gradient'>,
  traits: TargetTraits,
): Part[] {
  const { activation } = options
  const { outputGradient, sums, output } = reads
  const { gradient } = writes
  const views = { outputGradient, gradient, ...(activation && { known: sums ?? output }) }
  return rowParts(
    traits,
    `${layer} output gradient`,
    views,
    (b, { outputGradient: from, gradient: to, known }) => {
      const through = activation && gradientThrough(b, activation)
      eachVectorOfRow(b, gradient, [from!, to!, ...(known === undefined ? [] : [known])], (offset) => {
        const given = b.load(from!, offset)
        b.store(to!, offset, through && known !== undefined ? through(b.load(known, offset), given) : given)
      })
    },
  )
}
