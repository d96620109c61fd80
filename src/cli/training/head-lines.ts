// What a training says of itself before it begins: whatever would surprise its user later.
import type { Dataset, Pipeline, Preprocessing } from '../../data/index.ts'
import { formatCount } from '../../report/format.ts'
import type { BegunJob } from './follow.ts'
import { cantCompare } from './resume.ts'
import { imageOf, parameterCount, type TrainingSetup } from './setup.ts'

/** Before anything is decoded. */
export function headLines({
  networkName,
  options,
  begun: { network, dataset, batchesPerEpoch },
  settings,
  resumed,
  files,
  output,
}: BegunJob): string[] {
  const { size, channels } = imageOf(network)
  const warn = output.palette.yellow
  const cannot = resumed && cantCompare(resumed)
  return [
    `${networkName}: ${formatCount(parameterCount(network))} parameters, images ${size} x ${size} x ${channels}`,
    `${options.data}: ${partsText(dataset)}, ${dataset.classNames.length} classes`,
    ...(dataset.whole && dataset.test
      ? ['the images to test are a tenth of each class, always the same']
      : []),
    ...epochText(dataset.train.count, settings.batch, batchesPerEpoch),
    ...(cannot === null ? [] : [warn(cannot)]),
    ...(options.out === undefined ? [warn(unkeptText(files.checkpointPath))] : []),
  ]
}

/** Of the pictures, once it is known what becomes of them. */
export async function pictureLines(
  { dataset, preprocessing, augmentation }: TrainingSetup,
  { decoder }: Pipeline,
): Promise<string[]> {
  const view = await viewText(dataset, preprocessing, augmentation?.crop ?? false)
  return [...(view === null ? [] : [view]), ...(decoder === null ? [] : [`decoder: ${decoder}`])]
}

function partsText({ train, validation, test }: Dataset): string {
  const parts = [`${formatCount(train.count)} images to train on`]
  if (validation) parts.push(`${formatCount(validation.count)} to validate on after each epoch`)
  if (test) parts.push(`${formatCount(test.count)} to test${validation ? ', kept for `evaluate`' : ''}`)
  if (!validation && !test) parts.push('none to test')
  return parts.join(', ')
}

/** Every batch is full. */
function epochText(count: number, batch: number, batchesPerEpoch: number): string[] {
  const used = batch * batchesPerEpoch
  if (used === count) return []
  const batches = `${formatCount(batchesPerEpoch)} ${batchesPerEpoch === 1 ? 'batch' : 'batches'} of ${formatCount(batch)}`
  return [
    `an epoch is ${batches}: ${formatCount(used)} of the ${formatCount(count)} images, different ones in each epoch`,
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
