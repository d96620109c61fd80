import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { activate } from '../layers/activation.ts'
import { convolvePixel, inputGradientPixel } from '../layers/conv.ts'
import { conv, convTranspose, l2Loss } from '../layers/index.ts'
import { defineNetwork } from '../networks/network.ts'
import { createPlan } from '../plan/plan.ts'
import { gridOf, type View } from '../plan/views.ts'
import { pixelAt } from '../tensor.ts'
import { denseParameter, type Look } from './comparison.ts'
import {
  errorOf,
  isWindowed,
  outputOf,
  outputsBeside,
  putOutliers,
  sourceOf,
  takeOutliers,
  type WindowedStep,
} from './outlier.ts'

const CHANNELS = 3

interface Extents {
  readonly height: number
  readonly width: number
  readonly kernel: number
  readonly stride: number
  readonly padding: number
  readonly images: number
}

const extents: fc.Arbitrary<Extents> = fc.record({
  height: fc.integer({ min: 4, max: 24 }),
  width: fc.integer({ min: 4, max: 24 }),
  kernel: fc.integer({ min: 1, max: 4 }),
  stride: fc.integer({ min: 1, max: 3 }),
  padding: fc.integer({ min: 0, max: 2 }),
  images: fc.integer({ min: 1, max: 6 }),
})
const kinds = fc.constantFrom('conv-forward' as const, 'conv-input-gradient' as const)

/** A step of a convolution or a transposed convolution over noise, in memory of its own. */
function stepOver(
  kind: WindowedStep['kind'],
  { height, width, kernel, stride, padding, images }: Extents,
  isTransposed = false,
) {
  const options = { filters: CHANNELS, kernel, stride, padding: Math.min(padding, kernel - 1) }
  const network = defineNetwork('one', {
    inputs: { images: [height, width, 2] },
    layers: [
      conv('first', { filters: CHANNELS, kernel: 1 }),
      isTransposed ? convTranspose('conv', { ...options, activation: 'relu' }) : conv('conv', options),
      l2Loss('loss'),
    ],
  })
  const plan = createPlan(network, { batch: images, pass: 'forward-backward', lanes: 1, keep: 'all' })
  const memory = plan.buffers.map(({ id, length }) =>
    Float32Array.from({ length }, (_, i) => Math.sin(7.3 * i + id)),
  )
  const look: Look = (view: View) => gridOf(view, memory[view.buffer]!, 0)
  const step = plan.steps.filter(isWindowed).find((each) => each.layer === 'conv' && each.kind === kind)!
  return { step, look }
}

/** Computes all that the step should write, by the plain loops, and returns each value's position. */
function run(step: WindowedStep, look: Look): { image: number; y: number; x: number; index: number }[] {
  const [source, written, weights] = [
    look(sourceOf(step)),
    look(outputOf(step)),
    denseParameter(look(step.reads.weights)),
  ]
  const biases = step.reads.biases && denseParameter(look(step.reads.biases))
  const { geometry } = step.options
  const [images, height, width, channels] = written.shape
  const places = []
  const sums = new Float64Array(channels)
  for (let image = 0; image < images; image++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (step.kind === 'conv-forward')
          convolvePixel({ geometry }, source, weights, null, image, y, x, 0, sums)
        else inputGradientPixel({ geometry }, source, weights, channels, image, y, x, 0, sums)
        const index = pixelAt(written, image, y, x)
        sums.forEach((sum, c) => {
          written.values[index + c] = activate(step.options, sum + (biases?.[c] ?? 0))
        })
        places.push(...Array.from(sums, (_, c) => ({ image, y, x, index: index + c })))
      }
    }
  }
  return places
}

describe('the error beside outliers', () => {
  it('is that of all outputs near them, but of none that reads one', () => {
    const property = fc.property(
      kinds,
      extents,
      fc.boolean(),
      fc.nat(),
      (kind, sizes, isTransposed, random) => {
        const { step, look } = stepOver(kind, sizes, isTransposed)
        const outliers = putOutliers(step, look, { index: 0, count: 1 })
        const [source, written] = [look(sourceOf(step)), look(outputOf(step))]
        // What reads a NaN becomes NaN
        for (const { index } of outliers) source.values[index] = Number.NaN
        const places = run(step, look)
        const reads = places.filter(({ index }) => Number.isNaN(written.values[index]))
        const near = places.filter(
          ({ image, y, x, index }) =>
            !Number.isNaN(written.values[index]) &&
            reads.some((other) => other.image === image && Math.hypot(other.y - y, other.x - x) <= 8),
        )
        const error = errorOf([outputsBeside(step, look, outliers)])
        // If the stride exceeds the kernel, no output may read the outlier; at the edge, outputs may have nothing to read
        if (near.every(({ index }) => written.values[index] === 0)) return
        expect(error).toBeLessThan(1e-6)
        const { index } = near[random % near.length]!
        written.values[index]! += 1e4
        expect(errorOf([outputsBeside(step, look, outliers)])).toBeGreaterThan(100)
        written.values[index] = Number.NaN
        expect(errorOf([outputsBeside(step, look, outliers)])).toBeNaN()
      },
    )
    fc.assert(property, { numRuns: 150 })
  })

  it('is none where every output reads one', () => {
    const { step, look } = stepOver('conv-forward', {
      height: 4,
      width: 4,
      kernel: 4,
      stride: 1,
      padding: 0,
      images: 2,
    })
    const outliers = putOutliers(step, look, { index: 0, count: 1 })
    run(step, look)
    expect(errorOf([outputsBeside(step, look, outliers)])).toBeNull()
  })

  it('is found with a value a million times as large as the others, that is taken away again', () => {
    const { step, look } = stepOver('conv-forward', {
      height: 9,
      width: 9,
      kernel: 3,
      stride: 1,
      padding: 1,
      images: 6,
    })
    const { values } = look(sourceOf(step))
    const before = values.slice()
    const outliers = putOutliers(step, look, { index: 0, count: 1 })
    const changed = [...values.keys()].filter((i) => values[i] !== before[i])
    expect(changed).toEqual(outliers.map(({ index }) => index).sort((a, b) => a - b))
    expect(new Set(outliers.map(({ image }) => image)).size).toBe(4)
    for (const index of changed) {
      // The sine's root mean square is 0.71
      expect(values[index]).toBeGreaterThan(6e5)
      expect(values[index]).toBeLessThan(8e5)
    }
    takeOutliers(step, look, outliers)
    expect(values).toEqual(before)
  })
})
