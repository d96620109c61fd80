import type { LayerTime, Run } from 'convmark/bench'
import { formatMs, formatRate } from 'convmark/report'
import { useTexts } from '../texts/index.ts'
import { Bars } from '../ui/bars.tsx'

/** Where a run's time goes; nothing for an engine that does not show its layers. */
export function LayerBars({ run }: { readonly run: Run }) {
  const { benchmark, settings } = useTexts()
  if (run.layers.every(({ forwardMs }) => forwardMs === null)) return null
  const rate = (flops: number, ms: number): string =>
    flops > 0 && ms > 0 ? `, ${formatRate(flops / ms / 1e6)} GFLOP/s` : ''
  const parts = ({ forwardMs, backwardMs, updateMs, flops, backwardFlops }: LayerTime) =>
    [
      { name: benchmark.forward, ms: forwardMs, flops },
      { name: benchmark.backward, ms: backwardMs, flops: backwardFlops },
      { name: benchmark.update, ms: updateMs ?? null, flops: 0 },
    ]
      .filter(({ ms }) => ms)
      .map((part) => ({
        ...part,
        value: part.ms!,
        text: `${part.name} ${formatMs(part.ms!)} ms${rate(part.flops, part.ms!)}`,
      }))
  const title = benchmark.layers(settings.passes[run.pass])
  return (
    <section class="card layers">
      <h3>{title}</h3>
      <p class="quiet hint">{benchmark.layersText}</p>
      <Bars
        label={title}
        bars={run.layers.map((layer) => ({ name: layer.name, detail: layer.algorithm, parts: parts(layer) }))}
      />
    </section>
  )
}
