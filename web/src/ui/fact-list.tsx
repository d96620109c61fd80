import type { ComponentChildren } from 'preact'

/** Terms and what is to be said of each. */
export function FactList({
  facts,
}: {
  readonly facts: readonly (readonly [term: string, fact: ComponentChildren])[]
}) {
  return (
    <dl class="facts">
      {facts.map(([term, fact]) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{fact}</dd>
        </div>
      ))}
    </dl>
  )
}
