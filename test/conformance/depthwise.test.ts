import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { wasmFeatures } from '../../src/codegen/wasm/features.ts'
import { kernelOf, kernels } from '../../src/kernels/index.ts'
import { type ConvOptions, conv, l2Loss } from '../../src/layers/index.ts'
import { defineNetwork, type Network } from '../../src/networks/network.ts'
import { BEFORE_ALL, createPlan } from '../../src/plan/plan.ts'
import { writesOf } from '../../src/plan/steps.ts'
import { elementCount } from '../../src/tensor.ts'
import { checkSteps } from '../support/check-steps.ts'
import { type InlineTarget, interpretTarget, openInline, wasmTarget } from '../support/inline.ts'
import { runnable, x64Target } from '../support/x64.ts'

const targets: readonly InlineTarget[] = [
  wasmTarget(wasmFeatures().relaxedMadd),
  ...runnable.map((name) => x64Target(name)),
  interpretTarget(4),
  interpretTarget(16),
]

const isInterpreted = ({ name }: InlineTarget): boolean => name.startsWith('interpret')

/**
 * A depthwise convolution that reads the images, or the output of a convolution, which is padded to whole vectors; null
 * if it does not fit.
 */
function networkOf(
  [height, width]: readonly [number, number],
  channels: number,
  options: ConvOptions,
  isFirst = false,
): Network | null {
  try {
    return defineNetwork('depthwise', {
      inputs: { images: [height, width, isFirst ? channels : 3] },
      layers: [
        ...(isFirst ? [] : [conv('before', { filters: channels, kernel: 1 })]),
        conv('tested', { ...options, groups: channels }),
        l2Loss('loss'),
      ],
    })
  } catch {
    return null // the window does not fit
  }
}

/** The most candidates that any step of a kind may have. */
const MOST_CANDIDATES = 3

/** Checks every candidate of each step, and that no step is done by the way for groups of any width. */
function checkEveryTile(target: InlineTarget, network: Network, batch: number): void {
  const tiles = new Map<string, Set<string>>()
  const counts = new Map<string, number>()
  for (let choice = 0; choice < MOST_CANDIDATES; choice++) {
    const steps = checkSteps(target, network, batch, choice, {
      choose: (candidates) => candidates[Math.min(choice, candidates.length - 1)]!,
    })
    for (const { step, candidate } of steps) {
      if (step.layer !== 'tested' || !step.kind.startsWith('grouped-conv')) continue
      const { name, lanes, vectorRegisters } = target
      const traits = { name, lanes, vectorRegisters }
      counts.set(step.kind, kernelOf(kernels, step).candidates(step as never, traits).length)
      tiles.set(step.kind, new Set([...(tiles.get(step.kind) ?? []), candidate.tile]))
      expect(candidate.tile, step.kind).toMatch(/^\d+x\d+( by \d+)?x\d+$/)
    }
  }
  expect([...tiles].map(([kind, seen]) => [kind, seen.size])).toEqual([...counts])
}

