import { describe, expect, it } from 'vitest'
import { identifyDataset, syntheticDataset } from '../../data/index.ts'
import { FormatError, UsageError } from '../../errors.ts'
import { cantCompare, type Resumed, requireSameData, requireSameSettings } from './resume.ts'

const dataset = syntheticDataset({ size: 8, trainCount: 20, testCount: 10 })
const trainedOn = await identifyDataset(dataset)
const settings = { batch: 4, rate: 0.1, epochs: 2, schedule: 'constant', data: 'folder:a' }
const { data: _, ...given } = settings

const resumedOf = (model: object = { trainedOn }, kept: unknown = settings): Resumed => {
  const checkpoint = { model: { classNames: dataset.classNames, ...model }, settings: kept }
  return { file: 'c.safetensors', checkpoint: checkpoint as unknown as Resumed['checkpoint'] }
}

describe('a training goes on', () => {
  it.each([
    ['with the options that it had', {}],
    ['for more epochs', { epochs: 5 }],
  ])('%s', (_, more) => {
    requireSameSettings(resumedOf(), { ...given, ...more }, 'folder:a')
  })

  it.each([
    [{ rate: 0.2 }, 'its training had rate 0.1, now it has rate 0.2'],
    [{ batch: 8 }, 'its training had batch 4, now it has batch 8'],
    [{ schedule: 'cosine' }, 'its training had schedule "constant", now it has schedule "cosine"'],
    [{ clip: 1 }, 'its training had no clip, now it has clip 1'],
  ])('not with others: %j', (more, message) => {
    const resume = () => requireSameSettings(resumedOf(), { ...given, ...more }, 'folder:a')
    expect(resume).toThrow(UsageError)
    expect(resume).toThrow(`--resume c.safetensors: ${message}; give the same options`)
  })

  it('with images that have moved, if they can be compared', () => {
    requireSameSettings(resumedOf(), given, 'folder:b')
    expect(() => requireSameSettings(resumedOf({}), given, 'folder:b')).toThrow(
      'its training had data "folder:a", now it has data "folder:b"',
    )
  })

  it('with the same images, and says if it can’t compare them', async () => {
    requireSameData(resumedOf(), dataset, trainedOn)
    expect(cantCompare(resumedOf())).toBeNull()
    const more = syntheticDataset({ size: 8, trainCount: 21, testCount: 10 })
    const identity = await identifyDataset(more)
    expect(() => requireSameData(resumedOf(), more, identity)).toThrow(
      "--resume c.safetensors: the data is not what its training began with: class 'pattern 0' had 2 images to train on, has 3;",
    )
    requireSameData(resumedOf({}), more, identity)
    expect(cantCompare(resumedOf({}))).toContain('c.safetensors does not say which images it was trained on')
  })

  it('by this command only if this command began it', () => {
    expect(() => requireSameSettings(resumedOf({}, null), given, 'folder:a')).toThrow(
      new FormatError(
        'c.safetensors: convmark train did not write it; continue from it in the code that did',
      ),
    )
  })
})
