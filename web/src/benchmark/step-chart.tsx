import { commonExtent, formatMs } from 'convmark/report'
import { useTexts } from '../texts/index.ts'
import { LineChart } from '../ui/line-chart.tsx'
import type { Step } from './state.ts'

/** Every step as it comes, a line a pass; what lies far from all others is marked at the edge. */
export function StepChart({ steps }: { readonly steps: readonly Step[] }) {
  const { benchmark, settings } = useTexts()
  const passes = [...new Set(steps.map(({ pass }) => pass))]
  const durations = passes.map((pass) =>
    steps.filter((step) => step.pass === pass).map(({ durationMs }) => durationMs),
  )
  const length = durations.reduce((longest, values) => Math.max(longest, values.length), 0)
  const each = <Value,>(of: (step: number) => Value): Value[] => Array.from({ length }, (_, step) => of(step))
  const { low, high, below, above } = commonExtent(durations)
  const beyond = [...below, ...above]
  /** A mark at the edge of the axis at each step at which some pass lies beyond it. */
  const marks = (name: string, edge: number, isBeyond: (ms: number) => boolean) => ({
    name,
    values: each((step) => (durations.some((values) => isBeyond(values[step] ?? edge)) ? edge : null)),
    hasPoints: true,
    isUnconnected: true,
  })
  return (
    <section class="card">
      <LineChart
        title={benchmark.chart}
        description={[
          benchmark.chartText(steps.length, formatMs(steps.at(-1)!.durationMs)),
          ...(beyond.length > 0 ? [benchmark.beyondText(beyond.map(formatMs))] : []),
        ].join(' ')}
        xLabel={benchmark.step}
        yLabel="ms"
        xValues={each((step) => step)}
        yExtent={beyond.length > 0 ? [low, high] : null}
        lines={[
          ...passes.map((pass, i) => ({
            name: settings.passes[pass],
            values: each((step) => durations[i]![step] ?? null),
          })),
          ...(below.length > 0 ? [marks(benchmark.below, low, (ms) => ms < low)] : []),
          ...(above.length > 0 ? [marks(benchmark.above, high, (ms) => ms > high)] : []),
        ]}
      />
    </section>
  )
}
