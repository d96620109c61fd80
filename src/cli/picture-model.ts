// What classify and embed share: a model that is ready for pictures.
import type { Command } from 'commander'
import { UsageError } from '../errors.ts'
import { readBytes } from '../formats/files.ts'
import type { ImageSize } from '../formats/onnx-import.ts'
import { parseLabels } from '../models/labels.ts'
import { openModel } from '../models/open-model.ts'
import type { OpenedModel } from '../models/opened-model.ts'
import { ENGINE, IMAGE_SIZE, OUTPUTS, positiveInteger, RETUNE, WEIGHTS } from './command.ts'
import { openNetworkSource } from './network-source.ts'
import { addPreprocessOptions, type PreprocessOptions, preprocessingChoice } from './preprocess-options.ts'
import type { Progress } from './progress.ts'
import { TUNING_BUDGET, type TuningBudgetOptions, tuningBudgetOf } from './tuning-budget.ts'

export interface PictureModelOptions extends PreprocessOptions, TuningBudgetOptions {
  readonly labels?: string
  readonly weights?: string
  readonly imageSize?: ImageSize
  readonly outputs?: readonly string[]
  readonly batch: number
  readonly engine: string
  readonly threads?: number
  readonly retune?: boolean
}

export const MODEL_HELP = 'an ONNX file, a .safetensors file, a module with weights, or the name of a network'

export function addPictureModelOptions(command: Command): Command {
  return addPreprocessOptions(command)
    .option(...IMAGE_SIZE)
    .option(...OUTPUTS)
    .option(...WEIGHTS)
    .option('--batch <n>', 'pictures at a time', positiveInteger('--batch'), 16)
    .option(...ENGINE)
    .option('--threads <n>', 'physical cores by default', positiveInteger('--threads'))
    .option(...RETUNE)
    .option(...TUNING_BUDGET)
}

/** The files that these options read. */
export const filesOf = ({ labels, weights }: PictureModelOptions): string[] =>
  [labels, weights].filter((file) => file !== undefined)

/** Opens the model. Throws UsageError if it has no weights. */
export async function openPictureModel(
  text: string,
  options: PictureModelOptions,
  { signal, progress }: { readonly signal: AbortSignal; readonly progress: Progress },
): Promise<OpenedModel> {
  const { labels: file, weights, imageSize, outputs, engine, threads, retune } = options
  const labels = file === undefined ? undefined : parseLabels(await readBytes(file), file)
  const source = await openNetworkSource(text, { imageSize, outputs, weights })
  if (source.parameters === null)
    throw new UsageError(`${text} has no weights of its own; give --weights <file>`)
  const { network, parameters, described } = source
  return await openModel(
    { name: text, network, parameters, ...described },
    {
      labels,
      preprocessing: preprocessingChoice(options),
      engine,
      experimentalV8Flags: true,
      ...(threads !== undefined && { threads }),
      ...(retune && { retune }),
      ...tuningBudgetOf(options),
      onProgress: ({ done, total }) => progress.update('tuning', done, total),
      signal,
    },
  ).catch((error: unknown) => {
    const isOfLabels = error instanceof UsageError && error.message.startsWith(LABELS)
    throw isOfLabels
      ? new UsageError(`${file}: ${error.message.slice(LABELS.length)}`, { cause: error })
      : error
  })
}

const LABELS = 'labels: '
