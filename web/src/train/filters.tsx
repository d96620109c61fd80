import { useMemo } from 'preact/hooks'
import { useTexts } from '../texts/index.ts'
import { MapCanvas } from '../ui/map-canvas.tsx'

interface FiltersProps {
  /** (kernel height, kernel width, 1, filters) */
  readonly shape: readonly number[]
  readonly values: Float32Array
}

/** The first layer's filters, a grey picture each. */
export function Filters({ shape, values }: FiltersProps) {
  const { train } = useTexts()
  const [height = 1, width = 1, , count = 1] = shape
  const maps = useMemo(
    () => Array.from({ length: count }, (_, filter) => (i: number) => values[i * count + filter]!),
    [values, count],
  )
  const text = train.filtersText(count, `${height} × ${width}`)
  return (
    <section class="card">
      <h3>{train.filters}</h3>
      <p class="quiet hint">{text}</p>
      <div class="filters" role="img" aria-label={`${train.filters}. ${text}`}>
        {maps.map((map, filter) => (
          <MapCanvas key={filter} width={width} height={height} values={map} />
        ))}
      </div>
    </section>
  )
}
