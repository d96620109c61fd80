import { afterAll, describe, expect, it } from 'vitest'
import { built } from '../support/built.ts'
import { presentEngines } from '../support/follow-golden.ts'

const { Checker } = await built<typeof import('../../src/bench/check.ts')>('bench/check.js')
const { benchmarkTraining } = await built<typeof import('../../src/plan/training.ts')>('plan/training.js')
const { networkNamed, openSession } = await built<typeof import('../../src/index.ts')>('index.js')

// Whole networks through the benchmark's check, at sizes at which no tensor fills its vectors or tiles evenly.

const BATCH = 3
const SIZES: Readonly<Record<string, number>> = {
  overfeat: 71,
  squeezenet: 61,
  'mobilenet-v2': 45,
  'mobilenet-v3-large': 45,
  'efficientnet-b0': 45,
  'shufflenet-v2': 45,
  'convnext-tiny': 45,
}

describe.each(Object.entries(SIZES))('%s with images of %d pixels', (name, imageSize) => {
  const network = networkNamed(name, { imageSize, classes: 13 })
  const checker = new Checker(network, BATCH, 2)
  afterAll(() => checker.dispose())

  it.each(
    presentEngines.flatMap((engine) =>
      (['forward', 'forward-backward', 'train'] as const).map((pass) => [engine, pass] as const),
    ),
  )('is computed rightly by %s, %s', async (engine, pass) => {
    const training = pass === 'train' && { training: benchmarkTraining(network) }
    const session = await openSession(network, { batch: BATCH, engine, pass, ...training })
    try {
      expect(await checker.check(session)).toMatchObject({ passed: true })
    } finally {
      await session.dispose()
    }
  })
})
