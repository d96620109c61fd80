import { describe, expect, it } from 'vitest'
import type { Assembly } from '../../src/engines/assemble.ts'
import type { Segment } from '../../src/engines/segments.ts'
import type { Network } from '../../src/networks/network.ts'
import { BEFORE_ALL, createPlan, isWritable, type Pass, type Plan } from '../../src/plan/plan.ts'
import { benchmarkTraining, RATES_TENSOR, TURN_TENSOR } from '../../src/plan/training.ts'
import type { View } from '../../src/plan/views.ts'
import { elementCount } from '../../src/tensor.ts'
import { type InlineRun, interpretTarget, openInline } from '../support/inline.ts'
import { DEEP_NETWORKS, dataFor, NETWORKS } from './suite.ts'

const BATCH = 4
const target = interpretTarget(4)
const networks = [...NETWORKS, ...DEEP_NETWORKS]

const planOf = (network: Network, pass: Pass): Plan =>
  createPlan(network, {
    batch: BATCH,
    pass,
    lanes: target.lanes,
    fuses: true,
    ...(pass === 'train' && { training: benchmarkTraining(network) }),
  })

/** All that is given is written. `choice` decides which of a step's candidates is taken. */
function open(plan: Plan, choice: number, threads?: number): InlineRun {
  const run = openInline(
    target,
    plan,
    (candidates) => candidates[choice % candidates.length]!,
    threads === undefined ? {} : { threads },
  )
  const { inputs, parameters } = dataFor(plan.network, BATCH)
  const given: Record<string, ArrayLike<number>> = { ...inputs, ...parameters, [TURN_TENSOR]: [3] }
  for (const [name, { role, shape }] of Object.entries(plan.tensors)) {
    if (name === RATES_TENSOR) run.write(name, new Float32Array(elementCount(shape)).fill(0.01))
    else if (isWritable(role) && given[name]) run.write(name, given[name])
  }
  return run
}

/** The values of a tensor, from its first to its last, with what lies between them. */
function valuesOf(run: InlineRun, view: View): Float32Array {
  const { values, offset } = run.look(view)
  const pitches = [view.imagePitch, view.rowPitch, view.pixelPitch, 1]
  const last = view.shape.reduce((at, extent, axis) => at + (extent - 1) * pitches[axis]!, offset)
  return (values as Float32Array).slice(offset, last + 1)
}

const bitsOf = ({ buffer }: Float32Array): Int32Array => new Int32Array(buffer)

describe.each([
  { pass: 'forward', choices: [0, 1] },
  { pass: 'forward-backward', choices: [0] },
  { pass: 'train', choices: [1] },
] as const)('steps of $pass that are done image by image', ({ pass, choices }) => {
  it.each(networks.map((network) => [network.name, network] as const))(
    'give the bits of steps one by one: %s',
    (_name, network) => {
      const plan = planOf(network, pass)
      const kept = Object.entries(plan.tensors).filter(([, { isKept }]) => isKept)
      expect(kept.length).toBeGreaterThan(0)
      for (const choice of choices) {
        const alone = open(plan, choice)
        for (let step = BEFORE_ALL; step < plan.steps.length; step++) alone.runStep(step)
        const together = open(plan, choice, 1)
        together.run()
        for (const [name, { view }] of kept) {
          const expected = valuesOf(alone, view)
          expect(expected.every(Number.isFinite), name).toBe(true)
          const [bits, expectedBits] = [bitsOf(valuesOf(together, view)), bitsOf(expected)]
          const first = bits.findIndex((each, i) => each !== expectedBits[i])
          expect(first, `the first value of ${name} that differs, with choice ${choice}`).toBe(-1)
        }
      }
    },
  )
})

/** The buffers that a segment's steps use in the slab. */
function outside({ implementations, privateBuffers }: Assembly, { first, end, layout }: Segment): number[] {
  const used = implementations.slice(first, end).flatMap(({ stages }, i) =>
    stages
      .flatMap(({ parts }) => parts.flatMap((part) => Object.values(part.arguments)))
      .flatMap(({ place }) => {
        if (place.kind === 'thread') return []
        return place.kind === 'buffer' ? [place.buffer] : [privateBuffers[first + i]![place.index]!]
      }),
  )
  return [...new Set(used)].filter((id) => !layout.byteOffsets.has(id))
}

describe.each(['forward', 'forward-backward', 'train'] as const)('the memory of %s', (pass) => {
  it('has apart all that a segment uses and what is alive at any of its steps', () => {
    let segmentCount = 0
    for (const network of networks) {
      const { assembly } = openInline(target, planOf(network, pass), undefined, { threads: 1 })
      const { buffers, layout, segments } = assembly
      segmentCount += segments.length
      for (const segment of segments) {
        const alive = buffers.filter(
          ({ id, firstStep, lastStep }) =>
            firstStep < segment.end && lastStep >= segment.first && !segment.layout.byteOffsets.has(id),
        )
        const places = alive.map(({ id, length }) => {
          const from = layout.byteOffsets.get(id)!
          return { id, from, to: from + 4 * length }
        })
        for (const id of outside(assembly, segment)) {
          const own = places.find((place) => place.id === id)!
          const over = places.filter((place) => place.id !== id && place.from < own.to && own.from < place.to)
          expect(
            over.map((place) => buffers[place.id]!.name),
            `over '${buffers[id]!.name}' of ${network.name}`,
          ).toEqual([])
        }
      }
    }
    expect(segmentCount).toBeGreaterThan(networks.length / 2)
  })
})
