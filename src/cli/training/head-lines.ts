// What a training says of itself before it begins: whatever would surprise its user later.
import type { Dataset, Pipeline, Preprocessing } from '../../data/index.ts'
import { formatCount } from '../../report/format.ts'
import type { Job } from './follow.ts'
import { cantCompare } from './resume.ts'
import { parameterCount } from './setup.ts'

export async function headLines(
  { networkName, options, setup, settings, resumed, files, output }: Omit<Job, 'pipeline' | 'signal'>,
  pipeline: Pipeline,
): Promise<string[]> {
  const { network, dataset, preprocessing, augmentation } = setup
  const { size, channels } = preprocessing
  const warn = output.palette.yellow
  const view = await viewText(dataset, preprocessing, augmentation?.crop ?? false)
  const cannot = resumed && cantCompare(resumed)
  return [
    `${networkName}: ${formatCount(parameterCount(network))} parameters, images ${size} x ${size} x ${channels}`,
    `${options.data}: ${partsText(dataset)}, ${dataset.classNames.length} classes`,
    ...(dataset.whole && dataset.test
      ? ['the images to test are a tenth of each class, always the same']
      : []),
    ...epochText(dataset.train.count, settings.batch, pipeline.batchesPerEpoch),
    ...(view === null ? [] : [view]),
    ...(pipeline.decoder === null ? [] : [`decoder: ${pipeline.decoder}`]),
    ...(cannot === null ? [] : [warn(cannot)]),
    ...(options.out === undefined ? [warn(unkeptText(files.checkpointPath))] : []),
  ]
}

function partsText({ train, validation, test }: Dataset): string {
  const parts = [`${formatCount(train.count)} images to train on`]
  if (validation) parts.push(`${formatCount(validation.count)} to validate on after each epoch`)
  if (test) parts.push(`${formatCount(test.count)} to test${validation ? ', left to evaluate' : ''}`)
  if (!validation && !test) parts.push('none to test')
  return parts.join(', ')
}

/** Every batch is full. */
function epochText(count: number, batch: number, batchesPerEpoch: number): string[] {
  const used = batch * batchesPerEpoch
  if (used === count) return []
  const batches = `${formatCount(batchesPerEpoch)} ${batchesPerEpoch === 1 ? 'batch' : 'batches'} of ${formatCount(batch)}`
  return [
    `an epoch is ${batches}: ${formatCount(used)} of the ${formatCount(count)} images, others in every epoch`,
  ]
}

/** What the network sees of a picture; null if that is all of it, as it is stored. */
async function viewText(
  { train }: Dataset,
  { size, resize }: Preprocessing,
  hasCrops: boolean,
): Promise<string | null> {
  const crops = `${hasCrops ? 'random crops of' : 'the central'} ${size} x ${size}`
  if (resize !== null) {
    const square = `pictures: the central square, resized to ${resize} x ${resize}`
    return resize === size ? square : `${square}; of it ${crops}`
  }
  const { width, height } = await train.image(0)
  return width === size && height === size ? null : `pictures of ${width} x ${height}: of each ${crops}`
}

const unkeptText = (checkpointPath: string | null): string =>
  checkpointPath === null
    ? 'warning: without --out nothing of what is learned is kept'
    : `warning: without --out no model is written; ${checkpointPath} is kept up to date`
