import { expect, it } from 'vitest'
import { lenet } from '../networks/lenet.ts'
import { splitNetwork } from '../networks/split.ts'
import { sgd } from '../optimizers/index.ts'
import { createPlan, type Pass, writtenBytes } from '../plan/plan.ts'
import { evaluationBeside, trainingBeside } from './room.ts'

const network = lenet({ imageSize: 12 })
const planOf = (pass: Pass, batch: number) =>
  createPlan(network, { batch, pass, lanes: 4, ...(pass === 'train' && { training: { optimizer: sgd() } }) })

const plan = planOf('train', 8)
/** Bytes of three batches: images and their labels. */
const batches = (images: number) => 3 * images * 4 * (12 * 12 + 1)
/** Parameters and the optimizer's states three times: the initial ones, a copy, and the file. */
const learned = 3 * writtenBytes(plan, ['parameter', 'state'])

it('a training has its batches beside it, and what it learned three times', () => {
  expect(trainingBeside({ whole: null })(plan)).toEqual({ bytes: batches(8) + learned })
  expect(trainingBeside({ whole: 32 })(plan)).toEqual({ bytes: batches(32) + learned })
  expect(trainingBeside({ whole: null, areFiles: true })(plan)).toEqual({
    bytes: batches(8) + learned + 160e6,
  })
  expect(learned).toBe(3 * 2 * writtenBytes(plan, ['parameter']))
})

it('and the session of its test, of no more images than there are', () => {
  for (const [tested, batch] of [
    [3, 3],
    [100, 8],
  ] as const) {
    const { bytes, plans } = trainingBeside({ whole: null, tested })(plan)
    expect(plans).toMatchObject([{ batch, pass: 'forward' }])
    expect(bytes).toBe(batches(8) + learned + evaluationBeside(plans![0]!).bytes)
  }
})

it('and what its frozen layers make, with their session', () => {
  const { trunk, rest } = splitNetwork(network, 'pool2')
  const training = { optimizer: sgd() }
  const restPlan = createPlan(rest, { batch: 8, pass: 'train', lanes: 4, training })
  const without = trainingBeside({ whole: null })(restPlan)
  const { bytes, plans } = trainingBeside({ whole: null, kept: { bytes: 1000, trunk } })(restPlan)
  expect(plans).toMatchObject([{ batch: 8, pass: 'forward', network: trunk }])
  expect(bytes).toBe(without.bytes + 1000 + evaluationBeside(plans![0]!).bytes)
})

it('an evaluation has its batches beside it, one that is filled up, and the parameters', () => {
  const tested = planOf('forward', 5)
  expect(evaluationBeside(tested).bytes).toBe(4 * 5 * 4 * 12 * 12 + writtenBytes(tested, ['parameter']))
})
