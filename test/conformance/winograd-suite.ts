import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { wasmFeatures } from '../../src/codegen/wasm/features.ts'
import type { Candidate } from '../../src/kernels/kernel.ts'
import type { WinogradCandidate } from '../../src/kernels/winograd/convolution.ts'
import { conv, convTranspose, l2Loss } from '../../src/layers/index.ts'
import { defineNetwork, type Network } from '../../src/networks/network.ts'
import { checkSteps } from '../support/check-steps.ts'
import { type InlineTarget, interpretTarget, wasmTarget } from '../support/inline.ts'
import { runnable, x64Target } from '../support/x64.ts'

const size = fc.integer({ min: 1, max: 40 })
const channels = fc.oneof(fc.integer({ min: 1, max: 21 }), fc.constantFrom(32, 48))

/** Kernels that some set of points has a tile for, with stride 1 and as blocks. */
const window = fc
  .record({
    kernel: fc.tuple(fc.integer({ min: 2, max: 7 }), fc.integer({ min: 2, max: 7 })),
    stride: fc.constantFrom<[number, number]>([1, 1], [1, 1], [1, 1], [2, 2], [3, 2], [4, 4]),
    padding: fc.oneof(
      fc.constantFrom('same' as const, 'valid' as const),
      fc.record({ top: fc.nat(4), bottom: fc.nat(4), left: fc.nat(4), right: fc.nat(4) }),
    ),
  })
  .map(({ kernel: [height, width], stride, padding }) => ({
    kernel: [height * stride[0] - (stride[0] >> 1), width * stride[1] - (stride[1] >> 1)] as [number, number],
    stride,
    padding,
  }))

function networkOf(
  height: number,
  width: number,
  options: Parameters<typeof conv>[1],
  inner: number,
  make: typeof conv | typeof convTranspose = conv,
): Network | null {
  try {
    return defineNetwork('test', {
      inputs: { images: [height, width, 3] },
      layers: [conv('before', { filters: inner, kernel: 1 }), make('tested', options), l2Loss('loss')],
    })
  } catch {
    return null // the window does not fit: another example
  }
}

/** Winograd's candidates, if there are any, one after the other. */
const winogradOf =
  (index: number) =>
  (candidates: readonly Candidate[]): Candidate => {
    const winograd = candidates.filter(({ algorithm }) => algorithm === 'winograd')
    const from = winograd.length > 0 ? winograd : candidates
    return from[index % from.length]!
  }

const targets: readonly InlineTarget[] = [
  wasmTarget(wasmFeatures().relaxedMadd),
  ...runnable.map((name) => x64Target(name)),
  interpretTarget(4),
  interpretTarget(16),
]

/**
 * Winograd's kernels against float64. `runs` is how many shapes are tried on each target; `interpret` takes a quarter. `isFull`
 * tries every set of points too, which takes a minute.
 */
export function winogradConformance(runs: number, isFull: boolean): void {
  describe.each(targets.map((target) => ({ target })))('Winograd on $target.name', ({ target }) => {
    const isInterpreted = target.name.startsWith('interpret')

    it('agrees with float64, over any shape and every tile', () => {
      const property = fc.property(
        fc.record({ height: size, width: size, inner: channels, filters: channels, window }),
        fc.constantFrom(undefined, 'relu' as const),
        fc.integer({ min: 1, max: 3 }),
        fc.nat(),
        ({ height, width, inner, filters, window: w }, activation, batch, choice) => {
          const network = networkOf(
            height,
            width,
            { filters, ...w, ...(activation && { activation }) },
            inner,
          )
          fc.pre(network !== null)
          checkSteps(target, network, batch, choice, { choose: winogradOf(choice) })
        },
      )
      fc.assert(property, { numRuns: isInterpreted ? Math.ceil(runs / 4) : runs })
    })

    it('agrees with float64 in a transposed convolution, whose forward is an input gradient', () => {
      const property = fc.property(
        fc.record({ height: size, width: size, inner: channels, filters: channels, window }),
        fc.record({ biases: fc.boolean(), activation: fc.constantFrom(undefined, 'relu' as const) }),
        fc.integer({ min: 1, max: 3 }),
        fc.nat(),
        ({ height, width, inner, filters, window: w }, { biases, activation }, batch, choice) => {
          // The output is about as large as a convolution's input
          const along = (extent: number, axis: 0 | 1) => Math.ceil(extent / w.stride[axis])
          const network = networkOf(
            along(height, 0),
            along(width, 1),
            { filters, ...w, biases, ...(activation && { activation }) },
            inner,
            convTranspose,
          )
          fc.pre(network !== null)
          checkSteps(target, network, batch, choice, { choose: winogradOf(choice) })
        },
      )
      fc.assert(property, { numRuns: Math.ceil(isInterpreted ? runs / 4 : runs / 2) })
    })

    // On `interpret` that would take minutes; the programs are the same.
    if (!isFull || isInterpreted) return
    it('agrees with float64 on every set of points, in bands and in groups', () => {
      const taken = new Set<string>()
      for (const [extent, kernel, stride] of [
        [6, 3, 1],
        [13, 3, 1],
        [20, 3, 1],
        [27, 5, 1],
        [40, 7, 1],
        [38, 9, 4],
      ] as const) {
        const options = { filters: 20, kernel, stride, padding: 'same', activation: 'relu' } as const
        const network = networkOf(extent, extent, options, 10)!
        // As many as the candidates of any step.
        for (let index = 0, unseen = true; unseen; index++) {
          const before = taken.size
          const steps = checkSteps(target, network, 2, index, { choose: winogradOf(index) })
          for (const { step, candidate } of steps) {
            if (candidate.algorithm !== 'winograd') continue
            const { points, bandRows } = candidate as Partial<WinogradCandidate> & Candidate
            const way = bandRows === undefined ? '' : bandRows === null ? ' groups' : ' bands'
            taken.add(`${step.kind} ${points}${way}`)
          }
          unseen = taken.size > before || index < 30
        }
      }
      const points = [6, 7, 8]
      const waysOf = (counts: number[]) => counts.flatMap((count) => [`${count} groups`, `${count} bands`])
      expect([...taken].sort()).toEqual(
        [
          ...waysOf([4, 5, ...points]).map((way) => `conv-forward ${way}`),
          ...waysOf(points).map((way) => `conv-input-gradient ${way}`),
          ...points.map((count) => `conv-weights-gradient ${count}`),
        ].sort(),
      )
    })
  })
}
