// Decides which labels have room. A page is made without a browser, so text widths are estimated, for 12 px.
import { displayWidth } from '../table.ts'
import type { Tick } from './scales.ts'

export type PlotPoint = readonly [xPercent: number, yPx: number]

export interface LabelOptions {
  readonly anchor?: 'start' | 'middle' | 'end'
  readonly dx?: number
  readonly dy?: number
  /** Left out on a phone. */
  readonly isRoomy?: boolean
}

const CHARACTER_WIDTH_PX = 6.8
const LABEL_HEIGHT_PX = 13
/** The width of a chart's plot on a phone: labels that are apart there are apart on any wider screen. */
export const NARROW_PLOT_PX = 240
/** Every plot is at least this much wider on other screens than on a phone. */
const MORE_ROOM_PX = 100
/** Labels closer than this look like one number. */
const LABEL_GAP_PX = 8
/** How far a label may extend beyond the ends of its axis. */
const OVERHANG_PX = 14

export const textWidthPx = (text: string): number => displayWidth(text) * CHARACTER_WIDTH_PX

export interface AxisLabel extends Tick {
  readonly anchor: 'start' | 'middle' | 'end'
  /** Shown only if there is more room than on a phone. */
  readonly isRoomy: boolean
}

/**
 * The labels of an axis that have room: every one, every second, every third, as many as stay apart from each other and
 * from the `fixed` ones, on a phone and elsewhere. A wide label at an end is moved inside. Places are in percent;
 * `narrowPx` is the plot's width on a phone.
 */
export function axisLabels(
  ticks: readonly Tick[],
  narrowPx: number = NARROW_PLOT_PX,
  fixed: readonly Tick[] = [],
): AxisLabel[] {
  const [labels, before] = [ticks, fixed].map((some) =>
    some.map((tick): AxisLabel => ({ ...tick, anchor: anchorOf(tick, narrowPx), isRoomy: false })),
  ) as [AxisLabel[], AxisLabel[]]
  const kept = (some: readonly AxisLabel[], widthPx: number): AxisLabel[] =>
    everyFewApart(
      some.filter((label) => before.every((each) => areApart(each, label, widthPx))),
      widthPx,
    )
  // Labels kept on a phone are among those kept elsewhere.
  const wide = kept(labels, narrowPx + MORE_ROOM_PX)
  const narrow = new Set(kept(wide, narrowPx))
  return [...wide.map((label) => ({ ...label, isRoomy: !narrow.has(label) })), ...before]
}

/** All labels, every second, or every third: the first choice in which neighbours are apart. */
function everyFewApart(labels: readonly AxisLabel[], widthPx: number): AxisLabel[] {
  for (let stride = 1; stride < labels.length; stride++) {
    const some = labels.filter((_, i) => i % stride === 0)
    if (some.every((each, i) => i === 0 || areApart(some[i - 1]!, each, widthPx))) return some
  }
  return labels.slice(0, 1)
}

function anchorOf({ at, label }: Tick, widthPx: number): AxisLabel['anchor'] {
  const [centre, half] = [(at / 100) * widthPx, textWidthPx(label) / 2]
  if (centre - half < -OVERHANG_PX) return 'start'
  return centre + half > widthPx + OVERHANG_PX ? 'end' : 'middle'
}

function areApart(a: AxisLabel, b: AxisLabel, widthPx: number): boolean {
  const [[from, to], [start, end]] = [spanOf(a, widthPx), spanOf(b, widthPx)]
  return to + LABEL_GAP_PX <= start || end + LABEL_GAP_PX <= from
}

function spanOf({ at, label, anchor }: AxisLabel, widthPx: number): readonly [from: number, to: number] {
  const [place, width] = [(at / 100) * widthPx, textWidthPx(label)]
  const left = anchor === 'start' ? place : anchor === 'end' ? place - width : place - width / 2
  return [left, left + width]
}

/** A point with a name; across in percent, down in pixels. */
export interface NamedPlace {
  readonly place: PlotPoint
  readonly name: string
}

