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

/** One line a row, columns as wide as their widest cell, no spaces at a line's end. Rows may be short. */
export function alignColumns(
  rows: readonly (readonly string[])[],
  alignments: readonly Alignment[],
): string[] {
  const widths = alignments.map((_, column) => max(rows, (row) => displayWidth(row[column] ?? ''))!)
  return rows.map((row) => {
    const cells = row.map((cell, column) => {
      const padding = ' '.repeat(widths[column]! - displayWidth(cell))
      return alignments[column] === 'right' ? padding + cell : cell + padding
    })
    return cells.join(GAP).trimEnd()
  })
}
