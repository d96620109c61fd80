import { expect } from 'vitest'
import { built } from './built.ts'
import { TRAIN_GOLDENS, type TrainGoldenName, trainGolden } from './train-goldens.ts'
import { missing } from './x64.ts'

const { train } = await built<typeof import('../../src/train/index.ts')>('train/index.js')

const STEPS = 20
const FIRST_LOSS = 1e-5
const LATER = 1e-3
/** The most that rounding in float32 changes a shift whose gradient is 0, since a batch norm after it removes any constant. */
const ROUNDING = 1e-5
/** How many times as far as rounding alone takes a run (`perturbed` of its golden) an engine's errors may take it. */
const TIMES_PERTURBED = 5

/** Those that this machine has, the fastest first. */
export const presentEngines = [
  ...(['avx512', 'avx2'] as const)
    .filter((target) => missing(target) === null)
    .map((target) => `x64:${target}@2`),
  'wasm@2',
]

export const SMALL: readonly TrainGoldenName[] = TRAIN_GOLDENS.filter((name) => name.startsWith('lenet'))

/** Trains on the engine and compares every loss, and the parameters' norms after the last step, with PyTorch's. */
export async function followGolden(engine: string, name: TrainGoldenName): Promise<void> {
  const { network, batch, initialParameters, optimizer, rate, decay, losses, norms, batchOf, perturbed } =
    trainGolden(name)
  const differences: number[] = []
  // The shifts of a batch norm begin at 0 and are still tiny after 20 steps, so rounding is much beside them
  const shiftTolerance = Math.max(LATER, TIMES_PERTURBED * perturbed.worstNorm)
  for await (const event of train(network, {
    batches: function* () {
      for (let step = 0; step < STEPS; step++) yield batchOf(step)
    },
    batchesPerEpoch: STEPS,
    epochs: 1,
    batch,
    engine,
    parameters: initialParameters(),
    optimizer,
    rate,
    decay,
  })) {
    if (event.kind === 'step') differences.push(Math.abs(event.loss / losses[event.step - 1]! - 1))
    if (event.kind !== 'end') continue
    expect(Object.keys(event.state().parameters)).toEqual(Object.keys(norms))
    for (const [parameter, values] of Object.entries(event.state().parameters)) {
      const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
      const wanted = norms[parameter]!
      const tolerance = parameter.endsWith('/shift') ? shiftTolerance : LATER
      if (wanted === 0) expect(norm, parameter).toBeLessThan(ROUNDING)
      else expect(Math.abs(norm / wanted - 1), parameter).toBeLessThan(tolerance)
    }
  }
  expect(differences).toHaveLength(STEPS)
  expect(differences[0]).toBeLessThan(FIRST_LOSS)
  expect(Math.max(...differences)).toBeLessThan(LATER)
}
