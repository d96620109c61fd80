import { type Content, html, type Markup } from './markup.ts'

export interface Column {
  readonly heading: string
  readonly isNumber?: boolean
}

export interface Table {
  readonly caption: string
  readonly columns: readonly Column[]
  /** The first cell of a row is its heading. */
  readonly rows: readonly (readonly Content[])[]
}

/** In a region that a keyboard can scroll, since a table may be wider than a phone. */
export function tableRegion({ caption, columns, rows }: Table): Markup {
  const cell = (content: Content, column: number): Markup => {
    const alignment = columns[column]!.isNumber ? 'number' : 'text'
    return column === 0
      ? html`<th scope="row" class="${alignment}">${content}</th>`
      : html`<td class="${alignment}">${content}</td>`
  }
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${caption}"><table>
<caption>${caption}</caption>
<thead><tr>${columns.map(
    ({ heading, isNumber = false }) =>
      html`<th scope="col" class="${isNumber ? 'number' : 'text'}">${heading}</th>`,
  )}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map(cell)}</tr>\n`)}</tbody></table></div>`
}

/** The numbers of a chart, collapsed. */
export const tableDetails = (table: Table): Markup =>
  html`<details><summary>Table: ${table.caption}</summary>${tableRegion(table)}</details>`
