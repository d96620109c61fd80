// What commands share that take somebody's model and pictures, or keep what is known of them.
import type { Command } from 'commander'
import { UsageError } from '../errors.ts'
import { readBytes } from '../formats/files.ts'
import type { ImageSize } from '../formats/onnx-import.ts'
import { parseLabels } from '../models/labels.ts'
import { openModel } from '../models/open-model.ts'
import type { ModelRunOptions, OpenedModel } from '../models/opened-model.ts'
import { ENGINE, IMAGE_SIZE, OUTPUTS, positiveInteger, RETUNE, WEIGHTS } from './command.ts'
import { type NetworkSource, openNetworkSource } from './network-source.ts'
import {
  addPreprocessOptions,
  changeable,
  type PreprocessOptions,
  preprocessingChoice,
} from './preprocess-options.ts'
import type { Progress } from './progress.ts'
import { TUNING_BUDGET, type TuningBudgetOptions, tuningBudgetOf } from './tuning-budget.ts'

/** The options that say what a model's file may not: what its classes are called, and how its pictures are prepared. */
export interface DescriptionOptions extends PreprocessOptions {
  readonly labels?: string
}

export const LABELS = [
  '--labels <file>',
  "the names of the classes, one a line; ImageNet's for 1,000 classes by default",
] as const

export interface PictureModelOptions extends DescriptionOptions, TuningBudgetOptions {
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
  const { weights, imageSize, outputs, engine, threads, retune } = options
  const source = await openNetworkSource(text, { imageSize, outputs, weights })
  return openedModel(text, source, options, {
    engine,
    experimentalV8Flags: true,
    ...(threads !== undefined && { threads }),
    ...(retune && { retune }),
    ...tuningBudgetOf(options),
    onProgress: ({ done, total }) => progress.update('tuning', done, total),
    signal,
  })
}

/**
 * The model of a source, with the names of its classes and its preprocessing as given, as its file says or as assumed. Throws
 * UsageError if it has no weights; errors of labels name their file.
 */
export async function openedModel(
  text: string,
  { network, parameters, described }: Pick<NetworkSource, 'network' | 'parameters' | 'described'>,
  options: DescriptionOptions,
  runOptions: ModelRunOptions = {},
): Promise<OpenedModel> {
  const { labels: file } = options
  const labels = file === undefined ? undefined : parseLabels(await readBytes(file), file)
  if (parameters === null) throw new UsageError(`${text} has no weights of its own; give --weights <file>`)
  return openModel(
    { name: text, network, parameters, ...described },
    { labels, preprocessing: preprocessingChoice(options), ...runOptions },
  ).catch((error: unknown) => {
    const isOfLabels = error instanceof UsageError && error.message.startsWith(OF_LABELS)
    throw isOfLabels
      ? new UsageError(`${file}: ${error.message.slice(OF_LABELS.length)}`, { cause: error })
      : error
  })
}

const OF_LABELS = 'labels: '

/** What was assumed of the model, in sentences. */
export function assumptionsOf({ assumed }: OpenedModel): string[] {
  const { preprocessing, classNames } = assumed
  return [
    ...(preprocessing === null ? [] : [changeable(preprocessing)]),
    ...(classNames === null ? [] : [classNames]),
  ]
}