describe.each(targets.map((target) => ({ target })))(
  'depthwise convolutions on $target.name',
  ({ target }) => {
    const extent = (max: number) => fc.tuple(fc.integer({ min: 1, max }), fc.integer({ min: 1, max }))

    it('agree with float64 in every tile, over any shape', () => {
      const property = fc.property(
        extent(13),
        fc.integer({ min: 2, max: 37 }),
        fc.constantFrom(1, 1, 2, 3),
        fc.record({
          kernel: extent(7),
          stride: extent(3),
          dilation: extent(3),
          padding: fc.constantFrom('same' as const, 'valid' as const, 2),
          biases: fc.boolean(),
          activation: fc.constantFrom(undefined, 'relu' as const),
        }),
        fc.boolean(),
        fc.integer({ min: 1, max: 2 }),
        (size, channels, multiplier, { activation, ...options }, isFirst, batch) => {
          const filters = multiplier * channels
          const network = networkOf(
            size,
            channels,
            { filters, ...options, ...(activation && { activation }) },
            isFirst,
          )
          fc.pre(network !== null)
          checkEveryTile(target, network, batch)
        },
      )
      fc.assert(property, { numRuns: isInterpreted(target) ? 6 : 16 })
    })

    it.each([1, 2])('leave the padded channels zero with a multiplier of %i', (multiplier) => {
      const options = { filters: 5 * multiplier, kernel: 3, stride: 2, padding: 'same' } as const
      const network = networkOf([7, 6], 5, options)!
      const pass = 'forward-backward'
      const plan = createPlan(network, { batch: 1, pass, lanes: target.lanes, keep: 'all' })
      for (let choice = 0; choice < MOST_CANDIDATES; choice++) {
        const run = openInline(target, plan, (all) => all[Math.min(choice, all.length - 1)]!)
        run.write('images', new Float32Array(7 * 6 * 3).fill(1))
        run.runStep(BEFORE_ALL)
        for (const [index, step] of plan.steps.entries()) {
          run.runStep(index)
          for (const view of step.layer === 'tested' ? writesOf(step) : []) {
            const { values, offset } = run.look(view)
            const [, height, width, channels] = view.shape
            const padded = Array.from({ length: height * width }, (_, pixel) => {
              const row = offset + Math.floor(pixel / width) * view.rowPitch
              const at = row + (pixel % width) * view.pixelPitch
              return [...values.subarray(at + channels, at + view.pixelPitch)]
            })
            expect(
              padded.flat().every((value) => value === 0),
              view.tensor,
            ).toBe(true)
          }
        }
      }
    })

    it('with a stride that has more phases than there are registers are done by another way', () => {
      const network = networkOf([13, 12], 9, { filters: 9, kernel: 7, stride: 6, padding: 'same' })!
      checkSteps(target, network, 2, 0)
    })
  },
)

// On `interpret` these would take minutes, and the programs are the same.
describe.each(targets.filter((target) => !isInterpreted(target)).map((target) => ({ target })))(
  'large depthwise convolutions on $target.name',
  ({ target }) => {
    it.each<[size: [number, number], channels: number, options: ConvOptions]>([
      [[29, 23], 70, { filters: 70, kernel: 3, padding: 'same', activation: 'relu' }],
      [[31, 21], 52, { filters: 52, kernel: [3, 5], stride: [2, 3], padding: 'same' }],
      [[27, 26], 36, { filters: 72, kernel: [5, 3], stride: [3, 2], padding: 1 }],
      [[7, 7], 480, { filters: 480, kernel: 3, padding: 1, biases: false }],
      [[21, 30], 33, { filters: 33, kernel: 7, dilation: 2, padding: 'same' }],
    ])(
      'agree with float64 where an image of %s pixels by %i channels is cut into several tasks',
      (size, channels, options) => {
        const network = networkOf(size, channels, options)!
        checkEveryTile(target, network, 1)
        const { name, lanes, vectorRegisters } = target
        const traits = { name, lanes, vectorRegisters }
        const plan = createPlan(network, { batch: 1, pass: 'forward-backward', lanes })
        for (const step of plan.steps) {
          if (!step.kind.startsWith('grouped-conv')) continue
          const rule = kernelOf(kernels, step)
          const { stages } = rule.build(step as never, traits, rule.candidates(step as never, traits)[0]!)
          const tasks = stages[0]!.parts.reduce((total, { grid }) => total + elementCount(grid), 0)
          expect(tasks, step.kind).toBeGreaterThan(2)
        }
      },
    )

    it("sum the weights' gradient without losing digits over many pixels", () => {
      const size = 200
      const network = networkOf([size, size], 2, { filters: 2, kernel: 1, biases: false }, true)!
      const plan = createPlan(network, {
        batch: 2,
        pass: 'forward-backward',
        lanes: target.lanes,
        keep: 'all',
      })
      const run = openInline(target, plan)
      run.write('images', new Float32Array(2 * size * size * 2).fill(0.1))
      run.write('tested/weights', [1, 1])
      for (const index of [BEFORE_ALL, ...plan.steps.keys()]) run.runStep(index)
      const { values, offset } = run.look(plan.tensors['tested/weights.gradient']!.view)
      const value = Math.fround(0.1)
      const truth = 2 * size * size * value ** 2
      expect(Math.abs(values[offset]! / truth - 1)).toBeLessThan(2e-6)
    })
  },
)
