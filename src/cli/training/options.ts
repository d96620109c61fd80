// The options of `train`, and how they become the settings in a log and a checkpoint.
import type { Command } from 'commander'
import { UsageError } from '../../errors.ts'
import type { ImageSize } from '../../formats/onnx-import.ts'
import { ACTIVATIONS, type ActivationName } from '../../layers/activation.ts'
import { REMOVABLE_PARTS, type RemovablePart } from '../../networks/options.ts'
import { CHECKPOINTS } from '../../plan/training.ts'
import type { TrainingSettings } from '../../records/training-log.ts'
import { SCHEDULES, type Schedule } from '../../train/schedule.ts'
import {
  DATA,
  ENGINE,
  float32From,
  IMAGE_SIZE,
  integerFromZero,
  OUTPUTS,
  oneOf,
  positiveInteger,
  RETUNE,
  WEIGHTS,
} from '../command.ts'
import { addPreprocessOptions, type PreprocessOptions } from '../preprocess-options.ts'
import { TUNING_BUDGET, type TuningBudgetOptions } from '../tuning-budget.ts'

export const OPTIMIZERS = ['sgd', 'adam'] as const
export const AUGMENTS = ['none', 'flip', 'crop', 'alexnet'] as const
export const KEEPING = ['auto', 'never'] as const
export const INITS = ['training', 'benchmark'] as const
/** The values of `--without`: parts of the network, and the augmentation. */
const PARTS = [...REMOVABLE_PARTS, 'augment'] as const

export interface TrainOptions extends TuningBudgetOptions, PreprocessOptions {
  readonly data: string
  readonly epochs: number
  readonly batch: number
  readonly microBatch?: number
  readonly optimizer: (typeof OPTIMIZERS)[number]
  readonly rate: number
  readonly momentum: number
  readonly decay?: number
  readonly clip?: number
  readonly freeze?: readonly string[]
  readonly head?: string
  readonly headRate?: number
  readonly keepFeatures: (typeof KEEPING)[number]
  readonly checkpoint?: (typeof CHECKPOINTS)[number]
  readonly schedule: Schedule
  readonly augment: (typeof AUGMENTS)[number]
  readonly activation?: ActivationName
  readonly without: readonly (typeof PARTS)[number][]
  readonly init: (typeof INITS)[number]
  readonly weights?: string
  readonly imageSize?: ImageSize
  readonly outputs?: readonly string[]
  readonly seed: number
  readonly engine: string
  readonly threads?: number
  readonly retune?: boolean
  readonly out?: string
  readonly resume?: string
  readonly log?: string
  readonly html?: string
  readonly color: boolean
}

export function addTrainOptions(command: Command): Command {
  return addPreprocessOptions(command.requiredOption(...DATA))
    .option('--epochs <n>', 'how often every image is seen', positiveInteger('--epochs'), 10)
    .option('--batch <n>', 'images of an update', positiveInteger('--batch'), 128)
    .option('--micro-batch <n>', 'images at a time, if memory is short', positiveInteger('--micro-batch'))
    .option(
      '--checkpoint <how>',
      'blocks: activations are made again in backward; less memory, more time',
      oneOf('--checkpoint', CHECKPOINTS),
    )
    .option('--optimizer <name>', OPTIMIZERS.join(' | '), oneOf('--optimizer', OPTIMIZERS), 'sgd')
    .option('--rate <x>', 'the learning rate', float32From('--rate', 0, { isOver: true }), 0.01)
    .option('--momentum <x>', 'of sgd', float32From('--momentum', 0, { below: 1 }), 0.9)
    .option('--decay <x>', "L2 penalty; 5e-4, or the network's own, by default", float32From('--decay', 0))
    .option(
      '--clip <norm>',
      'the largest norm of all gradients together',
      float32From('--clip', 0, { isOver: true }),
    )
    .option(
      '--freeze <layers>',
      "layers that are not trained, by name or with *: 'conv1,layer1.*'; all-but-head gives the model a new head and trains that alone",
      (text: string) => text.split(',').map((layer) => layer.trim()),
    )
    .option('--head <layer>', 'the layer that gets as many outputs as the data has classes, and new weights')
    .option(
      '--head-rate <x>',
      "the new head's learning rate; --rate is that of all other layers",
      float32From('--head-rate', 0, { isOver: true }),
    )
    .option(
      '--keep-features <when>',
      'auto | never: what frozen layers make of the images is computed once, if it is the same in every epoch and fits into memory',
      oneOf('--keep-features', KEEPING),
      'auto',
    )
    .option(
      '--schedule <name>',
      `of the rate: ${SCHEDULES.join(' | ')}`,
      oneOf('--schedule', SCHEDULES),
      'constant',
    )
    .option('--augment <kind>', AUGMENTS.join(' | '), oneOf('--augment', AUGMENTS), 'none')
    .option(
      '--activation <name>',
      `replaces ReLU: ${ACTIVATIONS.join(' | ')}`,
      oneOf('--activation', ACTIVATIONS),
    )
    .option(
      '--without <parts>',
      `left out, to see what they are worth: ${PARTS.join(',')}`,
      listOf('--without', PARTS),
      [],
    )
    .option(
      '--init <kind>',
      `first weights: ${INITS.join(' | ')} (the article's)`,
      oneOf('--init', INITS),
      'training',
    )
    .option(...WEIGHTS)
    .option(...IMAGE_SIZE)
    .option(...OUTPUTS)
    .option('--seed <n>', 'of weights, order, dropout and augmentation', integerFromZero('--seed'), 7)
    .option(...ENGINE)
    .option('--threads <n>', 'physical cores by default', positiveInteger('--threads'))
    .option(...RETUNE)
    .option(...TUNING_BUDGET)
    .option('--out <file>', 'the model, and beside it a checkpoint after every epoch')
    .option('--resume <checkpoint>', 'continue from this checkpoint')
    .option('--log <file>', 'steps and epochs as JSON lines, appended')
    .option('--html <file>', 'the curves as one page')
    .option('--no-color', 'plain text')
}

const listOf =
  <Name extends string>(option: string, allowed: readonly Name[]) =>
  (text: string): Name[] => [...new Set(text.split(',').map((part) => oneOf(option, allowed)(part.trim())))]

/** Throws UsageError for options that contradict each other. */
export function settingsOf(options: TrainOptions, decay: number): TrainingSettings {
  const {
    batch,
    microBatch = null,
    optimizer,
    rate,
    momentum,
    schedule,
    augment,
    seed,
    epochs,
    init,
  } = options
  if (microBatch !== null && batch % microBatch !== 0)
    throw new UsageError(`--micro-batch is ${microBatch}; it must divide --batch, ${batch}`)
  return {
    batch,
    microBatch,
    optimizer,
    rate,
    momentum: optimizer === 'sgd' ? momentum : null,
    decay,
    schedule,
    augment: options.without.includes('augment') ? 'none' : augment,
    activation: options.activation ?? null,
    without: [...options.without],
    seed,
    epochs,
    init,
    clip: options.clip ?? null,
    freeze: options.freeze ? [...options.freeze] : null,
    head: options.head ?? null,
    headRate: options.headRate ?? null,
  }
}

export const removedParts = ({ without }: TrainOptions): RemovablePart[] =>
  without.filter((part) => part !== 'augment')
