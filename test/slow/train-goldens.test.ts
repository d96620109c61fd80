import { describe, it } from 'vitest'
import { followGolden, presentEngines, SMALL } from '../support/follow-golden.ts'
import { TRAIN_GOLDENS } from '../support/train-goldens.ts'
import { trainPlainly } from '../support/train-plainly.ts'

describe('the plain loops train as PyTorch does, in float64', () => {
  it.each(TRAIN_GOLDENS.filter((name) => !SMALL.includes(name)))('%s', (name) => trainPlainly(name))
})

describe.each(presentEngines)('%s follows PyTorch over 20 steps', (engine) => {
  it.each(TRAIN_GOLDENS)('of %s', (name) => followGolden(engine, name))
})
