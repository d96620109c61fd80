import { describe, expect, it } from 'vitest'
import { syntheticDataset } from '../../data/index.ts'
import { lenet } from '../../networks/lenet.ts'
import type { TrainingSettings } from '../../records/training-log.ts'
import { chooseKeeping } from './kept-features.ts'

const network = lenet()
const images = (count: number) => ({ ...syntheticDataset({ size: 28, channels: 1 }).train, count })

interface Asked {
  readonly freeze?: readonly string[] | undefined
  readonly keepFeatures?: 'auto' | 'never'
  readonly augment?: TrainingSettings['augment']
  readonly count?: number
}

const chosen = (asked: Asked) => {
  const { keepFeatures = 'auto', augment = 'none', count = 100 } = asked
  const dataset = { ...syntheticDataset(), train: images(count), test: images(28), validation: null }
  const freeze = 'freeze' in asked ? asked.freeze : ['conv1', 'conv2', 'fc3']
  return chooseKeeping({ network, dataset }, { keepFeatures }, { augment }, freeze)
}

describe('what frozen layers make', () => {
  it('is kept of the images to train on and those that are tried, as far as layers are frozen', async () => {
    const bytes = (values: number) => 128 * values * 4
    expect(await chosen({})).toMatchObject({ from: 'fc3', note: null, kept: { bytes: bytes(512) } })
    expect(await chosen({ freeze: ['conv*'] })).toMatchObject({
      from: 'pool2',
      kept: { bytes: bytes(7 * 7 * 64) },
    })
  })

  it('is not, without a word, if nothing is frozen or that was asked for', async () => {
    const not = { from: null, note: null }
    expect(await chosen({ freeze: undefined })).toEqual(not)
    expect(await chosen({ keepFeatures: 'never' })).toEqual(not)
  })

  it.each<[Asked, RegExp]>([
    [{ augment: 'crop' }, /: --augment crop changes the pictures in every epoch$/],
    [{ freeze: ['conv2'] }, /: layers before them are trained, or drop values at random$/],
    [
      { count: 1e9 },
      /: 1,000,000,028 images x 512 values take 2,048,000 MB, over half of the [\d,]+ MB that are free$/,
    ],
  ])('is not, and says why: %o', async (asked, note) => {
    const { from, note: said } = await chosen(asked)
    expect(from).toBeNull()
    expect(said).toMatch(note)
    expect(said).toMatch(/^what the frozen layers make is not kept, so they run in every epoch: /)
  })
})
