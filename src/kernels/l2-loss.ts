import { FLOAT_BYTES, ProgramBuilder } from '../codegen/program.ts'
import { argument, onlyWay, type Part, privateArgument } from './kernel.ts'
import { eachVectorOfRow, rowParts } from './rows.ts'

const PARTIAL = 0

/** Computes a vector of sums for each row, adds the rows of each image, then the images in order. */
export const l2LossForward = onlyWay<'l2-loss-forward'>((step, traits) => {
  const { input } = step.reads
  const [images, height] = input.shape
  const image = new ProgramBuilder(`${step.layer} of an image`, traits.lanes, ['input', 'partial'])
  const [from, partial] = [image.parameter('input'), image.parameter('partial')]
  const sum = image.splat(0)
  image.walk(height, [[from, input.rowPitch * FLOAT_BYTES]], () => {
    const row = image.splat(0)
    eachVectorOfRow(image, input, [from], (offset) => {
      const value = image.load(from, offset)
      image.fma(row, value, value)
    })
    image.assign(sum, image.add(sum, row))
  })
  image.store(partial, 0, sum)

  const total = new ProgramBuilder(step.layer, traits.lanes, ['partial', 'loss'])
  const all = total.splat(0)
  const each = total.parameter('partial')
  total.walk(images, [[each, total.vectorBytes]], () => total.assign(all, total.add(all, total.load(each))))
  const half = total.mul(total.unary('horizontalSum', all), total.splat(0.5))
  total.storeLane(total.parameter('loss'), 0, half)

  const sums: Part = {
    program: image.finish(),
    grid: [images],
    arguments: {
      input: argument(input, 0, [input.imagePitch]),
      partial: privateArgument(PARTIAL, 0, [traits.lanes]),
    },
  }
  const reduce: Part = {
    program: total.finish(),
    grid: [1],
    arguments: { partial: privateArgument(PARTIAL, 0, []), loss: argument(step.writes.output, 0, []) },
  }
  return {
    privateBuffers: [{ name: `${step.layer}/partial`, length: images * traits.lanes, lifetime: 'step' }],
    stages: [{ parts: [sums] }, { parts: [reduce] }],
  }
})

/** The gradient of sum(x^2) / 2 is x. */
export const l2LossBackward = onlyWay<'l2-loss-backward'>((step, traits) => {
  const views = { ...step.reads, ...step.writes }
  const parts = rowParts(traits, `${step.layer} gradient`, views, (b, { input, inputGradient }) => {
    eachVectorOfRow(b, views.input, [input!, inputGradient!], (offset) => {
      b.store(inputGradient!, offset, b.load(input!, offset))
    })
  })
  return { stages: [{ parts }] }
})
