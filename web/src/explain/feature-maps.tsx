import { useMemo } from 'preact/hooks'
import { useTexts } from '../texts/index.ts'
import { MapCanvas } from '../ui/map-canvas.tsx'
import type { Maps } from './explain-work.ts'

interface FeatureMapsProps {
  readonly layer: string
  /** How many there are; not all of them are shown. */
  readonly allChannels: number
  readonly maps: Maps
}

/** The first channels, a grey picture each; of a vector the largest values. */
export function FeatureMaps({
  layer,
  allChannels,
  maps: { height, width, channels, values, largest },
}: FeatureMapsProps) {
  const { explain } = useTexts()
  const maps = useMemo(
    () => Array.from({ length: channels }, (_, channel) => (i: number) => values[i * channels + channel]!),
    [values, channels],
  )
  if (largest.length > 0) {
    const shown = largest.map(({ index, value }) => `${index}: ${formatValue(value)}`)
    return <p class="quiet hint">{explain.largest(layer, allChannels, shown.join(', '))}</p>
  }
  const text = explain.maps(layer, channels, allChannels)
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

const formatValue = (value: number): string => String(Number(value.toPrecision(3)))
