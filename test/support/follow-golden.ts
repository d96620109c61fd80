import { expect } from 'vitest'
import { built } from './built.ts'
import { TRAIN_GOLDENS, type TrainGoldenName, trainGolden } from './train-goldens.ts'
import { missing } from './x64.ts'

const { train } = await built<typeof import('../../src/train/index.ts')>('train/index.js')

const STEPS = 20
const FIRST_LOSS = 1e-5
const LATER = 1e-3

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
  const { network, batch, initialParameters, optimizer, rate, decay, losses, norms, batchOf } =
    trainGolden(name)
  const differences: number[] = []
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
    for (const [parameter, values] of Object.entries(event.state().parameters)) {
      const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
      expect(Math.abs(norm / norms[parameter]! - 1), parameter).toBeLessThan(LATER)
    }
  }
  expect(differences).toHaveLength(STEPS)
  expect(differences[0]).toBeLessThan(FIRST_LOSS)
  expect(Math.max(...differences)).toBeLessThan(LATER)
}
