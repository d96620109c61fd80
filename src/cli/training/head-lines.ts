// What a training prints before it begins: everything that could surprise the user later.
import type { Dataset, Pipeline, Preprocessing } from '../../data/index.ts'
import { formatCount } from '../../report/format.ts'
import type { NetworkSource } from '../network-source.ts'
import type { Head } from './fine-tuning.ts'
import type { BegunJob } from './follow.ts'
import { cantCompare } from './resume.ts'
import { imageOf, parameterCount, type TrainingSetup } from './setup.ts'

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
  { dataset, preprocessing, augmentation, source }: TrainingSetup,
  { decoder }: Pick<Pipeline, 'decoder'>,
): Promise<string[]> {
  const view = await viewText(dataset, preprocessing, augmentation?.crop ?? false)
  const assumed = assumedText(source, preprocessing)
  return [
    ...(view === null ? [] : [view]),
    ...(assumed === null ? [] : [assumed]),
    ...(decoder === null ? [] : [`decoder: ${decoder}`]),
  ]
}

/** What was assumed of images because the network's file does not say how to prepare them; null if that is known. */
export function assumedText(
  { file, kind, parameters }: Pick<NetworkSource, 'file' | 'kind' | 'parameters'>,
  { channels, normalise }: Preprocessing,
): string | null {
  if (kind === 'named' || kind === 'model' || parameters === null) return null
  const how =
    normalise.kind === 'per-image'
      ? 'each image has mean 0 and deviation 1'
      : 'each channel has mean 0 and deviation 1 over the images to train on'
  const order = channels === 3 ? 'red, green, blue; ' : ''
  return `${file} does not say how its images are to be prepared; assumed: ${order}${how}`
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
    ? 'warning: without --out nothing that is learned is saved'
    : `warning: without --out no model is written; only ${checkpointPath} is updated`
