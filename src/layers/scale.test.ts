import { describe, expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { networkCounts } from '../networks/counts.ts'
import { initializeForTraining, weightDecays } from '../networks/initialize.ts'
import { defineNetwork } from '../networks/network.ts'
import { scaleDefinition as definition, scale } from './scale.ts'

describe('by hand', () => {
  const layer = {
    definition,
    options: { initial: 1 },
    inputShape: [1, 2, 2],
    input: [1, 2, 3, 4],
    parameters: { scale: [10, -1], shift: [0.5, 100] },
  }

  it('multiplies each channel and adds to it', () => {
    expect(forwardOf(layer)).toEqual({ shape: [1, 2, 2], values: [10.5, 98, 30.5, 96] })
    const parameters = { scale: [10, -1] }
    const bare = { ...layer, options: { initial: 1, shift: false }, parameters }
    expect(forwardOf(bare).values).toEqual([10, -2, 30, -4])
  })

  it('sums the gradients of scale and shift over pixels, and adds the input’s to what is there', () => {
    const gradients = backwardOf(layer, [1, 2, 3, 4], 5)
    expect(gradients).toEqual({
      input: [15, 3, 35, 1],
      scale: [1 * 1 + 3 * 3, 2 * 2 + 4 * 4],
      shift: [4, 6],
    })
  })

  it('takes vectors too', () => {
    expect(forwardOf({ ...layer, inputShape: [2], input: [1, 2] })).toEqual({
      shape: [2],
      values: [10.5, 98],
    })
  })
})

describe('per pixel and per value, by hand', () => {
  // Two images of 2 x 1 pixels with two channels
  const images = { definition, batch: 2, inputShape: [2, 1, 2], input: [1, 2, 3, 4, 5, 6, 7, 8] }
  const ofPixels = {
    ...images,
    options: { initial: 1, per: 'pixel' as const },
    parameters: { scale: [10, -1], shift: [0.5, 100] },
  }
  const ofValues = {
    ...images,
    options: { initial: 1, per: 'value' as const },
    parameters: { scale: [10, -1, 2, 0], shift: [0.5, 100, 0, 7] },
  }

  it('takes the pixel’s or the value’s own scale and shift, the same for each image', () => {
    expect(forwardOf(ofPixels).values).toEqual([10.5, 20.5, 97, 96, 50.5, 60.5, 93, 92])
    expect(forwardOf(ofValues).values).toEqual([10.5, 98, 6, 7, 50.5, 94, 14, 7])
  })

  it('sums gradients over images, and those of a pixel over its channels', () => {
    const given = [1, 2, 3, 4, 5, 6, 7, 8]
    expect(backwardOf(ofPixels, given)).toEqual({
      input: [10, 20, -3, -4, 50, 60, -7, -8],
      scale: [1 + 4 + 25 + 36, 9 + 16 + 49 + 64],
      shift: [1 + 2 + 5 + 6, 3 + 4 + 7 + 8],
    })
    expect(backwardOf(ofValues, given)).toEqual({
      input: [10, -2, 6, 0, 50, -6, 14, 0],
      scale: [1 + 25, 4 + 36, 9 + 49, 16 + 64],
      shift: [6, 8, 10, 12],
    })
  })

  it('has as many parameters, and for vectors those of a pixel', () => {
    const shapesOf = (per: 'pixel' | 'value', shape: readonly number[]) =>
      definition.parameters({ initial: 1, per, shift: false }, [shape]).scale!.shape
    expect(shapesOf('pixel', [2, 3, 4])).toEqual([2, 3, 1])
    expect(shapesOf('value', [2, 3, 4])).toEqual([2, 3, 4])
    expect(shapesOf('pixel', [4])).toEqual([1])
    expect(shapesOf('value', [4])).toEqual([4])
  })

  it.each(['pixel', 'value'] as const)('finite differences, per %s', (per) => {
    const errors = gradientErrors({ definition, options: { initial: 1, per }, inputShape: [3, 2, 5] })
    expect(Object.keys(errors)).toEqual(['input', 'scale', 'shift'])
    for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(1e-8)
  })
})

it.each([true, false])('finite differences, shift %s', (shift) => {
  const errors = gradientErrors({ definition, options: { initial: 1, shift }, inputShape: [3, 2, 5] })
  expect(Object.keys(errors)).toEqual(['input', 'scale', ...(shift ? ['shift'] : [])])
  for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(1e-8)
})

it('begins with the initial value, decays like a batch norm, and has no shift if that is false', () => {
  const network = defineNetwork('n', {
    inputs: { images: [2, 2, 3] },
    layers: [
      scale('plain'),
      scale('small', { initial: 1e-6, shift: false, decay: 0.05 }),
      scale('own', { decay: 0.01 }),
    ],
  })
  const parameters = initializeForTraining(network, { seed: 1 })
  expect(Object.keys(parameters)).toEqual([
    'plain/scale',
    'plain/shift',
    'small/scale',
    'own/scale',
    'own/shift',
  ])
  expect([...parameters['plain/scale']!, ...parameters['plain/shift']!]).toEqual([1, 1, 1, 0, 0, 0])
  expect([...parameters['small/scale']!]).toEqual([1, 1, 1].map(() => Math.fround(1e-6)))
  expect(weightDecays(network, 0.1)).toEqual({
    'plain/scale': 0,
    'plain/shift': 0,
    'small/scale': 0.05,
    'own/scale': 0.01,
    'own/shift': 0.01,
  })
})

it('has constants, which no optimizer changes, if it is not trained', () => {
  const network = defineNetwork('n', {
    inputs: { images: [2, 2, 3] },
    layers: [scale('fixed', { initial: 2, trained: false, decay: 0.1 }), scale('bare')],
  })
  const { parameters } = network.layers[0]!
  expect(Object.values(parameters).map(({ role }) => role)).toEqual(['constant', 'constant'])
  const initial = initializeForTraining(network, { seed: 1 })
  expect([...initial['fixed/scale']!, ...initial['fixed/shift']!]).toEqual([2, 2, 2, 0, 0, 0])
  expect(Object.keys(weightDecays(network, 0.1))).toEqual(['bare/scale', 'bare/shift'])
  expect(networkCounts(network)).toMatchObject({ parameters: 6, constants: 6, statistics: 0 })
})

it('refuses values of the wrong kind, and unknown options', () => {
  expect(scale('s').options).toEqual({ initial: 1 })
  expect(() => scale('s', { initial: Number.NaN })).toThrow(/^s: initial is NaN/)
  expect(() => scale('s', { shift: 0 as never })).toThrow(/^s: shift is 0/)
  expect(() => scale('s', { per: 'image' as never })).toThrow(/^s: unknown per 'image'/)
  expect(() => scale('s', { decay: -1 })).toThrow(/^s: decay is -1/)
  expect(() => scale('s', { activation: 'relu' } as never)).toThrow(/^s: unknown option 'activation'/)
})
