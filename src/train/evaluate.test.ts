import { describe, expect, it } from 'vitest'
import type { Engine, PrepareOptions } from '../engines/engine.ts'
import { UsageError } from '../errors.ts'
import { conv } from '../layers/index.ts'
import { initialize } from '../networks/initialize.ts'
import { lenet } from '../networks/lenet.ts'
import { defineNetwork } from '../networks/network.ts'
import type { Plan } from '../plan/plan.ts'
import { evaluate } from './evaluate.ts'
import { evaluationBeside } from './room.ts'

/** An engine whose logits are taken from the images: the first values of each. */
function echo(classes: number, imageLength: number, seen: (event: unknown) => void = () => {}): Engine {
  let images = new Float32Array()
  const prepare = async (plan: Plan) => ({
    plan,
    slabByteLength: 0,
    steps: [],
    tuning: null,
    inspection: null,
    write: (tensor: string, values: Float32Array) => {
      if (tensor === 'images') images = values.slice()
    },
    run: async (options?: unknown) => seen(options),
    view: () => ({ data: images, offset: 0, shape: [plan.batch, classes], strides: [imageLength, 1] }),
    stepTimesMs: () => null,
    weightsTimeMs: () => 0,
    dispose: async () => seen('disposed'),
  })
  const info = { name: 'echo', target: '', threads: 1, reason: '', v8Flags: [] }
  return { info, lanes: 4, prepare, dispose: async () => {} } as unknown as Engine
}

describe('of logits', () => {
  const SIZE = 12
  const LENGTH = SIZE * SIZE
  const batchOf = (rows: readonly { readonly logits: readonly number[]; readonly label: number }[]) => ({
    images: Float32Array.from(
      rows.flatMap(({ logits }) => [...logits, ...new Array<number>(LENGTH - logits.length).fill(0)]),
    ),
    labels: Float32Array.from(rows, ({ label }) => label),
  })
  const evaluated = (classes: number, batches: readonly ReturnType<typeof batchOf>[], more = {}) => {
    const network = lenet({ imageSize: SIZE, classes })
    const parameters = initialize(network, { seed: 7 })
    return evaluate(network, { parameters, batches, batch: 4, engine: echo(classes, LENGTH), ...more })
  }
  const DESCENDING = [6, 5, 4, 3, 2, 1, 0]

  it.each([
    [0, 1, 1],
    [1, 0, 1],
    [4, 0, 1],
    [5, 0, 0],
    [6, 0, 0],
  ])(
    'with %i classes before the label, counts %i of 1 as top-1 and %i as top-5',
    async (rank, top1, top5) => {
      const accuracy = await evaluated(7, [batchOf([{ logits: DESCENDING, label: rank }])])
      expect(accuracy).toMatchObject({ count: 1, top1, top5 })
      expect(accuracy.loss).toBeCloseTo(
        rank + Math.log(DESCENDING.reduce((sum, x) => sum + Math.exp(x - 6), 0)),
        5,
      )
      expect(accuracy.confusion[rank]![0]).toBe(1)
    },
  )

  it('takes means over all images of all batches, one that is not full among them', async () => {
    const row = (label: number) => ({ logits: DESCENDING, label })
    const seen: number[] = []
    const accuracy = await evaluated(7, [batchOf([row(0), row(0), row(4), row(5)]), batchOf([row(3)])], {
      onBatch: (done: number) => seen.push(done),
    })
    expect(accuracy).toMatchObject({ count: 5, top1: 2 / 5, top5: 4 / 5 })
    expect(accuracy.confusion.map(([first]) => first)).toEqual([2, 0, 0, 1, 1, 1, 0])
    expect(accuracy.confusion.flat().reduce((sum, count) => sum + count)).toBe(5)
    const entropy = Math.log(DESCENDING.reduce((sum, x) => sum + Math.exp(x - 6), 0))
    expect(accuracy.loss).toBeCloseTo((0 + 0 + 4 + 5 + 3) / 5 + entropy, 5)
    expect(seen).toEqual([4, 5])
  })

  it('counts what has no prediction as wrong, by its class', async () => {
    const broken = { logits: [Number.NaN, ...DESCENDING.slice(1)], label: 2 }
    const accuracy = await evaluated(7, [batchOf([{ logits: DESCENDING, label: 0 }, broken])])
    expect(accuracy).toMatchObject({ count: 2, top1: 1 / 2, top5: 1 / 2, unpredicted: [0, 0, 1, 0, 0, 0, 0] })
    expect(accuracy.loss).toBeNaN()
  })

  it('averages the views of an image', async () => {
    const logits = (...first: number[]) => ({
      logits: [...first, ...new Array<number>(7 - first.length).fill(-9)],
      label: 0,
    })
    // Class 1 has the larger sum of logits, class 0 the larger mean of probabilities
    const views = batchOf([logits(9), logits(1, 2), logits(0, 0, 0.5), logits(0, 0, 0.5)])
    const accuracy = await evaluated(7, [{ ...views, labels: Float32Array.of(0, 2) }], { views: 2 })
    expect(accuracy).toMatchObject({ count: 2, top1: 1 })
  })

  it('are refused where no image has any', async () => {
    await expect(evaluated(7, [])).rejects.toThrow(UsageError)
    await expect(evaluated(7, [batchOf([])])).rejects.toThrow('there is no image to evaluate')
  })

  it('are looked at no more once the evaluation is told to stop', async () => {
    const stop = new AbortController()
    const seen: number[] = []
    const row = { logits: DESCENDING, label: 0 }
    const batches = [batchOf([row]), batchOf([row]), batchOf([row])]
    const onBatch = (done: number) => {
      seen.push(done)
      if (done === 2) stop.abort(new Error('stopped'))
    }
    await expect(evaluated(7, batches, { onBatch, signal: stop.signal })).rejects.toThrow('stopped')
    expect(seen).toEqual([1, 2])
  })
})

