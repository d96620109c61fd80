import { useMemo } from 'preact/hooks'
import { useTexts } from '../texts/index.ts'
import { MapCanvas } from '../ui/map-canvas.tsx'

interface FeatureMapsProps {
  readonly layer: string
  /** (H, W, C) */
  readonly shape: readonly number[]
  readonly values: Float32Array
}

const MAX_MAPS = 24

/** The first channels, a grey picture each. */
export function FeatureMaps({ layer, shape, values }: FeatureMapsProps) {
  const { explain } = useTexts()
  const [height = 1, width = 1, channels = 1] = shape
  const shown = Math.min(MAX_MAPS, channels)
  const maps = useMemo(
    () => Array.from({ length: shown }, (_, channel) => (i: number) => values[i * channels + channel]!),
    [values, channels, shown],
  )
  const text = explain.maps(layer, shown, channels)
  return (
    <figure>
      <figcaption>
        <p>{text}</p>
      </figcaption>
      <div class="maps" role="img" aria-label={text}>
        {maps.map((map, channel) => (
          <MapCanvas key={channel} width={width} height={height} values={map} />
        ))}
      </div>
    </figure>
  )
}
