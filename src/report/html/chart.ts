// Charts are SVG without a view box: positions across are in percent, down in pixels, so that text keeps its size at
// any width.
import { max } from 'd3-array'
import { axisLabels, type LabelOptions, NARROW_PLOT_PX, type PlotPoint, textWidthPx } from './layout.ts'
import { type Content, html, type Markup } from './markup.ts'
import type { Scale, Tick } from './scales.ts'
import { type Table, tableDetails } from './table.ts'

/** The `range` of scales across, in percent of a chart's width. */
export const ACROSS = [0, 100] as const

export interface Axis {
  readonly scale: Scale
  readonly label: string
  /** Labels in addition to those of the scale, which make room for them. */
  readonly extra?: readonly Tick[]
}

export interface Chart {
  readonly title: string
  /** What the chart shows, in words. */
  readonly description: string
  readonly x: Axis
  readonly y: Axis
  readonly heightPx: number
  readonly marks: Content
  readonly legend: readonly LegendEntry[]
  /** The numbers that it shows. */
  readonly table: Table
}

export interface LegendEntry {
  readonly swatch: Markup
  readonly text: string
}

/** A chart: two axes, marks and a legend, with a table of the numbers. */
export function chartFigure({ title, description, x, y, heightPx, marks, legend, table }: Chart): Markup {
  return html`<figure class="chart">
<figcaption><h4>${title}</h4><p>${description}</p></figcaption>
<p class="axis-label">${y.label}</p>
<div class="plot" style="--before: ${roomFor(y.scale.ticks.map(({ label }) => label))}px"><svg role="img" height="${heightPx}"><title>${title}</title><desc>${description}</desc>
${y.scale.ticks.map(({ at, label }) => horizontalTick(at, label))}
${x.scale.ticks.map(({ at }) => gridLine(at, heightPx))}
${axisTexts(x, NARROW_PLOT_PX, heightPx + 16)}
${marks}
<text class="axis-label" x="100%" y="${heightPx + 34}" text-anchor="end">${x.label}</text>
</svg></div>
${legendList(legend)}${tableDetails(table)}</figure>`
}

export interface Strip {
  /** The heading of a row. */
  readonly heading: Markup
  readonly title: string
  readonly heightPx: number
  readonly marks: Content
}

export interface StripChart {
  readonly title: string
  readonly description: string
  readonly x: Axis
  readonly strips: readonly Strip[]
  readonly legend: readonly LegendEntry[]
  readonly table: Table
  /** Names on the left of the marks. */
  readonly rowNames?: readonly string[]
  /** Texts on the right of the marks; `short` is shown where there is little room. */
  readonly rowTexts?: readonly { readonly text: string; readonly short: string }[]
}

/** A strip's width on a phone, without the room for names and texts. */
const NARROW_STRIP_PX = 300
/** The room at either end of a strip without names or texts. */
const MIN_STRIP_ROOM_PX = 14

/** Rows with a name, a strip of drawing and a text, all over one axis. */
export function stripFigure(chart: StripChart): Markup {
  const { title, description, x, strips, legend, table, rowNames = [], rowTexts = [] } = chart
  const before = roomFor(rowNames)
  const [after, afterShort] = [rowTexts.map(({ text }) => text), rowTexts.map(({ short }) => short)].map(
    roomFor,
  )
  const rooms = `--before: ${before}px; --after: ${after}px; --after-short: ${afterShort}px`
  const narrowPx =
    NARROW_STRIP_PX - Math.max(MIN_STRIP_ROOM_PX, before) - Math.max(MIN_STRIP_ROOM_PX, afterShort!)
  const grid = (heightPx: number): Markup[] => x.scale.ticks.map(({ at }) => gridLine(at, heightPx))
  return html`<figure class="chart strips">
<figcaption><h4>${title}</h4><p>${description}</p></figcaption>
<ol>${strips.map(
    (strip) => html`
<li><div>${strip.heading}</div><div class="plot" style="${rooms}"><svg role="img" height="${strip.heightPx}">
<title>${strip.title}</title>${grid(strip.heightPx)}${strip.marks}</svg></div></li>`,
  )}
<li class="axis" aria-hidden="true"><div></div><div class="plot" style="${rooms}"><svg height="36">
${axisTexts(x, narrowPx, 12)}
<text class="axis-label" x="100%" y="30" text-anchor="end">${x.label}</text></svg></div></li></ol>
${legendList(legend)}${tableDetails(table)}</figure>`
}

export type Shape = 'circle' | 'square' | 'diamond' | 'up' | 'down'

