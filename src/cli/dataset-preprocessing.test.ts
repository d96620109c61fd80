import { describe, expect, it } from 'vitest'
import { namedPreprocessing, type Preprocessing, syntheticDataset } from '../data/index.ts'
import { datasetPreprocessing } from './dataset-preprocessing.ts'

const COLOURS = { size: 8, channels: 3 } as const
const GREY = { size: 8, channels: 1 } as const
const own: Preprocessing = { ...namedPreprocessing('caffe', COLOURS), resize: 8 }
const wanted = { own: null, choice: undefined, model: 'dog.onnx', isTrained: true } as const
const of = (
  image: typeof COLOURS | typeof GREY,
  more: Partial<Parameters<typeof datasetPreprocessing>[2]> = {},
) => datasetPreprocessing(syntheticDataset(image), image, { ...wanted, ...more })

describe('images of a data set are prepared', () => {
  it("as the model's file says", async () => {
    expect(await of(COLOURS, { own })).toEqual({ preprocessing: own, assumed: null })
  })

  it('as was asked for', async () => {
    const { preprocessing, assumed } = await of(COLOURS, { own, choice: { from: 'inception' } })
    expect(preprocessing).toEqual(namedPreprocessing('inception', COLOURS))
    expect(assumed).toBeNull()
  })

  it("as ImageNet's for a network trained on colours elsewhere, which is said", async () => {
    const { preprocessing, assumed } = await of(COLOURS)
    expect(preprocessing).toEqual(namedPreprocessing('imagenet', COLOURS))
    expect(assumed).toMatch(
      /^dog.onnx does not say how its images are to be prepared; assumed: imagenet, as /,
    )
  })

  it('by their mean and deviation where it was trained on grey ones, which is said', async () => {
    const { preprocessing, assumed } = await of(GREY)
    expect(preprocessing.normalise).toMatchObject({ kind: 'channels', mean: [expect.any(Number)] })
    expect(assumed).toMatch('assumed: each channel has mean 0 and deviation 1 over the images to train on')
  })

  it('by their mean and deviation for a network that was not trained, without a word', async () => {
    const { preprocessing, assumed } = await of(COLOURS, { isTrained: false })
    expect(preprocessing).not.toEqual(namedPreprocessing('imagenet', COLOURS))
    expect(assumed).toBeNull()
  })

  it('with room for random crops', async () => {
    expect((await of(COLOURS, { own, crop: true })).preprocessing).toEqual({ ...own, resize: 9 })
    const large = { ...own, resize: 20 }
    expect((await of(COLOURS, { own: large, crop: true })).preprocessing).toEqual(large)
  })
})
