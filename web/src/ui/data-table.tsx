import type { ComponentChildren } from 'preact'

interface DataTableProps {
  readonly caption: string
  readonly columns: readonly ComponentChildren[]
  /** The first cell of a row is its name. */
  readonly rows: readonly (readonly ComponentChildren[])[]
}

/** Scrolls by itself where it is wider than the page, by keyboard too. */
export function DataTable({ caption, columns, rows }: DataTableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section class="scroll" tabIndex={0} aria-label={caption}>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column, i) =>
              // Above the rows' names there may be nothing to say
              column === '' ? (
                <td key={i} />
              ) : (
                <th key={i} scope="col">
                  {column}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, ...cells], row) => (
            <tr key={row}>
              <th scope="row">{name}</th>
              {cells.map((cell, i) => (
                <td key={i}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
