import { describe, expect, it } from 'vitest'
import { conv, convTranspose, dense, l2Loss, relu } from '../layers/index.ts'
import { networkCounts } from '../networks/counts.ts'
import { defineNetwork } from '../networks/network.ts'
import { createPlan, type Pass } from '../plan/plan.ts'
import { leastBytes } from './least-bytes.ts'
import { describeRun, type RunMeasurement, type SeenStep, seenPlan, stepMedians } from './run.ts'

const network = defineNetwork('small', {
  inputs: { images: [6, 8, 2] },
  layers: [conv('conv', { filters: 4, kernel: 3 }), relu('relu'), dense('fc', { units: 5 }), l2Loss('loss')],
})
/** FLOPs of one image: (4, 6, 4) outputs of 18 products, and 5 of 96. */
const [CONV_FLOPS, DENSE_FLOPS] = [2 * 96 * 18, 2 * 96 * 5]

const step = (
  kind: string,
  layer: string,
  pass: SeenStep['pass'],
  tile = '',
  algorithm = tile ? 'direct' : 'plain',
): SeenStep => ({ kind, layer, pass, algorithm, tile, note: null })

const FORWARD = [
  step('conv-forward', 'conv', 'forward', '4x8'),
  step('activation-forward', 'relu', 'forward'),
  step('dense-forward', 'fc', 'forward', '2x8'),
]

function measured(changes: Partial<RunMeasurement> = {}): RunMeasurement {
  return {
    network,
    pass: 'forward',
    engine: { name: 'wasm', target: 'simd128', threads: 2, reason: 'asked for', v8Flags: [] },
    settings: { batch: 32, batches: 4, burnIn: 3, seed: 9, algorithm: 'direct' },
    // The mean, 4, differs from every other statistic of them: the median is 2.5
    samplesMs: [1, 2, 3, 10],
    startsMs: [0, 5, 10, 15],
    rounds: null,
    plan: {
      steps: FORWARD,
      layerBytes: { conv: { forward: 11, backward: 12 }, fc: { forward: 13, backward: 14 } },
      fusedWith: { relu: 'conv' },
    },
    stepMediansMs: [0.5, 0.25, 0.125],
    check: null,
    peaks: { gflopsPerSecond: 0.25, bandwidthGigabytesPerSecond: 7 },
    peakMemoryBytes: 1234,
    tuning: null,
    warnings: [],
    interrupted: false,
    ...changes,
  }
}

describe('a run', () => {
  it('has the rates of its mean, as a share of the peak of all threads', () => {
    const run = describeRun(measured())
    const flops = 32 * networkCounts(network).forward
    expect(run).toMatchObject({ flops, imagesPerSecond: 8000, peakGflopsPerSecond: 0.25 })
    expect(run.summary).toMatchObject({ meanMs: 4, medianMs: 2.5 })
    expect(run.gflopsPerSecond).toBeCloseTo(flops / 0.004 / 1e9, 12)
    expect(run.peakFraction).toBeCloseTo(flops / 0.004 / 1e9 / 0.25, 12)
    expect(run.bandwidthGigabytesPerSecond).toBe(7)
  })

  it('says what was asked for, and what was measured as it was', () => {
    const run = describeRun(measured({ rounds: [1, 3], weightsMedianMs: 0.75, interrupted: true }))
    expect(run).toMatchObject({
      network: 'small',
      imageSize: 6,
      seed: 9,
      engine: { name: 'wasm', target: 'simd128', threads: 2, reason: 'asked for', v8Flags: [] },
      pass: 'forward',
      algorithm: 'direct',
      batch: 32,
      burnIn: 3,
      batches: 4,
      samplesMs: [1, 2, 3, 10],
      startsMs: [0, 5, 10, 15],
      rounds: [1, 3],
      check: null,
      peakMemoryBytes: 1234,
      weightsMs: 0.75,
      tuning: null,
      interrupted: true,
    })
  })

  it('has no rate where a clock saw no time, and no share without a peak', () => {
    const unseen = describeRun(measured({ samplesMs: [0, 0], startsMs: [0, 0] }))
    expect(unseen).toMatchObject({ gflopsPerSecond: 0, imagesPerSecond: 0, peakFraction: null })
    expect(describeRun(measured({ peaks: null }))).toMatchObject({
      peakGflopsPerSecond: null,
      peakFraction: null,
      bandwidthGigabytesPerSecond: null,
    })
    const none = describeRun(measured({ samplesMs: [], startsMs: [] }))
    expect(none).toMatchObject({ summary: null, gflopsPerSecond: 0, imagesPerSecond: 0, warnings: [] })
  })

  it('keeps what its check found, what was tuned and the flags of its engine', () => {
    const outlier = { error: 0.5, tensor: 'conv' }
    const check = { against: 'plain loops', maxRelativeError: 1e-6, tensor: 'fc', outlier, passed: true }
    const tuning = { version: 1, processor: 'P', engine: 'E', choices: { 'conv-forward': '4x8' } } as const
    const { engine } = measured()
    const run = describeRun(measured({ check, tuning, engine: { ...engine, v8Flags: ['--flag'] } }))
    expect(run).toMatchObject({ check, tuning, engine: { v8Flags: ['--flag'] } })
    expect(run).not.toHaveProperty('weightsMs')
    expect(run).not.toHaveProperty('rounds')
  })

  it('warns of odd samples', () => {
    const samplesMs = [9, 9, 9, ...new Array<number>(20).fill(3)]
    expect(describeRun(measured({ samplesMs, startsMs: samplesMs })).warnings).toContainEqual(
      expect.stringContaining('the first samples took 3.00 times as long as the others'),
    )
  })

  it('counts the FLOPs of its pass', () => {
    const counts = networkCounts(network)
    const flopsOf = (pass: Pass) => describeRun(measured({ pass })).flops / 32
    expect(flopsOf('forward')).toBe(counts.forward)
    expect(flopsOf('forward-backward')).toBe(counts['forward-backward'])
    expect(counts['forward-backward']).toBeGreaterThan(2 * counts.forward)
    expect(flopsOf('train')).toBe(counts['forward-backward'])
  })
})

