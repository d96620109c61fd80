import type { Result, Run } from '../../src/bench/result.ts'

/** A run as the benchmark reports it, with round numbers. */
export function exampleRun(changes: Partial<Run> = {}): Run {
  return {
    network: 'alexnet',
    imageSize: 224,
    seed: 7,
    engine: { name: 'wasm', target: 'simd128', threads: 2, reason: 'asked for', v8Flags: [] },
    pass: 'forward',
    batch: 32,
    burnIn: 10,
    batches: 4,
    samplesMs: [400, 410, 390, 400],
    startsMs: [0, 401, 812, 1203],
    summary: { meanMs: 400, sdMs: 7.0710678, medianMs: 400, minMs: 390, maxMs: 410, p95Ms: 410 },
    check: { against: 'float64', maxRelativeError: 1.26e-6, tensor: 'conv5', passed: true },
    flops: 40e9,
    gflopsPerSecond: 100,
    peakGflopsPerSecond: 110,
    peakFraction: 100 / 110,
    imagesPerSecond: 80,
    peakMemoryBytes: 283_400_000,
    layers: [
      {
        name: 'conv1',
        kind: 'conv',
        shape: [32, 56, 56, 64],
        algorithm: 'direct',
        tile: '4x8',
        forwardMs: 300,
        backwardMs: null,
        flops: 27e9,
        backwardFlops: 0,
      },
      {
        name: 'pool1',
        kind: 'max-pool',
        shape: [32, 27, 27, 64],
        algorithm: 'plain',
        tile: '',
        forwardMs: 98,
        backwardMs: null,
        flops: 0,
        backwardFlops: 0,
      },
    ],
    tuning: null,
    interrupted: false,
    ...changes,
  }
}

export const exampleBackward = exampleRun({
  pass: 'forward-backward',
  summary: { meanMs: 1200, sdMs: 12, medianMs: 1200.5, minMs: 1180, maxMs: 1220, p95Ms: 1219 },
  check: null,
  layers: [
    {
      name: 'conv1',
      kind: 'conv',
      shape: [32, 56, 56, 64],
      algorithm: 'direct',
      tile: 'forward 4x8, weights 3x12',
      forwardMs: 300,
      backwardMs: 897,
      flops: 27e9,
      backwardFlops: 54e9,
    },
    {
      name: 'loss',
      kind: 'l2-loss',
      shape: [],
      algorithm: 'plain',
      tile: '',
      forwardMs: 1,
      backwardMs: 2,
      flops: 0,
      backwardFlops: 0,
    },
  ],
})

/** A result of a machine that tells little, with the fields that every result has. */
export function exampleResult(changes: Partial<Result> = {}): Result {
  return {
    schemaVersion: 1,
    tool: { name: 'convmark', version: '0.1.0' },
    environment: {
      date: '2026-01-31T12:00:00.000Z',
      processor: 'Example 3000',
      cores: 2,
      memoryBytes: 8 * 2 ** 30,
      platform: 'linux',
      arch: 'x64',
      node: 'v20.19.0',
      v8: '11.3.244.8-node.26',
      loadAverage: null,
      gitCommit: null,
    },
    runs: [exampleRun()],
    ...changes,
  }
}
