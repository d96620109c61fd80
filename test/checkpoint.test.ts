// Training with `checkpoint: 'blocks'`: the same bits in less memory, checked step by step like any other run.
import { afterAll, describe, expect, it } from 'vitest'
import type { KernelTable } from '../src/kernels/index.ts'
import type { Training } from '../src/plan/training.ts'
import { normal } from '../src/random.ts'
import type { Tuning } from '../src/runtime/tuning.ts'
import type { TrainingState, TrainOptions } from '../src/train/index.ts'
import { built } from './support/built.ts'
import { ownCache } from './support/own-cache.ts'
import { runnable } from './support/x64.ts'

ownCache()

const {
  add,
  batchNorm,
  concat,
  conv,
  defineNetwork,
  dense,
  dropout,
  initializeForTraining,
  lrn,
  maxPool,
  openSession,
  sgd,
  softmaxLoss,
  UsageError,
} = await built<typeof import('../src/index.ts')>('index.js')
const { train } = await built<typeof import('../src/train/index.ts')>('train/index.js')
const { openWasm } = await built<typeof import('../src/engines/wasm.ts')>('engines/wasm.js')
const { kernels } = await built<typeof import('../src/kernels/index.ts')>('kernels/index.js')
const { Checker } = await built<typeof import('../src/bench/check.ts')>('bench/check.js')

const CLASSES = 3
const BATCH = 6
const BATCHES = 3

const network = defineNetwork('in blocks', {
  inputs: { images: [8, 8, 3], labels: [] },
  layers: [
    conv('stem', { filters: 8, kernel: 3, padding: 1, biases: false }),
    batchNorm('norm', { activation: 'relu' }),
    conv('silu', { filters: 8, kernel: 3, padding: 1, activation: 'silu' }),
    dropout('drop', { rate: 0.3 }),
    maxPool('pool', { kernel: 3, stride: 1, padding: 1 }),
    conv('depthwise', { filters: 8, kernel: 3, padding: 1, groups: 8, biases: false }),
    batchNorm('normSilu', { activation: 'silu' }),
    lrn('lrn'),
    add('sum', { inputs: ['lrn', 'norm'] }),
    maxPool('pooled', { kernel: 3, stride: 1, padding: 1 }),
    conv('left', { filters: 12, kernel: 1, activation: 'relu' }),
    conv('right', { filters: 12, kernel: 3, padding: 1, groups: 2, inputs: ['pooled'] }),
    concat('joined', { inputs: ['left', 'right'] }),
    ...Array.from({ length: 4 }, (_, i) =>
      conv(`tail${i}`, { filters: 24, kernel: 3, padding: 1, activation: 'relu' }),
    ),
    maxPool('last', { kernel: 2, stride: 2 }),
    dense('logits', { units: CLASSES }),
    softmaxLoss('loss', { inputs: ['logits', 'labels'] }),
  ],
})

function* batches(epoch: number, firstBatch: number) {
  for (let batch = firstBatch; batch < BATCHES; batch++) {
    const images = new Float32Array(BATCH * 192)
    normal(images, { seed: epoch, tensor: `batch ${batch}`, sd: 1 })
    yield { images, labels: Float32Array.from({ length: BATCH }, (_, i) => (i + batch) % CLASSES) }
  }
}

async function trained(more: Partial<TrainOptions>) {
  const losses: number[] = []
  let state: TrainingState | null = null
  const options = { batches, batchesPerEpoch: BATCHES, epochs: 1, batch: BATCH, rate: 0.05 }
  for await (const event of train(network, { ...options, ...more })) {
    if (event.kind === 'step') losses.push(event.loss)
    if (event.kind === 'end') state = event.state()
  }
  return { losses, parameters: state!.parameters, states: state!.states }
}

async function expectSameBits(options: Partial<TrainOptions>) {
  const usual = await trained(options)
  expect(usual.losses).toHaveLength(BATCHES)
  expect(usual.parameters['norm/mean']!.some((mean) => mean !== 0)).toBe(true)
  expect(await trained({ ...options, checkpoint: 'blocks' })).toEqual(usual)
}

const training: Training = { optimizer: sgd(), checkpoint: 'blocks' }

