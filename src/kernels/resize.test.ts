import { expect, it } from 'vitest'
import { conv, l2Loss, resize } from '../layers/index.ts'
import { defineNetwork } from '../networks/network.ts'
import { createPlan } from '../plan/plan.ts'
import type { StepOfKind } from '../plan/steps.ts'
import { resizeBackward, resizeForward } from './resize.ts'

/** WebAssembly allows a function so many local variables; each pointer and each vector is one. */
const MOST_LOCALS = 50_000

it('a long row, each pixel of which has weights of its own, is divided among programs that WebAssembly allows', () => {
  const network = defineNetwork('long rows', {
    inputs: { images: [1, 1999, 1] },
    layers: [
      conv('stem', { filters: 16, kernel: 1 }),
      resize('resized', { size: [1, 2503], mode: 'linear' }),
      l2Loss('loss'),
    ],
  })
  const traits = { name: 'wasm', lanes: 4, vectorRegisters: 16 }
  const plan = createPlan(network, { batch: 1, pass: 'forward-backward', lanes: traits.lanes })
  const stepOf = <Kind extends 'resize-forward' | 'resize-backward'>(kind: Kind) =>
    plan.steps.find((step) => step.kind === kind) as StepOfKind<Kind>
  const only = { algorithm: 'plain', tile: '' }
  const built = [
    resizeForward.build(stepOf('resize-forward'), traits, only),
    resizeBackward.build(stepOf('resize-backward'), traits, only),
  ]
  for (const { program } of built.flatMap(({ stages }) => stages).flatMap(({ parts }) => parts))
    expect(program.pointers + program.vectors).toBeLessThan(MOST_LOCALS)
})
