import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'

export interface Line {
  readonly name: string
  /** null: nothing there. */
  readonly values: readonly (number | null)[]
  /** A point at each value: for few of them. */
  readonly hasPoints?: boolean
  /** Points alone. */
  readonly isUnconnected?: boolean
}

interface LineChartProps {
  readonly title: string
  /** What is to be seen in it, in words: it stands below the title, and is what a screen reader says. */
  readonly description: string
  readonly xLabel: string
  readonly yLabel: string
  readonly xValues: readonly number[]
  readonly lines: readonly Line[]
  /** Steps of tens, each as high as the next: for lines that are far apart. */
  readonly isLogarithmic?: boolean
  /** What the axis shows, if not all values. */
  readonly yExtent?: readonly [low: number, high: number] | null
}

const HEIGHT_PX = 240
/** uPlot's names for scales. */
const [LINEAR, LOGARITHMIC] = [1, 3] as const
/** Steps and rounds are counted: no 1.5 between 1 and 2. */
const WHOLE_STEPS = [1, 10, 100, 1000, 10_000].flatMap((tens) => [tens, 2 * tens, 5 * tens])
const MIN_WIDTH_PX = 200
const COLOURS = ['--blue', '--orange', '--teal', '--magenta', '--gold', '--grey', '--bad'] as const

/** Lines over a common axis; drawn anew when its numbers, its width or the colours change. */
export function LineChart({
  title,
  description,
  xLabel,
  yLabel,
  xValues,
  lines,
  isLogarithmic = false,
  yExtent = null,
}: LineChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot | null>(null)
  const names = lines.map(({ name }) => name).join('\n')
  const data = [xValues, ...lines.map(({ values }) => values)] as unknown as uPlot.AlignedData
  const latest = useRef(data)
  latest.current = data
  const shown = useRef(yExtent)
  shown.current = yExtent
  /** Of a linear axis: with some air, as uPlot has it. */
  const rangeOf: uPlot.Scale.Range = (_, low, high) =>
    uPlot.rangeNum(...(shown.current ?? ([low, high] as const)), 0.1, true)

  // A chart is made anew for other lines, not for other values
  useEffect(() => {
    const element = place.current!
    const make = (): void => {
      chart.current?.destroy()
      chart.current = new uPlot(optionsFor(element), latest.current, element)
    }
    const optionsFor = (on: HTMLElement): uPlot.Options => {
      // As the theme has it: the variable itself holds both
      const colour = (name: string): string => {
        on.style.color = `var(${name})`
        return getComputedStyle(on).color
      }
      const axis = {
        stroke: colour('--quiet'),
        grid: { stroke: colour('--grid'), width: 1 },
        font: '12px system-ui',
      }
      return {
        width: Math.max(MIN_WIDTH_PX, on.clientWidth),
        height: HEIGHT_PX,
        cursor: { show: false },
        legend: { show: false },
        scales: {
          x: { time: false },
          y: isLogarithmic ? { distr: LOGARITHMIC } : { distr: LINEAR, range: rangeOf },
        },
        axes: [
          {
            ...axis,
            incrs: WHOLE_STEPS,
            label: xLabel,
            labelSize: 20,
            labelFont: '12px system-ui',
          },
          { ...axis, size: 62, label: yLabel, labelSize: 18, labelFont: '12px system-ui' },
        ],
        series: [
          {},
          ...lines.map(({ name, hasPoints = false, isUnconnected = false }, i) => ({
            label: name,
            ...(isUnconnected && { paths: () => null }),
            stroke: colour(COLOURS[i % COLOURS.length]!),
            width: 1.5,
            points: { show: hasPoints, size: 6, fill: colour(COLOURS[i % COLOURS.length]!) },
          })),
        ],
      }
    }
    make()
    const resizing = new ResizeObserver(() => {
      chart.current?.setSize({ width: Math.max(MIN_WIDTH_PX, element.clientWidth), height: HEIGHT_PX })
    })
    resizing.observe(element)
    const recolouring = new MutationObserver(make)
    recolouring.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] })
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    scheme.addEventListener('change', make)
    return () => {
      resizing.disconnect()
      recolouring.disconnect()
      scheme.removeEventListener('change', make)
      chart.current?.destroy()
      chart.current = null
    }
  }, [names, xLabel, yLabel, isLogarithmic])

  useEffect(() => chart.current?.setData(latest.current))

  return (
    <figure>
      <figcaption>
        <h3>{title}</h3>
        <p class="quiet">{description}</p>
      </figcaption>
      <div ref={place} class="chart" role="img" aria-label={`${title}. ${description}`} />
      {lines.length > 1 && (
        <ul class="legend">
          {lines.map(({ name }, i) => (
            <li key={name}>
              <span class={`swatch colour-${i % COLOURS.length}`} aria-hidden="true" /> {name}
            </li>
          ))}
        </ul>
      )}
    </figure>
  )
}
