import { describe, expect, it } from 'vitest'
import { add, batchNorm, conv, globalAveragePool, type Layer, l2Loss, relu, scale } from '../layers/index.ts'
import { defineNetwork } from '../networks/network.ts'
import { AFTER_ALL, BEFORE_ALL, createPlan, type Pass, type Plan } from './plan.ts'

describe('layers that one step does', () => {
  const residual = defineNetwork('residual', {
    inputs: { images: [8, 8, 16] },
    layers: [
      conv('a', { filters: 16, kernel: 3, padding: 1, biases: false }),
      batchNorm('na', { activation: 'relu' }),
      conv('b', { filters: 16, kernel: 3, padding: 1 }),
      batchNorm('nb'),
      conv('side', { filters: 16, kernel: 1, inputs: ['images'] }),
      add('sum', { inputs: ['nb', 'side'], activation: 'relu6' }),
      conv('c', { filters: 16, kernel: 1 }),
      batchNorm('nc', { activation: 'sigmoid' }),
    ],
  })
  const fused = (keep: readonly string[] = [], pass: Pass = 'forward') =>
    createPlan(residual, { batch: 2, pass, keep, fuses: true })
  const named = ({ steps }: Plan) => steps.map(({ kind, layer }) => `${kind} ${layer}`)

  it('batch norm goes into the weights; sums and activations to the end of the last convolution before them', () => {
    const plan = fused()
    expect(named(plan)).toEqual([
      'fold-scale a',
      'conv-forward a',
      'fold-scale b',
      'conv-forward b',
      'conv-forward side',
      'fold-scale c',
      'conv-forward c',
      // A sigmoid of 0 is not 0, which the channels that pad a vector must stay
      'activation-forward c',
    ])
    expect(plan.fusedWith).toEqual({ na: 'a', nb: 'b', sum: 'side', nc: 'c' })
    const [, a, , , sum] = plan.steps
    expect(a!.writes).toEqual({ output: plan.tensors.na!.view })
    expect(a!.options).toMatchObject({ activation: 'relu' })
    expect(sum!.reads).toMatchObject({ addend: plan.tensors.nb!.view })
    expect(sum!.options).toMatchObject({ activation: 'relu6' })
  })

  it('what is kept is made: no layer after it joins it', () => {
    const plan = fused(['b', 'side'])
    expect(plan.fusedWith).toEqual({ na: 'a', nc: 'c' })
    expect(plan.tensors.b!.isKept).toBe(true)
  })

  it('folded weights last from run to run; what is never made can’t be kept', () => {
    const { buffers, tensors } = fused()
    const folded = buffers.filter(({ name }) => name.endsWith(' folded'))
    expect(folded.map(({ name }) => name)).toContain('a/weights folded')
    for (const { firstStep, lastStep } of folded)
      expect([firstStep, lastStep]).toEqual([BEFORE_ALL, AFTER_ALL])
    expect(tensors.a!.isKept).toBe(false)
    expect(buffers.map(({ name }) => name)).not.toContain('a')
  })

  it('only forward, and only if the engine asks for it', () => {
    const { steps } = createPlan(residual, { batch: 2, pass: 'forward' })
    expect(steps.map(({ kind }) => kind)).toContain('batch-norm-forward')
    const lossy = defineNetwork('lossy', {
      inputs: residual.inputs,
      layers: [...residual.layers.map(({ layer }) => layer), l2Loss('loss')],
    })
    const training = createPlan(lossy, { batch: 2, pass: 'forward-backward', fuses: true })
    expect(training.fusedWith).toEqual({})
  })

  it('no layer joins across a tensor that others read, a broadcast, or a sum of one tensor with itself', () => {
    const kinds = (...layers: Layer[]) =>
      Object.keys(
        createPlan(
          defineNetwork('n', {
            inputs: { images: [8, 8, 16] },
            layers: [conv('a', { filters: 16, kernel: 1 }), ...layers],
          }),
          {
            batch: 1,
            pass: 'forward',
            fuses: true,
          },
        ).fusedWith,
      )
    expect(kinds(batchNorm('n'), relu('other', { inputs: ['a'] }))).toEqual([])
    expect(kinds(globalAveragePool('mean'), add('sum', { inputs: ['a', 'mean'] }))).toEqual([])
    expect(kinds(add('sum', { inputs: ['a', 'a'] }))).toEqual([])
    expect(kinds(relu('r'), batchNorm('n'))).toEqual(['r'])
    expect(kinds(scale('s'), relu('r'))).toEqual(['s', 'r'])
    expect(kinds(scale('s', { per: 'value' }), relu('r'))).toEqual([])
  })
})
