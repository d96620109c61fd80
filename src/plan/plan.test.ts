import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { conv, dense, dropout, l2Loss, lrn, maxPool, relu, softmaxLoss } from '../layers/index.ts'
import { windowGeometry } from '../layers/window.ts'
import { alexnet } from '../networks/alexnet.ts'
import { defineNetwork } from '../networks/network.ts'
import { inputGradientHalo, inputGradientPhases } from './geometry.ts'
import { layOutMemory } from './memory.ts'
import { AFTER_ALL, BEFORE_ALL, createPlan } from './plan.ts'
import type { Buffer, View } from './views.ts'

const tower = alexnet()

describe('memory', () => {
  const buffers = fc.array(
    fc
      .record({ length: fc.integer({ min: 1, max: 500 }), a: fc.nat(12), b: fc.nat(12) })
      .map(({ length, a, b }) => ({
        length,
        firstStep: Math.min(a, b),
        lastStep: Math.max(a, b),
      })),
    { maxLength: 40 },
  )

  it('never gives two buffers one place while both are needed', () => {
    fc.assert(
      fc.property(buffers, (wanted) => {
        const all: Buffer[] = wanted.map((buffer, id) => ({ id, name: `${id}`, ...buffer }))
        const { byteOffsets, byteLength } = layOutMemory(all)
        const placed = all.map((buffer) => {
          const from = byteOffsets.get(buffer.id)!
          return { ...buffer, from, to: from + 4 * buffer.length }
        })
        for (const a of placed) {
          expect(a.from % 64).toBe(0)
          expect(a.to).toBeLessThanOrEqual(byteLength)
          for (const b of placed) {
            if (a.id >= b.id || a.lastStep < b.firstStep || b.lastStep < a.firstStep) continue
            expect(a.to <= b.from || b.to <= a.from).toBe(true)
          }
        }
      }),
    )
  })

  it("needs far less for the tower's forward than the sum of its activations", () => {
    const plan = createPlan(tower, { batch: 32, pass: 'forward' })
    const written = plan.buffers.filter(({ firstStep }) => firstStep !== BEFORE_ALL)
    const kept = plan.buffers.filter(({ firstStep }) => firstStep === BEFORE_ALL)
    const sum = (some: readonly Buffer[]) => 4 * some.reduce((total, { length }) => total + length, 0)
    const packed = layOutMemory(plan.buffers).byteLength - sum(kept)
    expect(packed).toBeLessThan(0.55 * sum(written))
  })
})

