// What a training prints before it begins: everything that could surprise the user later.
import type { Dataset, Pipeline, Preprocessing } from '../../data/index.ts'
import { formatCount } from '../../report/format.ts'
import { imageOf } from '../../train/inputs.ts'
import type { Head } from './fine-tuning.ts'
import type { BegunJob } from './follow.ts'
import { cantCompare } from './resume.ts'
import { parameterCount, type TrainingSetup } from './setup.ts'

/** The lines that are known before anything is decoded. */
export function headLines({
  networkName,
  options,
  begun: { network, dataset, batchesPerEpoch, head },
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
    ...(head ? [headText(head, dataset.classNames.length)] : []),
    ...(dataset.whole && dataset.test
      ? ['the test images are a tenth of each class, always the same ones']
      : []),
    ...epochText(dataset.train.count, settings.batch, batchesPerEpoch),
    ...(cannot === null ? [] : [warn(cannot)]),
    ...(options.out === undefined ? [warn(unkeptText(files.checkpointPath))] : []),
  ]
}

/** The lines about pictures, once the preprocessing is known. */
export async function pictureLines(
  { dataset, preprocessing, augmentation, assumed }: TrainingSetup,
  { decoder }: Pick<Pipeline, 'decoder'>,
): Promise<string[]> {
  const view = await viewText(dataset, preprocessing, augmentation?.crop ?? false)
  return [
    ...(view === null ? [] : [view]),
    ...(assumed === null ? [] : [assumed]),
    ...(decoder === null ? [] : [`decoder: ${decoder}`]),
  ]
}

function headText({ head, isNew }: Head, classes: number): string {
  const layers = `the head, ${head.join(' and ')}`
  return isNew ? `${layers}, is new, for ${classes} classes` : `${layers}, goes on from what it has learned`
}

function partsText({ train, validation, test }: Dataset): string {
  const phrases = [`${formatCount(train.count)} images to train on`]
  if (validation) phrases.push(`${formatCount(validation.count)} to validate on after each epoch`)
  if (test) phrases.push(`${formatCount(test.count)} to test${validation ? ', kept for `evaluate`' : ''}`)
  if (!validation && !test) phrases.push('none to test')
  return phrases.join(', ')
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

/** What the network sees of a picture; null if it sees all of it as it is stored. */
async function viewText(
  { train }: Dataset,
  { size, resize, fit }: Preprocessing,
  hasCrops: boolean,
): Promise<string | null> {
  const crops = `${hasCrops ? 'random crops of' : 'the central'} ${size} x ${size}`
  if (resize !== null) {
    const area = fit === 'stretch' ? 'all of each, stretched' : 'the central square, resized'
    const square = `pictures: ${area} to ${resize} x ${resize}`
    return resize === size ? square : `${square}; of it ${crops}`
  }
  const { width, height } = await train.image(0)
  return width === size && height === size ? null : `pictures of ${width} x ${height}: of each ${crops}`
}

const unkeptText = (checkpointPath: string | null): string =>
  checkpointPath === null
    ? 'warning: without --out nothing that is learned is saved'
    : `warning: without --out no model is written; only ${checkpointPath} is updated`
