import type { EngineRecord } from 'convmark/bench'
import { shapeLine } from 'convmark/report'
import { useTexts } from '../texts/index.ts'

interface ActivationsProps {
  readonly shapes: readonly { readonly name: string; readonly shape: readonly number[] }[]
  /** Null until it is prepared. */
  readonly engine: EngineRecord | null
}

/** The activations' shapes, and which path computes them. */
export function Activations({ shapes, engine }: ActivationsProps) {
  const { benchmark } = useTexts()
  return (
    <section class="card">
      <h2>{benchmark.activations}</h2>
      <ul class="shapes">
        {shapes.map(({ name, shape }) => (
          <li key={name}>{shapeLine(name, shape)}</li>
        ))}
      </ul>
      {engine && (
        <p class="quiet" id="path">
          {benchmark.path}: {benchmark.pathText(engine.name, engine.target, engine.threads, engine.reason)}
        </p>
      )}
    </section>
  )
}
