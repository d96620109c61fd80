// Curves of several runs over each other, told apart by colour, dashes and marks.
import { max, quantile } from 'd3-array'
import { everyFew, indexesOfExtremes, meanCurve, type Point } from '../points.ts'
import { ACROSS, chartFigure, curve, type LegendEntry, point, type Shape, swatch } from './chart.ts'
import type { PlotPoint } from './layout.ts'
import { html, type Markup } from './markup.ts'
import { countScale, extentOf, linearScale, logScale, type Pair, type Scale } from './scales.ts'

/** One experiment: a curve a run, and their mean where there are several. */
export interface Series {
  readonly name: string
  readonly curves: readonly Curve[]
}

export interface Curve {
  /** Of its run. */
  readonly name: string
  readonly points: readonly Point[]
  /** What `points` are the smooth of; drawn faint behind it. */
  readonly raw?: readonly Point[]
}

export interface CurveChart {
  readonly title: string
  readonly description: string
  /** What is counted across: 'epoch' or 'step'. */
  readonly across: string
  readonly yLabel: string
  /** `log`: where the values lie far apart. */
  readonly yScale: 'from zero' | 'fitted' | 'log'
  /** What values can be at all: an axis does not go past it. */
  readonly possible?: Pair
  readonly series: readonly Series[]
  readonly format: (y: number) => string
  /** What was not recorded, where there is no point at all. */
  readonly missing: string
}

const HEIGHT_PX = 260
const COLOURS = 6
const DASHES = 4
const SHAPES: readonly Shape[] = ['circle', 'square', 'diamond']
/** More points than these are no longer seen apart, and make the file large. */
const MAX_POINTS = 400
/** A curve of more has no marks: they would hide it. */
const MAX_MARKS = 60
const MAX_TABLE_ROWS = 25
const MEAN_TEXT = 'A thin line is a run, a thick one the mean of runs that differ in their seeds.'
/** Values further apart than this need a logarithmic scale for the small ones to be seen. */
const MIN_LOG_RATIO = 20
/** Of raw values, what lies further out is drawn at the edge, so that one outlier does not flatten the curves. */
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
/** Where colours come again, what goes with them has moved on. */
const turn = (i: number, count: number): number => (i + Math.floor(i / COLOURS)) % count
const dashes = (i: number): string => `dash-${turn(i, DASHES) + 1}`
export const markShape = (i: number): Shape => SHAPES[turn(i, SHAPES.length)]!
/** Of the i-th series' points. */
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
