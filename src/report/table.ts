import { max } from 'd3-array'

export type Alignment = 'left' | 'right'

const GAP = '  '
const segmenter = new Intl.Segmenter()
/** Characters that a terminal draws two columns wide. */
const WIDE =
  /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Emoji_Presentation}|[\u3000-\u303f\uff01-\uff60]/u

/** How many columns the text takes in a terminal. */
export function displayWidth(text: string): number {
  let width = 0
  for (const { segment } of segmenter.segment(text)) width += WIDE.test(segment) ? 2 : 1
  return width
}

/** A longer name would push everything after it out of view. */
const MAX_WIDTH = 48

/** The text, or only its two ends if it is too wide for a column. */
export function withinColumn(text: string, maxWidth: number = MAX_WIDTH): string {
  if (displayWidth(text) <= maxWidth) return text
  const characters = [...segmenter.segment(text)].map(({ segment }) => segment)
  const ends = [characters, characters.toReversed()].map((from) => {
    let width = 0
    return from.filter((each) => {
      width += displayWidth(each)
      return width <= (maxWidth - 1) / 2
    })
  })
  return `${ends[0]!.join('')}…${ends[1]!.toReversed().join('')}`
}

/**
 * One line for each row, with columns as wide as their widest cell and no spaces at the end of a line. Rows may be
 * short. Long cells are shortened, except in the last column.
 */
export function alignColumns(
  cells: readonly (readonly string[])[],
  alignments: readonly Alignment[],
): string[] {
  const rows = cells.map((row) =>
    row.map((cell, column) => (column < alignments.length - 1 ? withinColumn(cell) : cell)),
  )
  const widths = alignments.map((_, column) => max(rows, (row) => displayWidth(row[column] ?? ''))!)
  return rows.map((row) => {
    const cells = row.map((cell, column) => {
      const padding = ' '.repeat(widths[column]! - displayWidth(cell))
      return alignments[column] === 'right' ? padding + cell : cell + padding
    })
    return cells.join(GAP).trimEnd()
  })
}
