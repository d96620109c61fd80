import { median } from 'simple-statistics'
import type { EngineInfo, PreparedStep } from '../engines/engine.ts'
import type { Peaks } from '../engines/peak.ts'
import type { Algorithm } from '../kernels/kernel.ts'
import { layerCounts, networkCounts } from '../networks/counts.ts'
import type { Network } from '../networks/network.ts'
import type { Pass, Plan } from '../plan/plan.ts'
import type { Step } from '../plan/steps.ts'
import { clockResolution } from '../runtime/clock.ts'
import type { Tuning } from '../runtime/tuning.ts'
import { asImageShape } from '../tensor.ts'
import type { CheckResult } from './check.ts'
import { leastBytes } from './least-bytes.ts'
import type { LayerTime, Run } from './result.ts'
import { sampleWarnings } from './sample-warnings.ts'
import { summarize } from './statistics.ts'

/** The settings of a run. */
export interface RunSettings {
  /** Images of a run. */
  readonly batch: number
  /** Samples of each round. */
  readonly batches: number
  /** Runs before the first sample. */
  readonly burnIn: number
  /** Of images and weights. */
  readonly seed: number
  readonly algorithm: Algorithm
}

/** A step without its views, so that another process can send it. */
export interface SeenStep {
  readonly kind: string
  readonly layer: string
  readonly pass: Step['pass']
  readonly algorithm: string
  readonly tile: string
  readonly note: string | null
}

/** A prepared plan, as far as an engine shows it: plain data. */
export interface SeenPlan {
  /** Empty if its steps can't be inspected. */
  readonly steps: readonly SeenStep[]
  /** By layer: the least that its steps must read and write. */
  readonly layerBytes: Readonly<Record<string, { readonly forward: number; readonly backward: number }>>
  /** By layer without steps: the layer whose step does it. */
  readonly fusedWith: Readonly<Record<string, string>>
}

/** What an engine shows of a prepared plan, as plain data. */
export function seenPlan(
  prepared: readonly PreparedStep[],
  { fusedWith }: Pick<Plan, 'fusedWith'> = { fusedWith: {} },
): SeenPlan {
  const layers = [...new Set(prepared.map(({ step }) => step.layer))]
  const bytesOf = (layer: string, pass: Step['pass']) =>
    leastBytes(prepared.map(({ step }) => step).filter((step) => step.layer === layer && step.pass === pass))
  const layerBytes = layers.map((layer) => [
    layer,
    { forward: bytesOf(layer, 'forward'), backward: bytesOf(layer, 'backward') },
  ])
  return {
    steps: prepared.map(({ step, algorithm, tile, note }) => {
      const { kind, layer, pass } = step
      return { kind, layer, pass, algorithm, tile, note }
    }),
    layerBytes: Object.fromEntries(layerBytes),
    fusedWith,
  }
}

/** What was measured for one engine in one pass. */
export interface RunMeasurement {
  readonly network: Network
  readonly pass: Pass
  readonly engine: EngineInfo
  readonly settings: RunSettings
  /** How long each run took, in order. */
  readonly samplesMs: readonly number[]
  /** When each sample began, relative to the first one's start. */
  readonly startsMs: readonly number[]
  /** How many samples each round took; null if there are no rounds. */
  readonly rounds: readonly number[] | null
  /** Null if it was not prepared. */
  readonly plan: SeenPlan | null
  /** See `stepMedians`. */
  readonly stepMediansMs: readonly number[] | null
  /** The same for the preparation of weights before the first step; left out if they did not change. */
  readonly weightsMedianMs?: number | undefined
  /** Null: unchecked. */
  readonly check: CheckResult | null
  /** Null if the engine's peak can't be measured. */
  readonly peaks: Peaks | null
  /** The process's largest resident size so far. */
  readonly peakMemoryBytes: number
  readonly tuning: Tuning | null
  /** About the values; warnings about the samples are added. */
  readonly warnings: readonly string[]
  /** Whether it ended before all samples were taken. */
  readonly interrupted: boolean
}