describe('a plan', () => {
  it('has the steps of the pass, in order, and nothing that nobody asked for', () => {
    const kinds = (pass: 'forward' | 'forward-backward') =>
      createPlan(tower, { batch: 2, pass }).steps.map(({ kind, layer }) => `${kind} ${layer}`)
    expect(kinds('forward')).toHaveLength(10)
    expect(kinds('forward')).not.toContain('l2-loss-forward loss')
    const both = kinds('forward-backward')
    expect(both.indexOf('l2-loss-backward loss')).toBeLessThan(both.indexOf('max-pool-backward pool5'))
    // The images have no gradient.
    expect(both).not.toContain('conv-input-gradient conv1')
    expect(both.at(-1)).toBe('conv-weights-gradient conv1')
  })

  it('keeps outputs, parameters and gradients, and activations when asked', () => {
    const { tensors, buffers, outputs } = createPlan(tower, {
      batch: 2,
      pass: 'forward-backward',
      keep: ['conv2'],
    })
    const kept = Object.keys(tensors).filter((name) => tensors[name]!.isKept)
    expect(kept).toContain('conv2')
    expect(kept).toContain('conv1/weights.gradient')
    expect(kept).not.toContain('conv3')
    expect(outputs).toEqual(expect.arrayContaining(['pool5', 'loss', 'conv5/biases.gradient']))
    expect(outputs).toHaveLength(12)
    for (const name of kept) expect(buffers[tensors[name]!.view.buffer]!.lastStep).toBe(AFTER_ALL)
    const all = createPlan(tower, { batch: 2, pass: 'forward', keep: 'all' }).tensors
    expect(Object.values(all).every(({ isKept }) => isKept)).toBe(true)
    const printed = createPlan(tower, { batch: 2, pass: 'forward', keep: 'printed' }).tensors
    expect([printed.conv1!.isKept, printed.lrn1!.isKept]).toEqual([true, false])
  })

  it('gives each tensor the halo of its widest reader, and rounds channels up to the vector', () => {
    const network = defineNetwork('readers', {
      inputs: { images: [9, 9, 3] },
      layers: [
        conv('a', { filters: 5, kernel: 1 }),
        conv('wide', { filters: 2, kernel: 5, padding: 'same', inputs: ['a'] }),
        conv('tall', {
          filters: 2,
          kernel: [7, 1],
          padding: { top: 6, bottom: 0, left: 0, right: 0 },
          inputs: ['a'],
        }),
      ],
    })
    const { a, images } = createPlan(network, { batch: 1, pass: 'forward', lanes: 8 }).tensors
    expect(a!.view.halo).toEqual({ top: 6, bottom: 2, left: 2, right: 2 })
    expect(a!.view.pixelPitch).toBe(8)
    expect(images!.view.pixelPitch).toBe(3)
  })

  it('refuses what can not be', () => {
    expect(() => createPlan(tower, { batch: 1.5, pass: 'forward' })).toThrow('batch is 1.5')
    expect(() => createPlan(tower, { batch: 1, pass: 'backward' as never })).toThrow(
      "unknown pass 'backward'",
    )
    expect(() => createPlan(tower, { batch: 1, pass: 'forward', keep: ['pool9'] })).toThrow(
      "did you mean 'pool",
    )
    const lossless = defineNetwork('lossless', {
      inputs: { x: [4, 4, 1] },
      layers: [conv('c', { filters: 1, kernel: 1 })],
    })
    expect(() => createPlan(lossless, { batch: 1, pass: 'forward-backward' })).toThrow(
      "lossless: forward-backward needs a loss, and none depends on 'c'",
    )
  })

  it('puts sigmoid and tanh behind the sums as a step, ReLU and nothing into their own', () => {
    const network = defineNetwork('activated', {
      inputs: { images: [6, 6, 3] },
      layers: [
        conv('a', { filters: 2, kernel: 3, padding: 'same', activation: 'sigmoid' }),
        conv('b', { filters: 2, kernel: 3, padding: 'same', activation: 'relu' }),
        dense('c', { units: 2, activation: 'tanh' }),
        dense('d', { units: 2 }),
        l2Loss('loss'),
      ],
    })
    const { steps, tensors } = createPlan(network, { batch: 1, pass: 'forward-backward' })
    const forward = steps.filter(({ pass }) => pass === 'forward')
    expect(forward.map(({ kind, writes }) => [kind, Object.values<View>(writes)[0]!.tensor])).toEqual([
      ['conv-forward', 'a/sums'],
      ['activation-forward', 'a'],
      ['conv-forward', 'b'],
      ['dense-forward', 'c/sums'],
      ['activation-forward', 'c'],
      ['dense-forward', 'd'],
      ['l2-loss-forward', 'loss'],
    ])
    expect(forward.map(({ options }) => (options as { activation?: string }).activation)).toEqual([
      undefined,
      'sigmoid',
      'relu',
      undefined,
      'tanh',
      undefined,
      undefined,
    ])
    expect(tensors.a!.view.halo).toEqual({ top: 1, bottom: 1, left: 1, right: 1 })
    const gradients = steps.filter((step) => step.kind === 'output-gradient')
    expect(gradients.map(({ options }) => options.activation)).toEqual([undefined, 'tanh', 'relu', 'sigmoid'])
  })

  it('plans layers that read the images themselves, without a gradient for them', () => {
    const network = defineNetwork('plain', {
      inputs: { images: [6, 6, 3] },
      layers: [relu('r'), lrn('n'), maxPool('p', { kernel: 2 }), l2Loss('loss')],
    })
    const { steps, tensors } = createPlan(network, { batch: 1, pass: 'forward-backward' })
    expect(steps.filter(({ pass }) => pass === 'backward')).toEqual([])
    expect(tensors.images!.view.pixelPitch).toBe(4)
  })
})

