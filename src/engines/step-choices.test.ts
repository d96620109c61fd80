import { describe, expect, it } from 'vitest'
import { kernels } from '../kernels/index.ts'
import { type Candidate, candidateName } from '../kernels/kernel.ts'
import { conv, dense, l2Loss } from '../layers/index.ts'
import { defineNetwork } from '../networks/network.ts'
import { sgd } from '../optimizers/index.ts'
import { createPlan, type Pass } from '../plan/plan.ts'
import type { Step, StepKind } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'
import { StepChoices } from './step-choices.ts'

const traits = { name: 'any', lanes: 4, vectorRegisters: 16 }
const CONV = { filters: 8, kernel: [3, 5], stride: [2, 1] } as const

interface Changes {
  readonly image?: readonly [number, number, number]
  readonly conv?: Partial<{
    filters: number
    kernel: readonly [number, number]
    stride: readonly [number, number]
  }>
  readonly batch?: number
  readonly pass?: Pass
}

/** The steps of a convolution and a dense layer. */
function stepsOf({ image = [16, 18, 4], conv: options, batch = 2, pass = 'forward-backward' }: Changes = {}) {
  const network = defineNetwork('two layers', {
    inputs: { images: image },
    layers: [
      conv('before', { filters: image[2], kernel: 1 }),
      conv('conv', { ...CONV, ...options }),
      dense('dense', { units: 12 }),
      l2Loss('loss'),
    ],
  })
  const training = pass === 'train' ? { training: { optimizer: sgd() } } : {}
  return createPlan(network, { batch, pass, lanes: traits.lanes, ...training }).steps
}
const stepOf = (kind: StepKind, changes: Changes = {}): Step =>
  stepsOf(changes).find((step) => step.kind === kind && step.layer !== 'before')!

const choices = (weightsChange = false, algorithm: 'auto' | 'direct' | 'winograd' = 'auto') =>
  new StepChoices(kernels, traits, { algorithm, weightsChange })

describe('what a choice goes by', () => {
  it.each<[string, Changes]>([
    ['height', { image: [18, 18, 4] }],
    ['width', { image: [16, 20, 4] }],
    ['channels', { image: [16, 18, 8] }],
    ['batch', { batch: 3 }],
    ['filters', { conv: { filters: 12 } }],
  ])('differs with the %s', (_, changes) => {
    for (const kind of ['conv-forward', 'conv-weights-gradient', 'conv-input-gradient'] as const)
      expect(choices().keyOf(stepOf(kind, changes)), kind).not.toBe(choices().keyOf(stepOf(kind)))
  })

  it('differs with the kind, and with every extent of what the step reads and writes', () => {
    const step = stepOf('conv-weights-gradient')
    expect(choices().keyOf({ ...step, kind: 'conv-input-gradient' } as Step)).not.toBe(choices().keyOf(step))
    for (const side of ['reads', 'writes'] as const) {
      for (const [name, view] of Object.entries<View>(step[side])) {
        for (const axis of [0, 1, 2, 3]) {
          const shape = view.shape.with(axis, view.shape[axis]! + 1)
          const changed = { ...step, [side]: { ...step[side], [name]: { ...view, shape } } } as Step
          expect(choices().keyOf(changed), `${name}, axis ${axis}`).not.toBe(choices().keyOf(step))
        }
      }
    }
  })

  it('differs with the kernel and the stride of equal shapes', () => {
    const keys = (['kernelHeight', 'kernelWidth', 'strideHeight', 'strideWidth'] as const).map((extent) => {
      const step = stepOf('conv-forward') as Extract<Step, { kind: 'conv-forward' }>
      const { geometry } = step.options
      const changed = { ...geometry, [extent]: geometry[extent] + 1 }
      return choices().keyOf({ ...step, options: { ...step.options, geometry: changed } })
    })
    expect(new Set([...keys, choices().keyOf(stepOf('conv-forward'))]).size).toBe(5)
  })

  it('differs between all steps of a plan whose kinds or shapes differ, and not between layers alike', () => {
    const keys = stepsOf().map((step) => choices().keyOf(step))
    expect(new Set(keys).size).toBe(keys.length)
    const named = { ...stepOf('conv-forward'), layer: 'other' }
    expect(choices().keyOf(named)).toBe(choices().keyOf(stepOf('conv-forward')))
  })

  it('differs in training, for what reads weights that change in every run', () => {
    for (const step of stepsOf({ pass: 'train' })) {
      const isAnother = choices(true).keyOf(step) !== choices(false).keyOf(step)
      expect(isAnother, step.kind).toBe('weights' in step.reads)
    }
  })
})

describe('the candidates', () => {
  const namesOf = (all: readonly Candidate[]) => all.map(candidateName)

  it('are those of the algorithm asked for, or all where a step has none of it', () => {
    const square = { conv: { kernel: [3, 3], stride: [1, 1] } } as const
    const step = stepOf('conv-forward', square)
    const algorithmsOf = (algorithm: 'auto' | 'direct' | 'winograd') =>
      new Set(
        choices(false, algorithm)
          .candidatesOf(step)
          .map((each) => each.algorithm),
      )
    expect(algorithmsOf('auto')).toEqual(new Set(['direct', 'winograd']))
    expect(algorithmsOf('direct')).toEqual(new Set(['direct']))
    expect(algorithmsOf('winograd')).toEqual(new Set(['winograd']))
    const dense = stepOf('dense-forward')
    expect(namesOf(choices(false, 'winograd').candidatesOf(dense))).toEqual(
      namesOf(choices().candidatesOf(dense)),
    )
  })

  it('for weights that change are left out where they do not', () => {
    const isMeant = ({ isForChangingWeights = false }: Candidate) => isForChangingWeights
    const all = stepsOf({ pass: 'train' })
    expect(all.flatMap((step) => choices(false).candidatesOf(step)).some(isMeant)).toBe(false)
    expect(all.flatMap((step) => choices(true).candidatesOf(step)).some(isMeant)).toBe(true)
  })

  it('that were chosen are built; the first ones where none, or one that is not there, was', () => {
    const network = defineNetwork('one layer', {
      inputs: { images: [16, 16, 4] },
      layers: [conv('conv', { filters: 16, kernel: 3 }), l2Loss('loss')],
    })
    const plan = createPlan(network, { batch: 1, pass: 'forward', lanes: 4 })
    const [step] = plan.steps as [Step]
    const own = choices()
    const names = namesOf(own.candidatesOf(step))
    const chosenOf = (choice: string, key = own.keyOf(step)) => {
      const tuning = { version: 1, processor: '', engine: '', choices: { [key]: choice } } as const
      return namesOf(own.chosen(plan, tuning.choices))[0]
    }
    expect(names.length).toBeGreaterThan(2)
    expect(chosenOf(names[2]!)).toBe(names[2])
    expect(chosenOf('direct 99x99')).toBe(names[0])
    expect(chosenOf(names[2]!, 'another step')).toBe(names[0])
    expect(namesOf(own.defaults(plan))[0]).toBe(names[0])
  })
})