describe('training with activations that are made again', () => {
  it.each<[string, Partial<TrainOptions>]>([
    ['with one thread', { engine: 'wasm@1' }],
    ['in micro-batches, with clipped gradients', { engine: 'wasm@2', microBatch: 3, clipNorm: 0.5 }],
    ['with a frozen beginning', { engine: 'wasm@2', microBatch: 3, freeze: ['stem', 'silu'] }],
  ])('gives the same bits on wasm %s', async (_, options) => {
    await expectSameBits({ ...options, tuningBudgetMs: 0 })
  })

  it.runIf(runnable.length > 0)('gives the same bits on x64 (skipped without AVX2)', async () => {
    await expectSameBits({ engine: 'x64@2', microBatch: 3, clipNorm: 0.5, tuningBudgetMs: 0 })
  })

  it.each(['wasm@2', ...(runnable.length > 0 ? ['x64@2'] : [])])(
    'gives the same bits with tiles that were measured, and does a step again by its own tile, on %s',
    async (engine) => {
      const [{ images, labels }] = [...batches(1, 0)] as [{ images: Float32Array; labels: Float32Array }]
      const parameters = initializeForTraining(network, { seed: 7 })
      const results = async (checkpoint: 'blocks' | undefined, tuning: Tuning | null) => {
        await using session = await openSession(network, {
          batch: BATCH,
          engine,
          pass: 'train',
          training: { optimizer: sgd(), ...(checkpoint && { checkpoint }) },
          ...(tuning && { tuning }),
        })
        session.write({ ...parameters, images, labels })
        for (let step = 0; step < 2; step++) await session.run({}, { rate: 0.05 })
        const kept = Object.keys(session.plan.tensors).filter((name) => session.plan.tensors[name]!.isKept)
        const values = Object.fromEntries(kept.map((name) => [name, session.read(name as 'loss')]))
        return { values, tuning: session.tuning, steps: session.steps }
      }
      const usual = await results(undefined, null)
      const again = await results('blocks', usual.tuning)
      expect(again.values).toEqual(usual.values)
      const remade = again.steps.filter(({ step }) => step.pass === 'remake')
      expect(remade.length).toBeGreaterThan(5)
      for (const { step, algorithm, tile } of remade) {
        const isFirst = (other: typeof step) =>
          other.pass === 'forward' && other.kind === step.kind && other.layer === step.layer
        expect(again.steps.find((each) => isFirst(each.step))).toMatchObject({ algorithm, tile })
      }
    },
  )

  it('changes nothing on the reference, which keeps all', async () => {
    await expectSameBits({ engine: 'reference' })
  })

  it.each(['block', true, ''])('refuses the checkpoint %j', async (checkpoint) => {
    const given = { checkpoint: checkpoint as never }
    await expect(trained({ engine: 'wasm@1', ...given })).rejects.toThrow(UsageError)
    const session = openSession(network, {
      batch: 2,
      engine: 'reference',
      pass: 'train',
      training: { optimizer: sgd(), ...given },
    })
    await expect(session).rejects.toThrow(UsageError)
  })
})

describe('the check of a plan with activations that are made again', () => {
  const checker = new Checker(network, 3, 2)
  afterAll(() => checker.dispose())

  async function check(changed: KernelTable) {
    const engine = await openWasm('', { threads: 2 }, { kernels: changed })
    await using session = await openSession(network, {
      batch: 3,
      pass: 'train',
      training,
      engine,
      algorithm: 'direct',
    })
    return await checker.check(session)
  }

  /** The kernels, but those of steps that are made again, of this kind, read the wrong tensor of the first image for all. */
  const planted = (kind: keyof KernelTable): KernelTable => {
    const rule = kernels[kind]
    const wrong = (step: { pass: string; reads: { input: object } }) =>
      step.pass === 'remake'
        ? { ...step, reads: { ...step.reads, input: { ...step.reads.input, imagePitch: 0 } } }
        : step
    const build = (step: never, ...rest: never[]) =>
      (rule.build as (...all: unknown[]) => unknown)(wrong(step), ...rest)
    return { ...kernels, [kind]: { ...rule, build } } as KernelTable
  }

  it('passes it as it is', async () => {
    expect(await check(kernels)).toMatchObject({ passed: true })
  })

  it.each([
    'conv-forward',
    'grouped-conv-forward',
    'batch-norm-forward',
    'activation-forward',
    'dropout-forward',
    'lrn-forward',
    'add-forward',
    'max-pool-forward',
  ] as const)('finds what a step %s does wrong only when it is done again', async (kind) => {
    await expect(check(planted(kind))).rejects.toThrow(`the check failed: ${kind} of `)
  })
})
