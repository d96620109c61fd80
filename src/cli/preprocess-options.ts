// The options that say how pictures are prepared, for every command that takes pictures for a model from elsewhere.
import type { Command } from 'commander'
import {
  CHANNEL_ORDERS,
  type ChannelOrder,
  FITS,
  type Fit,
  FROM_MODEL,
  PREPROCESSING_NAMES,
  type PreprocessingChoice,
  type Range,
} from '../data/index.ts'
import { UsageError } from '../errors.ts'
import { isPositiveInteger } from '../tensor.ts'
import { oneOf } from './command.ts'

export interface PreprocessOptions {
  readonly preprocess?: PreprocessingChoice['from']
  readonly mean?: readonly number[]
  readonly sd?: readonly number[]
  readonly range?: Range
  readonly channelOrder?: ChannelOrder
  readonly resize?: number | null
  readonly fit?: Fit
}

const NAMES = [...PREPROCESSING_NAMES, FROM_MODEL] as const

export function addPreprocessOptions(command: Command): Command {
  return command
    .option(
      '--preprocess <name>',
      `how pictures are prepared: ${NAMES.join(' | ')}; as the model's file says, by default`,
      oneOf('--preprocess', NAMES),
    )
    .option(
      '--mean <values>',
      'subtracted: one number, or one for each channel: 0.485,0.456,0.406',
      numbers('--mean'),
    )
    .option('--sd <values>', 'divided by, after the mean', numbers('--sd'))
    .option('--range <low..high>', 'what the bytes 0 and 255 become before that: 0..1, 0..255, -1..1', range)
    .option(
      '--channel-order <order>',
      `of colours: ${CHANNEL_ORDERS.join(' | ')}`,
      oneOf('--channel-order', CHANNEL_ORDERS),
    )
    .option(
      '--resize <size>',
      "the square that pictures are resized to before the network's size is cut from its middle; or none",
      resize,
    )
    .option('--fit <how>', `how a picture becomes that square: ${FITS.join(' | ')}`, oneOf('--fit', FITS))
}

/** A sentence about what was assumed of images, and by which option it can be changed. */
export const changeable = (assumed: string): string => `${assumed}; --preprocess says otherwise`

/** What was asked for; undefined if nothing was. */
export function preprocessingChoice(options: PreprocessOptions): PreprocessingChoice | undefined {
  const { preprocess: from, mean, sd, range, channelOrder: order, resize, fit } = options
  const given = { from, mean: single(mean), sd: single(sd), range, order, resize, fit }
  const entries = Object.entries(given).filter(([, value]) => value !== undefined)
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

const single = (values: readonly number[] | undefined): number | readonly number[] | undefined =>
  values?.length === 1 ? values[0]! : values

function numbers(option: string): (text: string) => readonly number[] {
  return (text) => {
    const values = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
    if (values.every(Number.isFinite)) return values
    throw new UsageError(
      `${option} is '${text}'; it must be a number, or one for each channel, with commas between`,
    )
  }
}

function range(text: string): Range {
  const [low = '', high = '', ...others] = text.split('..')
  const [from, to] = [low, high].map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
  if (others.length === 0 && Number.isFinite(from) && Number.isFinite(to) && from! < to!) return [from!, to!]
  throw new UsageError(`--range is '${text}'; it must be two numbers such as 0..1, 0..255 or -1..1`)
}

function resize(text: string): number | null {
  if (text === 'none') return null
  const size = /^\d+$/.test(text) ? Number(text) : 0
  if (isPositiveInteger(size)) return size
  throw new UsageError(`--resize is '${text}'; it must be a positive integer, or none`)
}