const SHAPES: { readonly [S in Shape]: string } = {
  circle: 'M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z',
  square: 'M-4.5 -4.5h9v9h-9z',
  diamond: 'M0 -6.5L6.5 0L0 6.5L-6.5 0z',
  up: 'M0 -6L6 5H-6z',
  down: 'M0 6L6 -5H-6z',
}

/** A mark that says what it is when pointed at. */
export function point(shape: Shape, style: string, xPercent: number, yPx: number, title: string): Markup {
  return html`<svg x="${percent(xPercent)}" y="${pixels(yPx)}" overflow="visible"><path class="${style}" d="${SHAPES[shape]}"><title>${title}</title></path></svg>`
}

export function dot(style: string, xPercent: number, yPx: number): Markup {
  return html`<circle class="${style}" cx="${percent(xPercent)}" cy="${pixels(yPx)}" r="2.5"/>`
}

export function line(style: string, [x1, y1]: PlotPoint, [x2, y2]: PlotPoint): Markup {
  return html`<line class="${style}" x1="${percent(x1)}" y1="${pixels(y1)}" x2="${percent(x2)}" y2="${pixels(y2)}"/>`
}

/** A rectangle given by two opposite corners. */
export function rectangle(style: string, [x1, y1]: PlotPoint, [x2, y2]: PlotPoint, title: string): Markup {
  const [x, width] = [Math.min(x1, x2), Math.abs(x2 - x1)]
  const [y, height] = [Math.min(y1, y2), Math.abs(y2 - y1)]
  return html`<rect class="${style}" x="${percent(x)}" y="${pixels(y)}" width="${percent(width)}" height="${pixels(height)}"><title>${title}</title></rect>`
}

/** A line through points, in a picture of its own that is stretched across, since a path can't use percent. */
export function curve(style: string, places: readonly PlotPoint[], heightPx: number): Markup {
  const path = places.map(([x, y]) => `${Number(x.toFixed(3))} ${pixels(y)}`).join('L')
  return html`<svg class="canvas" viewBox="0 0 100 ${heightPx}" preserveAspectRatio="none"><path class="curve ${style}" d="M${path}"/></svg>`
}

export function label([xPercent, yPx]: PlotPoint, text: Content, options: LabelOptions = {}): Markup {
  const { anchor = 'start', dx = 0, dy = 4, isRoomy = false } = options
  return html`<text${isRoomy && html` class="roomy"`} x="${percent(xPercent)}" y="${pixels(yPx)}" dx="${dx}" dy="${dy}" text-anchor="${anchor}">${text}</text>`
}

/** A small version of the mark, for a legend. */
export function swatch(mark: 'point' | 'line' | 'area', style: string, shape: Shape = 'circle'): Markup {
  const drawn = {
    point: () => html`<path class="${style}" d="${SHAPES[shape]}" transform="translate(10 8)"/>`,
    line: () => html`<line class="${style}" x1="0" y1="8" x2="20" y2="8"/>`,
    area: () => html`<rect class="${style}" x="0" y="1" width="20" height="14"/>`,
  }
  return html`<svg class="swatch" width="20" height="16" aria-hidden="true">${drawn[mark]()}</svg>`
}

const legendList = (legend: readonly LegendEntry[]): Content =>
  legend.length > 0 &&
  html`<ul class="legend">${legend.map(({ swatch, text }) => html`<li>${swatch} ${text}</li>`)}</ul>
`

const horizontalTick = (yPx: number, text: string): Markup =>
  html`${line('grid', [0, yPx], [100, yPx])}<text class="tick" x="0" y="${pixels(yPx)}" dx="-8" dy="4" text-anchor="end">${text}</text>`

const gridLine = (xPercent: number, heightPx: number): Markup =>
  line('grid', [xPercent, 0], [xPercent, heightPx])

const axisTexts = ({ scale, extra }: Axis, narrowPx: number, yPx: number): Markup[] =>
  axisLabels(scale.ticks, narrowPx, extra).map(
    ({ at, label, anchor, isRoomy }) =>
      html`<text class="${isRoomy ? 'tick roomy' : 'tick'}" x="${percent(at)}" y="${yPx}" text-anchor="${anchor}">${label}</text>`,
  )

/** Between texts and the marks beside them. */
const TEXT_DISTANCE_PX = 12
const MAX_ROOM_PX = 180

/** The room that the widest of the texts needs, in pixels. */
function roomFor(texts: readonly string[]): number {
  const widest = max(texts, textWidthPx) ?? 0
  return widest === 0 ? 0 : Math.ceil(Math.min(MAX_ROOM_PX, widest + TEXT_DISTANCE_PX))
}

const percent = (value: number): string => `${Number(value.toFixed(3))}%`
const pixels = (value: number): number => Number(value.toFixed(2))
