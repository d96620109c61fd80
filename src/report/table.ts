import { max } from 'd3-array'

export type Alignment = 'left' | 'right'

const GAP = '  '
const segmenter = new Intl.Segmenter()
/** What a terminal draws two columns wide. */
const WIDE =
  /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Emoji_Presentation}|[\u3000-\u303f\uff01-\uff60]/u

/** Columns that a terminal takes for it. */
export function displayWidth(text: string): number {
  let width = 0
  for (const { segment } of segmenter.segment(text)) width += WIDE.test(segment) ? 2 : 1
  return width
}

/** A longer name would push all that follows it out of sight. */
const MAX_WIDTH = 48

/** The text, or its two ends where it is wider than a column may be. */
function withinColumn(text: string): string {
  if (displayWidth(text) <= MAX_WIDTH) return text
  const characters = [...segmenter.segment(text)].map(({ segment }) => segment)
  const ends = [characters, characters.toReversed()].map((from) => {
    let width = 0
    return from.filter((each) => {
      width += displayWidth(each)
      return width <= (MAX_WIDTH - 1) / 2
    })
  })
  return `${ends[0]!.join('')}…${ends[1]!.toReversed().join('')}`
}

/**
 * One line a row, columns as wide as their widest cell, no spaces at a line's end. Rows may be short. Long cells are
 * shortened, but for the last column's.
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
