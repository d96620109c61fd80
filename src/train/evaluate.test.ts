import { expect, it } from 'vitest'
import type { Engine, PrepareOptions } from '../engines/engine.ts'
import { initialize } from '../networks/initialize.ts'
import { lenet } from '../networks/lenet.ts'
import { evaluate } from './evaluate.ts'
import { evaluationBeside } from './room.ts'

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