/** The run as it is in a result. */
export function describeRun(measurement: RunMeasurement): Run {
  const { network, pass, engine, settings, samplesMs, startsMs, rounds, check, peaks } = measurement
  const peakGflopsPerSecond = peaks?.gflopsPerSecond ?? null
  const { batch, burnIn, batches, seed, algorithm } = settings
  const summary = samplesMs.length > 0 ? summarize(samplesMs) : null
  const flops = batch * networkCounts(network)[pass]
  // A coarse clock may have measured 0; then there is no rate.
  const meanMs = summary?.meanMs || null
  const gflopsPerSecond = meanMs ? flops / meanMs / 1e6 : 0
  const { plan, stepMediansMs } = measurement
  const [imageSize, imageWidth] = largestImage(network)
  return {
    network: network.name,
    imageSize,
    ...(imageWidth !== imageSize && { imageWidth }),
    seed,
    engine: { ...engine, v8Flags: [...engine.v8Flags] },
    pass,
    algorithm,
    batch,
    burnIn,
    batches,
    samplesMs: [...samplesMs],
    startsMs: [...startsMs],
    ...(rounds && { rounds: [...rounds] }),
    summary,
    check: check && { ...check, outlier: check.outlier ? { ...check.outlier } : null },
    flops,
    gflopsPerSecond,
    peakGflopsPerSecond,
    peakFraction: peakGflopsPerSecond && meanMs ? gflopsPerSecond / peakGflopsPerSecond : null,
    bandwidthGigabytesPerSecond: peaks?.bandwidthGigabytesPerSecond ?? null,
    imagesPerSecond: meanMs ? (1000 * batch) / meanMs : 0,
    peakMemoryBytes: measurement.peakMemoryBytes,
    ...(measurement.weightsMedianMs !== undefined && { weightsMs: measurement.weightsMedianMs }),
    layers: plan ? layerTimes(network, pass, batch, plan, stepMediansMs) : [],
    tuning: measurement.tuning && { ...measurement.tuning },
    warnings: [
      ...(samplesMs.length > 0 ? sampleWarnings(samplesMs, clockResolution()) : []),
      ...measurement.warnings,
    ],
    interrupted: measurement.interrupted,
  }
}

/** Height and width of the largest input. */
function largestImage(network: Network): readonly [height: number, width: number] {
  const sizes = Object.values(network.inputs).map((shape) => asImageShape(shape))
  const [height, width] = sizes.reduce((most, size) => (size[0] * size[1] > most[0] * most[1] ? size : most))
  return [height, width]
}

/**
 * The median time of each step over all samples. The mean of a short step would be decided by a single sample in which
 * something else used the processor. Null if steps can't be measured.
 */
export function stepMedians(stepsMs: readonly (readonly number[])[]): number[] | null {
  return stepsMs[0]?.map((_, step) => median(stepsMs.map((times) => times[step]!))) ?? null
}

/** What a table shows of a layer that another one's step does. */
const fusedIn = (layer: string, fusedWith: SeenPlan['fusedWith']): string =>
  Object.hasOwn(fusedWith, layer) ? `in ${fusedWith[layer]}` : ''

function layerTimes(
  network: Network,
  pass: Pass,
  batch: number,
  { steps, layerBytes, fusedWith }: SeenPlan,
  mediansMs: readonly number[] | null,
): LayerTime[] {
  return network.layers
    .filter(({ isLoss }) => pass !== 'forward' || !isLoss)
    .map((layer): LayerTime => {
      const own = steps
        .map((step, i) => ({ ...step, ms: mediansMs?.[i] ?? 0 }))
        .filter((step) => step.layer === layer.layer.name && step.pass !== 'prepare')
      const time = (direction: Step['pass']) =>
        own
          .filter(({ pass }) => pass === direction || (direction === 'backward' && pass === 'remake'))
          .reduce((sum, { ms }) => sum + ms, 0)
      const tiled = own.filter(({ tile }) => tile !== '')
      const algorithms = [...new Set((tiled.length > 0 ? tiled : own).map(({ algorithm }) => algorithm))]
      const labelled = (step: SeenStep, text: string) =>
        pass === 'forward' ? text : `${labelOf(step)} ${text}`
      // If the steps have different tiles, each is named with its step.
      const tileOf = ({ algorithm, tile }: SeenStep) =>
        algorithms.length > 1 ? `${algorithm} ${tile}` : tile
      return {
        name: layer.layer.name,
        kind: layer.layer.kind,
        shape: layer.isLoss ? [] : [batch, ...layer.outputShape],
        algorithm: own.length > 0 ? algorithms.join(', ') : fusedIn(layer.layer.name, fusedWith),
        tile: tiled.map((step) => labelled(step, tileOf(step))).join('; '),
        notes: own.flatMap((step) => (step.note === null ? [] : [labelled(step, step.note)])),
        forwardMs: mediansMs ? time('forward') : null,
        backwardMs: mediansMs && pass !== 'forward' ? time('backward') : null,
        ...(mediansMs && pass === 'train' && { updateMs: time('update') }),
        flops: batch * layer.flops.forward,
        backwardFlops: batch * (layerCounts(network, layer)[pass] - layer.flops.forward),
        // If an engine does not show its steps, it is not known what they read.
        ...(steps.length > 0 && {
          bytes: layerBytes[layer.layer.name]?.forward ?? 0,
          backwardBytes: layerBytes[layer.layer.name]?.backward ?? 0,
        }),
      }
    })
}

/**
 * The name of a step among those of its layer: `conv-weights-gradient` is `weights`. In a transposed convolution, a
 * convolution's input gradient is the step forward, and a convolution's forward computes the input gradient.
 */
function labelOf({ kind, pass }: SeenStep): string {
  if (pass === 'forward' || pass === 'remake') return pass
  if (kind.endsWith('-forward')) return 'input'
  return kind.replace(/-gradient$/, '').replace(/^.*-/, '')
}
