// What a benchmark has in memory in addition to its session.
import type { Engine, MemoryBeside } from '../engines/engine.ts'
import type { Algorithm } from '../kernels/kernel.ts'
import { definitionOf } from '../layers/index.ts'
import type { Network } from '../networks/network.ts'
import { createPlan, PASSES, type Pass, type Plan, writtenBytes } from '../plan/plan.ts'
import { writesOf } from '../plan/steps.ts'
import { benchmarkTraining } from '../plan/training.ts'
import { requireRoom } from '../session.ts'
import { elementCount } from '../tensor.ts'

/** The workers that make the data, and those that check. */
const DATA_BYTES = 16e6
const CHECK_BYTES = 64e6

/** The benchmark's own data, and the check's. */
export const benchmarkBeside =
  (isChecked: boolean) =>
  (plan: Plan): MemoryBeside => {
    const data = writtenBytes(plan, ['input', 'parameter']) + DATA_BYTES
    return { bytes: isChecked ? data + writtenBytes(plan) + CHECK_BYTES + checkedBytes(plan) : data }
  }

/**
 * What the check has in memory: the reference's activations of one image; for one step at a time the truth, and for an
 * update the values before it; all in several copies.
 */
function checkedBytes({ network, pass, tensors, steps }: Plan): number {
  const activations = network.layers.reduce((sum, { outputShape }) => sum + elementCount(outputShape), 0)
  const parameters = Object.values(tensors).filter(({ role }) => role === 'parameter')
  const largest = Math.max(0, ...parameters.map(({ shape }) => elementCount(shape)))
  const copies = pass === 'train' ? COPIES_OF_UPDATE : COPIES_OF_WEIGHTS
  // Only dropout's truth takes the whole batch at once.
  const dropping = new Set(
    network.layers.filter(({ layer }) => definitionOf(layer).usesTurns).map(({ layer }) => layer.name),
  )
  const dropped = steps
    .filter(({ layer }) => dropping.has(layer))
    .flatMap((step) => writesOf(step).map(({ shape }) => elementCount(shape)))
  return (
    Float32Array.BYTES_PER_ELEMENT * copies * largest +
    Float64Array.BYTES_PER_ELEMENT * (COPIES_OF_ACTIVATIONS * activations + Math.max(0, ...dropped))
  )
}

/**
 * One pass forward and one of training, in memory that all workers see; with room for the images of a step, which each
 * worker has.
 */
const COPIES_OF_ACTIVATIONS = 6
/** In float64, in each of two workers. */
const COPIES_OF_WEIGHTS = 4
/** The parameter, its gradient and two states: before, after, and the truth. */
const COPIES_OF_UPDATE = 12

/** Throws UsageError, before any pass begins, for a batch that does not fit in all of them. */
export async function requireRoomForAll(
  network: Network,
  engine: Engine,
  options: {
    readonly batch: number
    readonly passes: readonly Pass[]
    readonly algorithm: Algorithm
    readonly isChecked: boolean
  },
): Promise<void> {
  const { batch, algorithm, isChecked } = options
  // The pass that needs most comes first, so that a recommended batch fits in all of them.
  const passes = options.passes.toSorted((a, b) => PASSES.indexOf(b) - PASSES.indexOf(a))
  const beside = benchmarkBeside(isChecked)
  const trainingOf = (pass: Pass) => (pass === 'train' ? benchmarkTraining(network) : undefined)
  for (const [i, pass] of passes.entries()) {
    // The reference's memory is JavaScript's own, and that of the previous pass may not be collected yet.
    const others = engine.info.name === 'reference' ? passes.slice(i + 1) : []
    const memoryBeside = (plan: Plan): MemoryBeside => ({
      ...beside(plan),
      plans: others.map((pass) =>
        createPlan(network, { batch: plan.batch, pass, lanes: plan.lanes, fuses: plan.fuses }),
      ),
    })
    await requireRoom(network, { batch, pass, engine, algorithm, memoryBeside, training: trainingOf(pass) })
  }
}