describe("a run's layers", () => {
  it('forward have their own times, FLOPs, bytes and tiles; no loss', () => {
    const { layers } = describeRun(measured())
    expect(layers).toEqual([
      {
        name: 'conv',
        kind: 'conv',
        shape: [32, 4, 6, 4],
        algorithm: 'direct',
        tile: '4x8',
        notes: [],
        forwardMs: 0.5,
        backwardMs: null,
        flops: 32 * CONV_FLOPS,
        backwardFlops: 0,
        bytes: 11,
        backwardBytes: 12,
      },
      expect.objectContaining({ name: 'relu', algorithm: 'plain', tile: '', forwardMs: 0.25, bytes: 0 }),
      expect.objectContaining({
        name: 'fc',
        shape: [32, 5],
        forwardMs: 0.125,
        flops: 32 * DENSE_FLOPS,
        bytes: 13,
      }),
    ])
  })

  it('name the steps of a convolution in groups as those of any other', () => {
    const steps = [
      step('grouped-conv-forward', 'conv', 'forward', '4x8'),
      step('grouped-conv-weights-gradient', 'conv', 'backward', '2x8'),
      step('grouped-conv-input-gradient', 'conv', 'backward', '6x8'),
    ]
    const plan = { steps, layerBytes: {}, fusedWith: {} }
    const { layers } = describeRun(measured({ pass: 'forward-backward', plan, stepMediansMs: [1, 2, 3] }))
    expect(layers[0]!.tile).toBe('forward 4x8; weights 2x8; input 6x8')
  })

  it('in training have the times of all their steps by direction, and each tile says whose it is', () => {
    const steps = [
      ...FORWARD,
      step('l2-loss-forward', 'loss', 'forward'),
      step('l2-loss-backward', 'loss', 'backward'),
      step('dense-weights-gradient', 'fc', 'backward', '3x4'),
      step('dense-input-gradient', 'fc', 'backward', '5x4'),
      step('output-gradient', 'conv', 'backward'),
      { ...step('conv-weights-gradient', 'conv', 'backward', 'F(4x4)', 'winograd'), note: 'so it is' },
      step('sgd-update', 'conv', 'update'),
      step('sgd-update', 'conv', 'update'),
    ]
    const stepMediansMs = steps.map((_, i) => 2 ** i)
    const plan = { steps, layerBytes: {}, fusedWith: {} }
    const { layers } = describeRun(measured({ pass: 'train', plan, stepMediansMs }))
    const told = layers.map(({ name, forwardMs, backwardMs, updateMs }) => [
      name,
      forwardMs,
      backwardMs,
      updateMs,
    ])
    expect(told).toEqual([
      ['conv', 1, 128 + 256, 512 + 1024],
      ['relu', 2, 0, 0],
      ['fc', 4, 32 + 64, 0],
      ['loss', 8, 16, 0],
    ])
    const [convolution, , fc] = layers
    expect(convolution).toMatchObject({
      algorithm: 'direct, winograd',
      tile: 'forward direct 4x8; weights winograd F(4x4)',
      notes: ['weights so it is'],
      backwardFlops: 32 * CONV_FLOPS, // the input of the network needs no gradient
    })
    expect(fc).toMatchObject({
      algorithm: 'direct',
      tile: 'forward 2x8; weights 3x4; input 5x4',
      backwardFlops: 2 * 32 * DENSE_FLOPS,
    })
    expect(
      describeRun(measured({ pass: 'forward-backward', plan, stepMediansMs })).layers[0],
    ).not.toHaveProperty('updateMs')
  })

  it('count what is done again for the gradients as backward, and name its tile', () => {
    const steps = [
      step('conv-forward', 'conv', 'forward', '4x8'),
      step('conv-forward', 'conv', 'remake', '4x8'),
      step('conv-weights-gradient', 'conv', 'backward', '2x8'),
    ]
    const plan = { steps, layerBytes: {}, fusedWith: {} }
    const { layers } = describeRun(measured({ pass: 'train', plan, stepMediansMs: [1, 2, 4] }))
    expect(layers[0]).toMatchObject({
      forwardMs: 1,
      backwardMs: 2 + 4,
      tile: 'forward 4x8; remake 4x8; weights 2x8',
    })
  })

  it('name the steps of a transposed convolution by what they compute for it', () => {
    const decoder = defineNetwork('decoder', {
      inputs: { images: [6, 8, 2] },
      layers: [
        conv('conv', { filters: 4, kernel: 3 }),
        convTranspose('up', { filters: 4, kernel: 3 }),
        l2Loss('loss'),
      ],
    })
    const tiles = [
      step('conv-input-gradient', 'up', 'forward', '1x8'),
      step('conv-weights-gradient', 'up', 'backward', '2x8'),
      step('conv-forward', 'up', 'backward', '3x8'),
    ]
    const plan = { steps: tiles, layerBytes: {}, fusedWith: {} }
    const { layers } = describeRun(
      measured({ network: decoder, pass: 'forward-backward', plan, stepMediansMs: [1, 2, 4] }),
    )
    expect(layers[1]).toMatchObject({
      tile: 'forward 1x8; weights 2x8; input 3x8',
      forwardMs: 1,
      backwardMs: 6,
    })
  })

  it('have no times where steps have none, and there are none without a plan', () => {
    const { layers } = describeRun(measured({ stepMediansMs: null }))
    expect(layers.map(({ forwardMs, backwardMs }) => [forwardMs, backwardMs])).toEqual(
      layers.map(() => [null, null]),
    )
    expect(describeRun(measured({ plan: null })).layers).toEqual([])
  })

  it('have no bytes where no step can be seen, and a loss has no shape', () => {
    const plan = { steps: [], layerBytes: {}, fusedWith: {} }
    const { layers } = describeRun(measured({ pass: 'train', plan, stepMediansMs: null }))
    expect(layers.map(({ name }) => name)).toEqual(['conv', 'relu', 'fc', 'loss'])
    for (const layer of layers) expect(layer).not.toHaveProperty('bytes')
    expect(layers.at(-1)!.shape).toEqual([])
  })
})

