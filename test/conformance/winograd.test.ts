import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { wasmFeatures } from '../../src/codegen/wasm/features.ts'
import { conv, l2Loss } from '../../src/layers/index.ts'
import { defineNetwork, type Network } from '../../src/networks/network.ts'
import { checkSteps } from '../support/check-steps.ts'
import { type InlineTarget, interpretTarget, wasmTarget } from '../support/inline.ts'
import { runnable, x64Target } from '../support/x64.ts'

const targets: { target: InlineTarget; runs: number }[] = [
  { target: wasmTarget(wasmFeatures().relaxedMadd), runs: 60 },
  ...runnable.map((name) => ({ target: x64Target(name), runs: 60 })),
  { target: interpretTarget(4), runs: 10 },
  { target: interpretTarget(16), runs: 10 },
]

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
): Network | null {
  try {
    return defineNetwork('test', {
      inputs: { images: [height, width, 3] },
      layers: [conv('before', { filters: inner, kernel: 1 }), conv('tested', options), l2Loss('loss')],
    })
  } catch {
    return null // the window does not fit: another example
  }
}

describe.each(targets)('Winograd on $target.name', ({ target, runs }) => {
  it('agrees with float64, over any shape, every set of points and every tile', () => {
    const taken = new Set<string>()
    const property = fc.property(
      fc.record({ height: size, width: size, inner: channels, filters: channels, window }),
      fc.constantFrom(undefined, 'relu' as const),
      fc.integer({ min: 1, max: 3 }),
      fc.nat(),
      ({ height, width, inner, filters, window: w }, activation, batch, choice) => {
        const network = networkOf(height, width, { filters, ...w, ...(activation && { activation }) }, inner)
        fc.pre(network !== null)
        const choices = checkSteps(target, network, batch, choice, {
          choose: (candidates) => {
            const winograd = candidates.filter(({ algorithm }) => algorithm === 'winograd')
            const from = winograd.length > 0 ? winograd : candidates
            return from[choice % from.length]!
          },
        })
        for (const { step, algorithm } of choices) if (algorithm === 'winograd') taken.add(step.kind)
      },
    )
    fc.assert(property, { numRuns: runs })
    expect([...taken].sort()).toEqual(['conv-forward', 'conv-input-gradient', 'conv-weights-gradient'])
  })
})