describe('dropout in a plan', () => {
  const network = defineNetwork('dropped', {
    inputs: { images: [9, 9, 3] },
    layers: [
      conv('a', { filters: 4, kernel: 1 }),
      dropout('once'),
      dropout('twice'),
      conv('b', { filters: 4, kernel: 3, padding: 'same' }),
      l2Loss('loss'),
    ],
  })

  it('is no step in forward, where its tensor is its input, with the halo that its readers need', () => {
    const { steps, tensors } = createPlan(network, { batch: 2, pass: 'forward', keep: ['once'] })
    expect(steps.map(({ kind }) => kind)).toEqual(['conv-forward', 'conv-forward'])
    expect(tensors.twice!.view).toBe(tensors.a!.view)
    expect(tensors.a!.view.halo).toEqual({ top: 1, bottom: 1, left: 1, right: 1 })
  })

  it('keeps the memory of a tensor that is kept by its other name', () => {
    const lastStep = (keep: string[]) => {
      const { tensors, buffers } = createPlan(network, { batch: 2, pass: 'forward', keep })
      return buffers[tensors.a!.view.buffer]!.lastStep
    }
    expect(lastStep([])).toBe(1)
    expect(lastStep(['twice'])).toBe(AFTER_ALL)
  })

  it('is a step forward and one backward where gradients are wanted', () => {
    const { steps, tensors } = createPlan(network, { batch: 2, pass: 'forward-backward' })
    const kinds = steps.filter(({ layer }) => layer === 'once').map(({ kind }) => kind)
    expect(kinds).toEqual(['dropout-forward', 'dropout-backward'])
    expect(tensors.once!.view.buffer).not.toBe(tensors.a!.view.buffer)
    expect(tensors.a!.view.halo.top).toBe(0)
    expect(tensors.twice!.view.halo.top).toBe(1)
  })
})

it('leaves labels out where their loss is left out', () => {
  const network = defineNetwork('classes', {
    inputs: { images: [4, 4, 3], labels: [] },
    layers: [dense('a', { units: 5 }), softmaxLoss('loss', { inputs: ['a', 'labels'] })],
  })
  const [forward, both] = (['forward', 'forward-backward'] as const).map(
    (pass) => createPlan(network, { batch: 2, pass }).tensors,
  )
  expect(Object.keys(forward!)).toEqual(['images', 'a/weights', 'a/biases', 'a'])
  expect(both!.labels!.shape).toEqual([2])
  expect(both!.a!.shape).toEqual([2, 5])
})

describe('the phases of an input gradient', () => {
  const windows = fc.record({
    input: fc.integer({ min: 1, max: 20 }),
    kernel: fc.integer({ min: 1, max: 7 }),
    stride: fc.integer({ min: 1, max: 8 }),
    padding: fc.oneof(fc.constantFrom('same' as const, 'valid' as const), fc.integer({ min: 0, max: 6 })),
  })

  it('meet every pair of output and tap once, at the input position that it read', () => {
    fc.assert(
      fc.property(windows, ({ input, kernel, stride, padding }) => {
        fc.pre(
          typeof padding === 'number' ? kernel <= input + 2 * padding : padding === 'same' || kernel <= input,
        )
        const g = windowGeometry('w', { kernel: [kernel, 1], stride: [stride, 1], padding }, input, 1)
        const halo = inputGradientHalo(g)
        const met: string[] = []
        const positions: number[] = []
        const vertical = new Set(inputGradientPhases(g).map((phase) => phase.vertical))
        for (const { first, count, stride: step, taps, firstOutput } of vertical) {
          for (let j = 0; j < count; j++) {
            const position = first + j * step
            positions.push(position)
            taps.forEach((tap, t) => {
              const output = firstOutput + j + t
              expect(output).toBeGreaterThanOrEqual(-halo.top)
              expect(output).toBeLessThan(g.outputHeight + halo.bottom)
              if (output < 0 || output >= g.outputHeight) return
              expect(output * g.strideHeight + tap - g.top).toBe(position)
              met.push(`${output} ${tap}`)
            })
          }
        }
        expect(positions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: input }, (_, i) => i))
        const wanted: string[] = []
        for (let output = 0; output < g.outputHeight; output++) {
          for (let tap = 0; tap < kernel; tap++) {
            const position = output * stride + tap - g.top
            if (position >= 0 && position < input) wanted.push(`${output} ${tap}`)
          }
        }
        expect(met.toSorted()).toEqual(wanted.toSorted())
      }),
    )
  })
})
