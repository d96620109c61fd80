// Curves of several runs in one chart, distinguished by colour, dashes and marks.
import { max, quantile } from 'd3-array'
import { everyFew, indexesOfExtremes, meanCurve, type Point } from '../points.ts'
import { ACROSS, chartFigure, curve, type LegendEntry, point, type Shape, swatch } from './chart.ts'
import type { PlotPoint } from './layout.ts'
import { html, type Markup } from './markup.ts'
import { countScale, extentOf, linearScale, logScale, type Pair, type Scale } from './scales.ts'

/** One experiment: a curve for each run, and their mean if there are several. */
export interface Series {
  readonly name: string
  readonly curves: readonly Curve[]
}

export interface Curve {
  /** The run's name. */
  readonly name: string
  readonly points: readonly Point[]
  /** The values before smoothing, if `points` are smoothed; drawn faintly. */
  readonly raw?: readonly Point[]
}

export interface CurveChart {
  readonly title: string
  readonly description: string
  /** The unit of the axis across: 'epoch' or 'step'. */
  readonly across: string
  readonly yLabel: string
  /** `log`: for values that differ by orders of magnitude. */
  readonly yScale: 'from zero' | 'fitted' | 'log'
  /** The range of possible values, which the axis does not exceed. */
  readonly possible?: Pair
  readonly series: readonly Series[]
  readonly format: (y: number) => string
  /** Why there is nothing to draw, if there is no point at all. */
  readonly missing: string
}

const HEIGHT_PX = 260
const COLOURS = 6
const DASHES = 4
const SHAPES: readonly Shape[] = ['circle', 'square', 'diamond']
/** More points can't be distinguished, and make the file large. */
const MAX_POINTS = 400
/** A curve with more points has no marks, which would hide it. */
const MAX_MARKS = 60
const MAX_TABLE_ROWS = 25
const MEAN_TEXT = 'A thin line is a run, a thick one the mean of runs that differ in their seeds.'
/** If the values' ratio is larger, only a logarithmic scale shows the small ones. */
const MIN_LOG_RATIO = 20
/** Raw values outside of these quantiles are drawn at the edge, so that one outlier does not flatten the curves. */
const RAW_QUANTILES = [0.01, 0.99] as const

export function curveFigure({ series, title, yLabel, ...chart }: CurveChart): Markup {
  const curves = series.flatMap((each) => each.curves)
  if (curves.every(({ points }) => points.length === 0)) {
    return html`<p class="quiet">${title}: not drawn; ${chart.missing}.</p>`
  }
  const x = countScale(
    [
      0,
      max(
        curves.flatMap(({ points }) => points),
        (each) => each.x,
      )!,
    ],
    ACROSS,
  )
  const { scale: y, isLog } = yScaleOf(curves, chart)
  const places = (points: readonly Point[]): PlotPoint[] => points.map((each) => [x.at(each.x), y.at(each.y)])
  const line = (style: string, points: readonly Point[]): Markup | null =>
    points.length > 1 ? curve(style, places(points), HEIGHT_PX) : null

  const behind = series.flatMap((each, i) =>
    each.curves.map(({ points, raw }) => {
      if (each.curves.length > 1) return line(`faint ${colour(i)}`, everyFew(points, MAX_POINTS))
      return raw ? line(`faint ${colour(i)}`, extremesOf(raw)) : null
    }),
  )
  const inFront = series.map((each, i) => {
    const points = meanCurve(each.curves.map((one) => one.points))
    const isMarked = chart.across === 'epoch' || points.length === 1
    const title = (at: Point): string => `${each.name}, ${chart.across} ${at.x}: ${chart.format(at.y)}`
    return [
      line(`${colour(i)} ${dashes(i)}`, everyFew(points, MAX_POINTS)),
      isMarked && points.length <= MAX_MARKS
        ? points.map((at) => point(markShape(i), markStyle(i), x.at(at.x), y.at(at.y), title(at)))
        : null,
    ]
  })
  return chartFigure({
    title,
    description: series.some(({ curves }) => curves.length > 1)
      ? `${chart.description} ${MEAN_TEXT}`
      : chart.description,
    x: { scale: x, label: chart.across },
    y: { scale: y, label: isLog ? `${yLabel}, logarithmic` : yLabel },
    heightPx: HEIGHT_PX,
    marks: [behind, inFront],
    legend: curves.length > 1 ? series.map(legendEntry) : [],
    table: {
      caption: `${title.toLowerCase()}, by ${chart.across}`,
      columns: [
        { heading: 'run' },
        { heading: chart.across, isNumber: true },
        { heading: yLabel, isNumber: true },
      ],
      rows: curves.flatMap(({ name, points }) =>
        everyFew(points, MAX_TABLE_ROWS).map((at) => [name, String(at.x), chart.format(at.y)]),
      ),
    },
  })
}

function legendEntry({ name, curves }: Series, i: number): LegendEntry {
  const count = curves.length > 1 ? ` (${curves.length} runs)` : ''
  return { swatch: swatch('line', `curve ${colour(i)} ${dashes(i)}`), text: `${name}${count}` }
}

const colour = (i: number): string => `series-${(i % COLOURS) + 1}`
/** When the colours repeat, dashes and marks are shifted against them, so that the next combinations are new. */
const cycled = (i: number, count: number): number => (i + Math.floor(i / COLOURS)) % count
const dashes = (i: number): string => `dash-${cycled(i, DASHES) + 1}`
export const markShape = (i: number): Shape => SHAPES[cycled(i, SHAPES.length)]!
/** The style of the i-th series' marks. */
export const markStyle = (i: number): string => `mark ${colour(i)}`

function yScaleOf(
  curves: readonly Curve[],
  { yScale, possible }: Pick<CurveChart, 'yScale' | 'possible'>,
): { scale: Scale; isLog: boolean } {
  const raw = curves.flatMap((each) => each.raw?.map(({ y }) => y) ?? [])
  const edges = raw.length > 0 ? RAW_QUANTILES.map((share) => quantile(raw, share)!) : []
  const [low, high] = extentOf([...curves.flatMap(({ points }) => points.map(({ y }) => y)), ...edges])
  const range = [HEIGHT_PX, 0] as const
  if (yScale === 'log' && low > 0 && high / low > MIN_LOG_RATIO) {
    return { scale: logScale([low / 1.1, high * 1.1], range), isLog: true }
  }
  const domain: Pair = [yScale === 'fitted' ? low : Math.min(0, low), high]
  return { scale: linearScale(domain, range, possible), isLog: false }
}

function extremesOf(points: readonly Point[]): Point[] {
  const indexes = indexesOfExtremes(
    points.map(({ y }) => y),
    MAX_POINTS,
  )
  return indexes.map((i) => points[i]!)
}
