import { useLayoutEffect, useRef } from 'preact/hooks'

interface MapCanvasProps {
  readonly width: number
  readonly height: number
  /** (height, width), of any size: the smallest is drawn black, the largest white. */
  readonly values: (index: number) => number
  readonly label?: string
}

/** Numbers as a grey picture, a point each. */
export function MapCanvas({ width, height, values, label }: MapCanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useLayoutEffect(() => {
    const context = canvas.current!.getContext('2d')!
    const image = context.createImageData(width, height)
    const count = width * height
    let [low, high] = [Infinity, -Infinity]
    for (let i = 0; i < count; i++) {
      low = Math.min(low, values(i))
      high = Math.max(high, values(i))
    }
    const scale = high > low ? 255 / (high - low) : 0
    for (let i = 0; i < count; i++) {
      const shade = Math.round((values(i) - low) * scale)
      image.data[4 * i] = shade
      image.data[4 * i + 1] = shade
      image.data[4 * i + 2] = shade
      image.data[4 * i + 3] = 255
    }
    context.putImageData(image, 0, 0)
  }, [width, height, values])
  const naming = label === undefined ? { 'aria-hidden': true } : { role: 'img' as const, 'aria-label': label }
  return <canvas ref={canvas} width={width} height={height} {...naming} />
}
