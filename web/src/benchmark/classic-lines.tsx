import type { Run } from 'convmark/bench'
import { hasStepLine, passLine, stepLine } from 'convmark/report'
import { useTexts } from '../texts/index.ts'
import type { Step } from './state.ts'

/** The article's lines, as the command line prints them. */
export function ClassicLines({
  steps,
  runs,
}: {
  readonly steps: readonly Step[]
  readonly runs: readonly Run[]
}) {
  const { benchmark } = useTexts()
  const passes = [...new Set(steps.map(({ pass }) => pass))]
  const lines = passes.flatMap((pass) => {
    const own = steps.filter((step) => step.pass === pass)
    const run = runs.find((each) => each.pass === pass)
    const last = run ? passLine(run, own.at(-1)!.endedAt) : null
    return [
      ...own
        .filter(({ step }) => hasStepLine(step))
        .map(({ step, durationMs, endedAt }) => stepLine(step, durationMs, endedAt)),
      ...(last === null ? [] : [last]),
    ]
  })
  return (
    <section class="card">
      <h3>{benchmark.classic}</h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so it must be reachable by keyboard */}
      <pre tabIndex={0}>{lines.join('\n')}</pre>
    </section>
  )
}
