export interface Bar {
  readonly name: string
  readonly detail?: string
  readonly parts: readonly { readonly name: string; readonly value: number; readonly text: string }[]
}

interface BarsProps {
  readonly label: string
  readonly bars: readonly Bar[]
  /** For short names and numbers. */
  readonly isCompact?: boolean
}

/** Horizontal bars, with their numbers in words: nothing is said by length or colour alone. */
export function Bars({ label, bars, isCompact = false }: BarsProps) {
  const longest = Math.max(...bars.flatMap(({ parts }) => parts.map(({ value }) => value)), Number.MIN_VALUE)
  return (
    <ul class={isCompact ? 'bars compact' : 'bars'} aria-label={label}>
      {bars.map(({ name, detail, parts }) => (
        <li key={name}>
          <div class="bar-name">
            <strong>{name}</strong> {detail && <small class="quiet">{detail}</small>}
          </div>
          <div>
            {parts.map((part, i) => (
              <div key={part.name} class="bar">
                <span
                  class={`bar-length colour-${i}`}
                  style={{ width: `${(100 * part.value) / longest}%` }}
                  aria-hidden="true"
                />
                <span>{part.text}</span>
              </div>
            ))}
          </div>
        </li>
      ))}
    </ul>
  )
}
