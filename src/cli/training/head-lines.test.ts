import { describe, expect, it } from 'vitest'
import { type Dataset, type Preprocessing, syntheticDataset } from '../../data/index.ts'
import { lenet } from '../../networks/lenet.ts'
import { PLAIN } from '../../report/palette.ts'
import { headLines, pictureLines } from './head-lines.ts'

const asMany = (count: number) => ({ ...syntheticDataset({ size: 28, channels: 1 }).train, count })
const plain: Dataset = {
  name: 'folder:animals',
  classNames: ['cat', 'dog', 'owl'],
  train: asMany(600),
  validation: null,
  test: null,
  whole: null,
}
const asIs: Preprocessing = { size: 28, channels: 1, resize: null, normalise: { kind: 'per-image' } }

interface Told {
  readonly dataset: Dataset
  readonly preprocessing: Preprocessing
  readonly crop: boolean
  readonly batch: number
  readonly checkpointPath: string | null
  readonly out: string
  readonly resumed: unknown
  readonly assumed: string | null
}

/** The lines after the first one. */
async function told(more: Partial<Told> = {}): Promise<string[]> {
  const { dataset = plain, preprocessing = asIs, crop = false, batch = 100, resumed = null } = more
  const { checkpointPath = 'm.checkpoint.safetensors' } = more
  const batchesPerEpoch = Math.floor(dataset.train.count / batch)
  const begun = { network: lenet({ classes: 3 }), dataset, batchesPerEpoch }
  const setup = { ...begun, preprocessing, augmentation: { crop }, assumed: more.assumed ?? null }
  const job = {
    networkName: 'lenet',
    options: { data: 'folder:animals', out: 'm.safetensors', ...('out' in more && { out: more.out }) },
    begun,
    settings: { batch },
    resumed,
    files: { checkpointPath },
    output: { palette: PLAIN },
  }
  const [first, ...rest] = headLines(job as unknown as Parameters<typeof headLines>[0])
  expect(first).toMatch(/^lenet: 1,659,779 parameters, images /)
  const [as, pipeline] = [setup, { decoder: null }] as unknown as Parameters<typeof pictureLines>
  return [...rest, ...(await pictureLines(as, pipeline))]
}

describe('a training says', () => {
  it.each<[Partial<Dataset>, string]>([
    [{}, '600 images to train on, none to test, 3 classes'],
    [{ test: asMany(50) }, '600 images to train on, 50 to test, 3 classes'],
    [{ validation: asMany(40) }, '600 images to train on, 40 to validate on after each epoch, 3 classes'],
    [
      { validation: asMany(40), test: asMany(50) },
      '600 images to train on, 40 to validate on after each epoch, 50 to test, kept for `evaluate`, 3 classes',
    ],
  ])('which images serve for what', async (parts, text) => {
    expect(await told({ dataset: { ...plain, ...parts } })).toEqual([`folder:animals: ${text}`])
  })

  it('that it holds images out', async () => {
    const dataset = { ...plain, test: asMany(60), whole: asMany(660) }
    expect(await told({ dataset })).toContain(
      'the test images are a tenth of each class, always the same ones',
    )
  })

  it('how many images an epoch leaves out', async () => {
    expect(await told({ batch: 64 })).toContain(
      'an epoch is 9 batches of 64: 576 of the 600 images, different ones in each epoch',
    )
    expect(await told({ batch: 500 })).toContain(
      'an epoch is 1 batch of 500: 500 of the 600 images, different ones in each epoch',
    )
  })

  it.each([
    [28, false, 'pictures: the central square, resized to 28 x 28'],
    [32, true, 'pictures: the central square, resized to 32 x 32; of it random crops of 28 x 28'],
    [32, false, 'pictures: the central square, resized to 32 x 32; of it the central 28 x 28'],
  ])('what becomes of pictures: %i, crops %s', async (resize, crop, text) => {
    expect(await told({ preprocessing: { ...asIs, resize }, crop })).toContain(text)
  })

  it('which part it takes of images as they are', async () => {
    const preprocessing = { ...asIs, size: 24 }
    expect(await told({ preprocessing })).toContain('pictures of 28 x 28: of each the central 24 x 24')
    expect(await told({ preprocessing, crop: true })).toContain(
      'pictures of 28 x 28: of each random crops of 24 x 24',
    )
    expect(await told()).toHaveLength(1)
  })

  it('how images are prepared where a file with weights does not say it', async () => {
    const assumed = 'dog.onnx does not say how its images are to be prepared; assumed: imagenet'
    expect(await told({ assumed })).toContain(assumed)
    expect(await told()).toHaveLength(1)
  })

  it('what is not kept', async () => {
    expect(await told({ out: undefined as unknown as string, checkpointPath: null })).toContain(
      'warning: without --out nothing that is learned is saved',
    )
    expect(await told({ out: undefined as unknown as string })).toContain(
      'warning: without --out no model is written; only m.checkpoint.safetensors is updated',
    )
  })

  it('that it can’t compare its images with those of an older checkpoint', async () => {
    const resumed = { file: 'old.checkpoint.safetensors', checkpoint: { model: {} } }
    expect((await told({ resumed })).at(-1)).toMatch(
      /^warning: old.checkpoint.safetensors does not say which images it was trained on/,
    )
  })
})
