// What pictures show, in the terminal.
import { formatFixed } from '../digits.ts'
import { withPlainTexts } from '../plain-text.ts'
import type { Classification, ClassifiedPicture } from '../records/classification.ts'
import { formatCount, formatDuration, formatImageRate, formatPercent } from './format.ts'
import type { Palette } from './palette.ts'
import { displayWidth, withinColumn } from './table.ts'

export type Prediction = NonNullable<ClassifiedPicture['top']>[number]

const LINE_WIDTH = 80
const GAP = '  '
/** `100.0%` */
const PERCENT_WIDTH = 6
const BAR_WIDTH = 20
/** Of a picture's file, if its only class stands in the same line. */
const FILE_WIDTH = 36

/** A classification: each picture's most probable classes, then how many there were, and what was assumed. */
export function classificationLines(classification: Classification, palette: Palette): string[] {
  return [
    ...classification.pictures.flatMap((picture) => pictureLines(picture, palette)),
    ...summaryLines(classification, palette),
  ]
}

/**
 * A picture's file and its classes, each with a bar; a single class stands beside the file, and a picture without an answer
 * is one line with the reason.
 */
export function pictureLines(picture: ClassifiedPicture, palette: Palette): string[] {
  const { file, top = [], error } = withPlainTexts(picture)
  if (error !== undefined) return [palette.yellow(`${file}: ${error}`)]
  if (top.length === 1) return [lineOfOne(file, top[0]!)]
  const nameWidth = LINE_WIDTH - PERCENT_WIDTH - BAR_WIDTH - 3 * GAP.length
  return [
    palette.bold(withinColumn(file, LINE_WIDTH)),
    ...top.map((prediction) => {
      const { probability } = prediction
      const percent = probabilityText(probability).padStart(PERCENT_WIDTH)
      const name = withinColumn(classText(prediction), nameWidth)
      return `${GAP}${percent}${GAP}${palette.green(barOf(probability).padEnd(BAR_WIDTH))}${GAP}${name}`
    }),
  ]
}

function lineOfOne(file: string, prediction: Prediction): string {
  const nameWidth = LINE_WIDTH - FILE_WIDTH - PERCENT_WIDTH - 2 * GAP.length
  const shown = withinColumn(file, FILE_WIDTH)
  return [
    shown + ' '.repeat(FILE_WIDTH - displayWidth(shown)),
    probabilityText(prediction.probability).padStart(PERCENT_WIDTH),
    withinColumn(classText(prediction), nameWidth),
  ].join(GAP)
}

/** If there are several pictures, how many and how fast they were classified; and a warning for all that was assumed. */
export function summaryLines(
  classification: Pick<Classification, 'pictures' | 'elapsedMs' | 'assumed'>,
  palette: Palette,
): string[] {
  const { pictures, elapsedMs, assumed } = withPlainTexts(classification)
  const lines = [
    ...(pictures.length > 1 ? [countText(pictures, elapsedMs)] : []),
    ...assumed.map((sentence) => palette.yellow(`warning: ${sentence}`)),
  ]
  return lines.length > 0 ? ['', ...lines] : []
}

function countText(pictures: readonly ClassifiedPicture[], elapsedMs: number): string {
  const rate = imageRate(pictures, elapsedMs)
  const counts = [
    `${formatCount(pictures.length)} pictures`,
    formatDuration(elapsedMs),
    ...(rate === null ? [] : [`${formatImageRate(rate)} images/s`]),
  ]
  const failed = failedCount(pictures)
  if (failed === 0) return counts.join(', ')
  const failures = failed === pictures.length ? 'none could' : `${formatCount(failed)} could not`
  return `${counts.join(', ')}; ${failures} be classified`
}

/** Pictures without an answer. */
export const failedCount = (pictures: readonly ClassifiedPicture[]): number =>
  pictures.filter(({ error }) => error !== undefined).length

/** Of the pictures that have an answer; null if fewer than two have, whose time says more of the start. */
export function imageRate(pictures: readonly ClassifiedPicture[], elapsedMs: number): number | null {
  const classified = pictures.length - failedCount(pictures)
  return classified > 1 && elapsedMs > 0 ? (1000 * classified) / elapsedMs : null
}

const SMALLEST_SHOWN = 0.001

/** `93.2%`; `<0.1%` instead of a 0 that isn't one. */
export const probabilityText = (probability: number): string =>
  probability < SMALLEST_SHOWN ? `<${formatFixed(100 * SMALLEST_SHOWN, 1)}%` : formatPercent(probability)

/** A class whose name is empty is shown by its index. */
export const classText = ({ name, index }: Pick<Prediction, 'name' | 'index'>): string =>
  name.trim() === '' ? `class ${index}` : name

/** By how many eighths of a character are filled. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

function barOf(fraction: number): string {
  const eighths = Math.round(8 * BAR_WIDTH * fraction)
  return '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]!
}
