import { describe, it } from 'vitest'
import { followGolden, presentEngines } from '../support/follow-golden.ts'

describe.each(presentEngines)('%s follows PyTorch over 20 steps', (engine) => {
  it.each(['alexnet-cifar10', 'alexnet-torchvision'] as const)('of %s', (name) => followGolden(engine, name))
})
