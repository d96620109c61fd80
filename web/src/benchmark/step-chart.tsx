import { formatMs } from 'convmark/report'
import { useTexts } from '../texts/index.ts'
import { LineChart } from '../ui/line-chart.tsx'
import type { Step } from './state.ts'

/** Every step as it comes, a line a pass. */
export function StepChart({ steps }: { readonly steps: readonly Step[] }) {
  const { benchmark, settings } = useTexts()
  const passes = [...new Set(steps.map(({ pass }) => pass))]
  const durations = passes.map((pass) =>
    steps.filter((step) => step.pass === pass).map(({ durationMs }) => durationMs),
  )
  const length = Math.max(...durations.map((values) => values.length))
  return (
    <section class="card">
      <LineChart
        title={benchmark.chart}
        description={benchmark.chartText(steps.length, formatMs(steps.at(-1)!.durationMs))}
        xLabel={benchmark.step}
        yLabel="ms"
        xValues={Array.from({ length }, (_, step) => step)}
        lines={passes.map((pass, i) => ({
          name: settings.passes[pass],
          values: Array.from({ length }, (_, step) => durations[i]![step] ?? null),
        }))}
      />
    </section>
  )
}
