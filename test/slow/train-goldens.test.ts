import { describe, it } from 'vitest'
import { followGolden, presentEngines } from '../support/follow-golden.ts'
import { TRAIN_GOLDENS } from '../support/train-goldens.ts'

describe.each(presentEngines)('%s follows PyTorch over 20 steps', (engine) => {
  it.each(TRAIN_GOLDENS)('of %s', (name) => followGolden(engine, name))
})
