import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { convolvePixel, inputGradientPixel } from '../layers/conv.ts'
import { conv, l2Loss } from '../layers/index.ts'
import { defineNetwork } from '../networks/network.ts'
import { createPlan } from '../plan/plan.ts'
import { gridOf, type View } from '../plan/views.ts'
import { pixelAt } from '../tensor.ts'
import { denseParameter, type Look } from './comparison.ts'
import {
  errorBesideOutliers,
  isWindowed,
  putOutliers,
  sourceOf,
  takeOutliers,
  targetOf,
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

/** A convolution's step over noise, in memory of its own. */
function stepOver(kind: WindowedStep['kind'], { height, width, kernel, stride, padding, images }: Extents) {
  const network = defineNetwork('one', {
    inputs: { images: [height, width, 2] },
    layers: [
      conv('first', { filters: CHANNELS, kernel: 1 }),
      conv('conv', { filters: CHANNELS, kernel, stride, padding: Math.min(padding, kernel - 1) }),
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

/** All that the step should write, by the plain loops; gives each value's place. */
function run(step: WindowedStep, look: Look): { image: number; y: number; x: number; index: number }[] {
  const [source, target, weights] = [
    look(sourceOf(step)),
    look(targetOf(step)),
    denseParameter(look(step.reads.weights)),
  ]
  const { geometry } = step.options
  const [images, height, width, channels] = target.shape
  const places = []
  const sums = new Float64Array(channels)
  for (let image = 0; image < images; image++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (step.kind === 'conv-forward') {
          const biases = denseParameter(look(step.reads.biases!))
          convolvePixel(geometry, source, weights, biases, image, y, x, 0, sums)
        } else inputGradientPixel(geometry, source, weights, channels, image, y, x, 0, sums)
        const index = pixelAt(target, image, y, x)
        target.values.set(sums, index)
        places.push(...Array.from(sums, (_, c) => ({ image, y, x, index: index + c })))
      }
    }
  }
  return places
}

describe('the error beside outliers', () => {
  it('is that of all outputs near them, but of none that reads one', () => {
    const property = fc.property(kinds, extents, fc.nat(), (kind, sizes, random) => {
      const { step, look } = stepOver(kind, sizes)
      const outliers = putOutliers(step, look)
      const [source, target] = [look(sourceOf(step)), look(targetOf(step))]
      // What reads a NaN is NaN
      for (const { index } of outliers) source.values[index] = Number.NaN
      const places = run(step, look)
      const reads = places.filter(({ index }) => Number.isNaN(target.values[index]))
      const near = places.filter(
        ({ image, y, x, index }) =>
          !Number.isNaN(target.values[index]) &&
          reads.some((other) => other.image === image && Math.hypot(other.y - y, other.x - x) <= 8),
      )
      const error = errorBesideOutliers(step, look, outliers)
      // A stride over the kernel may leave the outlier to no output, one at the edge may leave outputs nothing to read
      if (near.every(({ index }) => target.values[index] === 0)) return
      expect(error).toBeLessThan(1e-6)
      const { index } = near[random % near.length]!
      target.values[index]! += 1e4
      expect(errorBesideOutliers(step, look, outliers)).toBeGreaterThan(100)
      target.values[index] = Number.NaN
      expect(errorBesideOutliers(step, look, outliers)).toBeNaN()
    })
    fc.assert(property, { numRuns: 100 })
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
    const outliers = putOutliers(step, look)
    run(step, look)
    expect(errorBesideOutliers(step, look, outliers)).toBeNull()
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
    const outliers = putOutliers(step, look)
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
