import { asImage } from './picture-input.ts'

interface LayerShapeProps {
  /** (H, W, C), (C) or () */
  readonly shape: readonly number[]
  readonly label: string
}

const WIDTH = 150
const HEIGHT = 120
/** Of depth to the right and up. */
const SLANT = 0.5

/** A box as high and wide as the map, and as deep as it has channels, on scales of roots: 3 and 384 both can be seen. */
export function LayerShape({ shape, label }: LayerShapeProps) {
  const [height, width, channels] = asImage(shape)
  const [tall, broad] = [height, width].map((extent) => 8 + 4.2 * Math.sqrt(extent)) as [number, number]
  const deep = 3 + 2.6 * Math.sqrt(channels)
  const [left, bottom] = [6, HEIGHT - 22]
  const [top, right] = [bottom - tall, left + broad]
  const [dx, dy] = [deep, deep * SLANT]
  return (
    <svg class="layer-shape" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
      <path d={`M${left} ${top}l${dx} ${-dy}h${broad}l${-dx} ${dy}z`} />
      <path d={`M${right} ${top}l${dx} ${-dy}v${tall}l${-dx} ${dy}z`} />
      <path class="front" d={`M${left} ${top}h${broad}v${tall}h${-broad}z`} />
      <text class="shape-text" x={left} y={HEIGHT - 5}>
        {height} × {width} × {channels}
      </text>
    </svg>
  )
}