/** A box of constant size in pixels around a point whose position across is in percent. */
interface Box {
  readonly xPercent: number
  /** Relative to the point, in pixels. */
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

/** Half of a mark's size. */
const MARK_REACH_PX = 6
/** Half of a line's width, with some space. */
const LINE_REACH_PX = 2
/** The widest plot, on a desktop. */
const WIDE_PLOT_PX = 1060
/** More names would be unreadable, and take long to place. */
const MAX_NAMES = 60

/**
 * Where the name of each point can be placed: where it hides no mark, overlaps no other name and is not crossed by a
 * line, in plots of every width; null if there is no such place. Lines are given by their ends.
 */
export function placeNames(
  points: readonly NamedPlace[],
  lines: readonly (readonly [PlotPoint, PlotPoint])[],
  heightPx: number,
): (LabelOptions | null)[] {
  const taken = points.map(({ place: [xPercent, y] }): Box => {
    const reach = MARK_REACH_PX
    return { xPercent, left: -reach, right: reach, top: y - reach, bottom: y + reach }
  })
  let left = MAX_NAMES
  return points.map(({ place, name }) => {
    if (left === 0) return null
    for (const { options, box } of candidatesFor(place, textWidthPx(name))) {
      const isFree =
        isInside(box, heightPx) &&
        taken.every((other) => !meet(box, other)) &&
        lines.every(([from, to]) => !isStruck(box, from, to))
      if (!isFree) continue
      taken.push(box)
      left--
      return options
    }
    return null
  })
}

/** Right, left, above, below, and in between. */
function candidatesFor([xPercent, yPx]: PlotPoint, widthPx: number): { options: LabelOptions; box: Box }[] {
  const places = [
    { anchor: 'start', dx: 9, dy: 4 },
    { anchor: 'end', dx: -9, dy: 4 },
    { anchor: 'middle', dx: 0, dy: -10 },
    { anchor: 'middle', dx: 0, dy: 20 },
    { anchor: 'start', dx: 5, dy: -8 },
    { anchor: 'end', dx: -5, dy: -8 },
    { anchor: 'start', dx: 5, dy: 18 },
    { anchor: 'end', dx: -5, dy: 18 },
  ] as const
  const shifts = { start: 0, middle: widthPx / 2, end: widthPx }
  return places.map((options) => {
    const left = options.dx - shifts[options.anchor]
    const baseline = yPx + options.dy
    const [top, bottom] = [baseline - LABEL_HEIGHT_PX + 2, baseline + 3]
    return { options, box: { xPercent, left, right: left + widthPx, top, bottom } }
  })
}

/** On a phone, and therefore on all wider plots. */
function isInside({ xPercent, left, right, top, bottom }: Box, heightPx: number): boolean {
  const [before, after] = [xPercent, 100 - xPercent].map((percent) => (percent / 100) * NARROW_PLOT_PX)
  return left > -before! && right < after! && top > 0 && bottom < heightPx
}

/** The smallest and the largest distance across, in pixels, over all widths of a plot. */
function distances(fromPercent: number, toPercent: number): readonly [number, number] {
  const px = (percent: number, widthPx: number) => (percent / 100) * widthPx
  return [
    Math.min(px(fromPercent, NARROW_PLOT_PX), px(fromPercent, WIDE_PLOT_PX)),
    Math.max(px(toPercent, NARROW_PLOT_PX), px(toPercent, WIDE_PLOT_PX)),
  ]
}

/** Whether two boxes overlap at some width. */
function meet(a: Box, b: Box): boolean {
  const [least, most] = distances(b.xPercent - a.xPercent, b.xPercent - a.xPercent)
  return a.left < most + b.right && least + b.left < a.right && a.top < b.bottom && b.top < a.bottom
}

/** Whether a straight line crosses a box at some width. */
function isStruck(
  { xPercent, left, right, top, bottom }: Box,
  [x1, y1]: PlotPoint,
  [x2, y2]: PlotPoint,
): boolean {
  const [above, below] = [top - LINE_REACH_PX, bottom + LINE_REACH_PX]
  if (Math.max(y1, y2) <= above || Math.min(y1, y2) >= below) return false
  // The segment of the line at the height of the box
  const at = (y: number): number => {
    const share = y1 === y2 ? 0 : (y - y1) / (y2 - y1)
    return x1 + Math.min(1, Math.max(0, share)) * (x2 - x1)
  }
  const ends = y1 === y2 ? [x1, x2] : [at(above), at(below)]
  const [least, most] = distances(Math.min(...ends) - xPercent, Math.max(...ends) - xPercent)
  return left - LINE_REACH_PX < most && least < right + LINE_REACH_PX
}
