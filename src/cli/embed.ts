import type { Command } from 'commander'
import { ConvmarkError, FormatError } from '../errors.ts'
import { requireMemory } from '../formats/input-file.ts'
import { encodeSafetensors } from '../formats/safetensors.ts'
import { formatCount } from '../report/format.ts'
import { elementCount, formatShape } from '../tensor.ts'
import { addCommand, type OnEnd } from './command.ts'
import { complain } from './errors.ts'
import { untilInterrupted } from './interrupt.ts'
import { Output } from './output.ts'
import { openOutputFiles } from './output-files.ts'
import { openPhotos, PHOTOS_HELP } from './photos.ts'
import {
  addPictureModelOptions,
  filesOf,
  MODEL_HELP,
  openPictureModel,
  type PictureModelOptions,
} from './picture-model.ts'
import { changeable } from './preprocess-options.ts'
import { openProgress } from './progress.ts'
import { warnOfUnmeasured } from './tuning-budget.ts'

interface Options extends PictureModelOptions {
  readonly layer?: string
  readonly out: string
  readonly color: boolean
}

/** The metadata's key for what the features are of. */
const EMBEDDING = 'convmark.embedding'

export function addEmbedCommand(program: Command, onEnd: OnEnd): void {
  const command = addCommand(program, 'embed', "pictures' features: the values of one of a model's layers")
    .argument('<model>', MODEL_HELP)
    .argument('<photo...>', PHOTOS_HELP)
    .option('--layer <name>', 'the layer; by default what the last layer with weights reads')
    .requiredOption('--out <file>', 'safetensors: features (pictures, ...), and the files in its metadata')
  addPictureModelOptions(command)
    .option('--no-color', 'plain text')
    .action(async (model: string, words: readonly string[], options: Options) =>
      onEnd(await run(model, words, options)),
    )
}

/** Returns the exit code. */
async function run(text: string, words: readonly string[], options: Options): Promise<number> {
  const { parseEngineSpec } = await import('../engines/index.ts')
  parseEngineSpec(options.engine)
  const photos = await openPhotos(words)
  const files = await openOutputFiles({ '--out': options.out }, [
    text,
    ...filesOf(options),
    ...photos.map(({ name }) => name),
  ])
  const output = new Output({ color: options.color, isAllThereIs: false })
  const progress = await openProgress()
  const names: string[] = []
  const failed: string[] = []
  const made = await untilInterrupted(async (signal) => {
    await using model = await openPictureModel(text, options, { signal, progress })
    const layer = model.featuresLayer(options.layer)
    const batch = Math.min(options.batch, photos.length)
    const session = await model.prepare({ batch, layer })
    progress.clear()
    warnOfUnmeasured(session)
    const { preprocessing } = model.assumed
    if (preprocessing !== null) output.lines(output.palette.yellow(`warning: ${changeable(preprocessing)}`))
    const shape = model.featuresShape(layer)
    const count = photos.length * elementCount(shape)
    // In memory, and again in the file
    await requireMemory(options.out, 2 * count * Float32Array.BYTES_PER_ELEMENT)
    const values = new Float32Array(count)
    const pictures = photos.map(({ picture }) => picture)
    for await (const { index, features, error } of model.embedAll(pictures, { layer, batch })) {
      const { name } = photos[index]!
      progress.update('pictures', index + 1, photos.length)
      if (features) values.set(features, elementCount(shape) * names.push(name) - elementCount(shape))
      else failed.push(`${name}: ${error}`)
    }
    return { layer, shape, values: values.subarray(0, names.length * elementCount(shape)), model }
  }).finally(() => progress.clear())
  for (const reason of failed) complain(new ConvmarkError(reason))
  if (names.length === 0)
    throw new FormatError(`none of ${formatCount(photos.length)} pictures could be read`)
  const { layer, shape, values, model } = made
  const description = { version: 1, model: text, layer, files: names, preprocessing: model.preprocessing }
  await files['--out']!.write(
    encodeSafetensors(
      { features: { shape: [names.length, ...shape], data: values } },
      { [EMBEDDING]: JSON.stringify(description) },
    ),
  )
  output.lines(
    `${formatCount(names.length)} ${names.length === 1 ? 'picture' : 'pictures'}: ${layer} ${formatShape(shape)} of each written to ${options.out}`,
  )
  return failed.length > 0 ? 1 : 0
}