it('a plan is seen as its steps, and as what those of each layer move at the least by direction', () => {
  const plan = createPlan(network, { batch: 2, pass: 'forward-backward', lanes: 4 })
  const { steps } = plan
  const prepared = steps.map((step, i) => ({
    step,
    algorithm: 'direct',
    tile: `${i}x8`,
    note: i ? null : 'so',
  }))
  const seen = seenPlan(prepared, plan)
  expect(seen.steps).toEqual(
    steps.map(({ kind, layer, pass }, i) => ({
      ...{ kind, layer, pass, algorithm: 'direct', tile: `${i}x8` },
      note: i ? null : 'so',
    })),
  )
  const bytesOf = (name: string, direction: string) =>
    leastBytes(steps.filter(({ layer, pass }) => layer === name && pass === direction))
  expect(Object.keys(seen.layerBytes)).toEqual(['conv', 'relu', 'fc', 'loss'])
  for (const [name, bytes] of Object.entries(seen.layerBytes))
    expect(bytes).toEqual({ forward: bytesOf(name, 'forward'), backward: bytesOf(name, 'backward') })
  // Images, weights and biases, and the output
  expect(seen.layerBytes.conv!.forward).toBe(4 * (2 * 6 * 8 * 2 + 4 * (18 + 1) + 2 * 4 * 6 * 4))
  expect(seen.layerBytes.conv!.backward).toBeGreaterThan(0)
})

it("a step's time is the median of its own in all samples", () => {
  const samples = [
    [1, 10],
    [2, 50],
    [9, 60],
  ]
  expect(stepMedians(samples)).toEqual([2, 50])
  expect(stepMedians([])).toBe(null)
})