it('every run can be stopped by the signal, and the session ends whatever becomes of it', async () => {
  const network = lenet({ imageSize: 12, classes: 2 })
  const parameters = initialize(network, { seed: 7 })
  const images = new Float32Array(144)
  const seen: unknown[] = []
  const engine = echo(2, 144, (event) => seen.push(event))
  const evaluated = (more = {}) =>
    evaluate(network, {
      parameters,
      batches: [{ images, labels: Float32Array.of(1) }],
      batch: 1,
      engine,
      ...more,
    })
  const { signal } = new AbortController()
  await evaluated({ signal })
  expect(seen).toEqual([{ signal }, 'disposed'])
  await evaluated()
  expect(seen.filter((event) => event === 'disposed')).toHaveLength(2)
  const onBatch = () => {
    throw new Error('full')
  }
  await expect(evaluated({ onBatch })).rejects.toThrow('full')
  expect(seen.filter((event) => event === 'disposed')).toHaveLength(3)
})

it('a network without classes is refused', async () => {
  const network = defineNetwork('bare', {
    inputs: { images: [12, 12, 1] },
    layers: [conv('conv', { filters: 2, kernel: 3 })],
  })
  const given = { parameters: initialize(network, { seed: 7 }), batches: [], batch: 1, engine: echo(2, 144) }
  await expect(evaluate(network, given)).rejects.toThrow(/^bare has no classes/)
})

it('what an evaluation has beside its session is counted, unless the caller says otherwise', async () => {
  const network = lenet({ imageSize: 12 })
  const own = () => ({ bytes: 1 })
  const seen: PrepareOptions['memoryBeside'][] = []
  const engine = {
    lanes: 4,
    prepare: async (_: unknown, { memoryBeside }: PrepareOptions) => {
      seen.push(memoryBeside)
      throw new Error('enough')
    },
  } as unknown as Engine
  for (const beside of [{}, { memoryBeside: undefined }, { memoryBeside: own }]) {
    const given = { parameters: initialize(network, { seed: 7 }), batches: [], batch: 1, engine, ...beside }
    await expect(evaluate(network, given as Parameters<typeof evaluate>[1])).rejects.toThrow('enough')
  }
  expect(seen).toEqual([evaluationBeside, evaluationBeside, own])
})
