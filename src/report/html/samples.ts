// A run's samples: their distribution, and how they changed over time.
import { bin, max, median, thresholdFreedmanDiaconis } from 'd3-array'
import type { Run } from '../../bench/result.ts'
import { formatFixed } from '../../digits.ts'
import { formatCount, formatMs, formatPercent } from '../format.ts'
import { beyondText, type RobustExtent, robustExtent } from '../outliers.ts'
import { indexesOfExtremes } from '../points.ts'
import { ACROSS, chartFigure, dot, label, line, point, rectangle, swatch } from './chart.ts'
import { axisLabels } from './layout.ts'
import { type Content, html, type Markup } from './markup.ts'
import { countScale, extentOf, linearScale, type Pair, type Scale } from './scales.ts'

const HEIGHT_PX = 200
const MAX_BINS = 40
/** More dots can't be distinguished, and make the file large. */
const MAX_DOTS = 1500
/** The fewest samples in a group if the run has no rounds: enough for a median, with some ten groups a run. */
const MIN_GROUP_SAMPLES = 5
const GROUPS_WITHOUT_ROUNDS = 10
/** If there are more rounds, several are drawn and listed as one. */
const MAX_GROUPS = 60
/** A lane beside the axis for samples beyond it: across in percent, down in pixels. */
const LANE_PERCENT = 14
const LANE_PX = 28

/** Both charts, side by side if there is room. */
export function samplesFigures(run: Run): Markup {
  const extent = robustExtent(run.samplesMs)
  return html`<div class="pair">${histogram(run, extent)}${series(run, extent)}</div>`
}

interface Bin {
  readonly from: number
  readonly to: number
  readonly count: number
}

function binsOf(samplesMs: readonly number[], domain: Pair): Bin[] {
  const inside = samplesMs.filter((ms) => ms >= domain[0] && ms <= domain[1])
  return bin()
    .domain([...domain])
    .thresholds((values, low, high) =>
      Math.min(MAX_BINS, Math.max(1, thresholdFreedmanDiaconis(values, low, high) || 1)),
    )(inside)
    .map((values) => ({ from: values.x0!, to: values.x1!, count: values.length }))
}

function histogram({ samplesMs, summary }: Run, extent: RobustExtent): Markup {
  const { medianMs, medianIntervalMs } = summary!
  const { below, above } = extent
  const [start, end] = [below.length > 0 ? LANE_PERCENT : 0, above.length > 0 ? 100 - LANE_PERCENT : 100]
  const x = linearScale([extent.low, extent.high], [start, end], TIMES)
  const bins = binsOf(samplesMs, x.domain)
  const y = countScale(
    [0, max([...bins.map(({ count }) => count), below.length, above.length])!],
    [HEIGHT_PX, 0],
  )
  const interval = medianIntervalMs && `${msRange(medianIntervalMs)} ms`
  const lanes = [
    { values: below, from: 0, to: start, label: `< ${x.ticks.at(0)!.label}` },
    { values: above, from: end, to: 100, label: `> ${x.ticks.at(-1)!.label}` },
  ].filter(({ values }) => values.length > 0)
  return chartFigure({
    title: 'Distribution of the samples',
    description: `${formatCount(samplesMs.length)} samples, median ${formatMs(medianMs)} ms${
      interval ? `, 95% interval ${interval}` : ''
    }. ${beyondText(extent, formatMs)}`,
    x: {
      scale: x,
      label: 'ms a batch',
      extra: lanes.map(({ from, to, label }) => ({ at: (from + to) / 2, label })),
    },
    y: { scale: y, label: 'samples' },
    heightPx: HEIGHT_PX,
    marks: [
      medianIntervalMs ? medianSpan(medianIntervalMs.map(x.at) as [number, number], interval!) : null,
      bins
        .filter(({ count }) => count > 0)
        .map(({ from, to, count }) =>
          rectangle(
            'bar',
            [x.at(from), y.at(0)],
            [x.at(to), y.at(count)],
            `${msRange([from, to])} ms: ${count}`,
          ),
        ),
      lanes.map(({ values, from, to }) => beyondBar(values, from, to, y)),
      isWithin(medianMs, x.domain) && line('middle', [x.at(medianMs), 0], [x.at(medianMs), HEIGHT_PX]),
    ],
    legend: [
      { swatch: swatch('area', 'bar'), text: 'samples' },
      { swatch: swatch('line', 'middle'), text: 'median' },
      ...(interval ? [{ swatch: swatch('area', 'span'), text: 'its 95% interval' }] : []),
      ...(lanes.length > 0 ? [{ swatch: swatch('area', 'bar beyond'), text: 'beyond the axis' }] : []),
    ],
    table: {
      caption: 'the distribution',
      columns: [
        { heading: 'ms', isNumber: true },
        { heading: 'samples', isNumber: true },
      ],
      rows: [
        ...rowsBeyond(below),
        ...bins.map(({ from, to, count }) => [msRange([from, to]), formatCount(count)]),
        ...rowsBeyond(above),
      ],
    },
  })
}

/** The number of samples beyond the axis, in a lane of its own after the axis's end. */
function beyondBar(values: readonly number[], from: number, to: number, y: Scale): Markup {
  const [middle, reach] = [(from + to) / 2, (to - from) / 5]
  const edge = from === 0 ? to : from
  const title = `beyond the axis, ${msExtent(values)} ms: ${values.length}`
  return html`${line('cut', [edge, 0], [edge, HEIGHT_PX])}
${rectangle('bar beyond', [middle - reach, y.at(0)], [middle + reach, y.at(values.length)], title)}
${label([middle, y.at(values.length)], formatCount(values.length), { anchor: 'middle', dy: values.length === y.domain[1] ? 14 : -5 })}`
}

const rowsBeyond = (values: readonly number[]): string[][] =>
  values.length > 0 ? [[`${msExtent(values)}, beyond the axis`, formatCount(values.length)]] : []

/** One value, or the smallest and the largest. */
function msExtent(values: readonly number[]): string {
  const [low, high] = extentOf(values)
  return low === high ? formatMs(low) : msRange([low, high])
}

/** No sample takes negative time. */
const TIMES: Pair = [0, Number.MAX_VALUE]

const isWithin = (value: number, [low, high]: Pair): boolean => value >= low && value <= high

const medianSpan = ([from, to]: Pair, interval: string): Markup =>
  rectangle('span', [from, 0], [to, HEIGHT_PX], `95% interval of the median: ${interval}`)

/** Consecutive samples: rounds, or a stretch of a run without rounds, which counts as one. */
interface Group {
  readonly name: string
  /** How many rounds. */
  readonly rounds: number
  readonly samplesMs: readonly number[]
  readonly startMs: number
  /** Where the next group begins; in between other engines may have run. */
  readonly endMs: number
  readonly medianMs: number
}

function series(run: Run, extent: RobustExtent): Markup {
  const { samplesMs, startsMs, rounds } = run
  const groups = groupsOf(run)
  const { below, above } = extent
  const x = linearScale([0, max(groups, ({ endMs }) => endMs / 1000)!], ACROSS, TIMES)
  const y = linearScale(
    [extent.low, extent.high],
    [HEIGHT_PX - (below.length > 0 ? LANE_PX : 0), above.length > 0 ? LANE_PX : 0],
    TIMES,
  )
  const across = (ms: number): number => x.at(ms / 1000)
  const drawn = indexesOfExtremes(samplesMs, MAX_DOTS)
  const [inside, beyond] = [true, false].map((isInside) =>
    drawn.filter((i) => isWithin(samplesMs[i]!, y.domain) === isInside),
  )
  const unit = rounds ? 'round' : 'stretch'
  const thinned =
    drawn.length < samplesMs.length
      ? ` Of every stretch of the ${formatCount(samplesMs.length)} samples the fastest and the slowest are drawn.`
      : ''
  return chartFigure({
    title: 'Samples over time',
    description: `${driftText(samplesMs)}${thinned} ${beyondText(extent, formatMs)}`,
    x: { scale: x, label: "seconds from the run's start" },
    y: { scale: y, label: 'ms a batch' },
    heightPx: HEIGHT_PX,
    marks: [
      groups
        .filter((_, i) => i % 2 === 1)
        .map(({ name, startMs, endMs }) =>
          rectangle('band', [across(startMs), 0], [across(endMs), HEIGHT_PX], name),
        ),
      above.length > 0 && line('cut', [0, LANE_PX], [100, LANE_PX]),
      below.length > 0 && line('cut', [0, HEIGHT_PX - LANE_PX], [100, HEIGHT_PX - LANE_PX]),
      inside!.map((i) => dot('sample', across(startsMs[i]!), y.at(samplesMs[i]!))),
      beyond!.map((i) => {
        const isAbove = samplesMs[i]! > y.domain[1]
        return point(
          isAbove ? 'up' : 'down',
          'far',
          across(startsMs[i]!),
          isAbove ? LANE_PX / 2 : HEIGHT_PX - LANE_PX / 2,
          `${formatMs(samplesMs[i]!)} ms, beyond the axis`,
        )
      }),
      groups
        .filter(({ medianMs }) => isWithin(medianMs, y.domain))
        .map(({ startMs, endMs, medianMs }) =>
          line('middle', [across(startMs), y.at(medianMs)], [across(endMs), y.at(medianMs)]),
        ),
      rounds ? roundNumbers(groups, across, above.length > 0 ? LANE_PX : 0) : null,
    ],
    legend: [
      { swatch: swatch('point', 'sample'), text: 'a sample' },
      { swatch: swatch('line', 'middle'), text: `median of a ${unit}` },
      { swatch: swatch('area', 'band'), text: `every second ${unit}` },
      ...(beyond!.length > 0
        ? [{ swatch: swatch('point', 'far', above.length > 0 ? 'up' : 'down'), text: 'beyond the axis' }]
        : []),
    ],
    table: {
      caption: rounds ? 'rounds' : 'stretches of the run',
      columns: [
        { heading: unit },
        { heading: 'samples', isNumber: true },
        { heading: 'from, s', isNumber: true },
        { heading: 'median, ms', isNumber: true },
        { heading: 'min .. max, ms', isNumber: true },
      ],
      rows: groups.map((group) => [
        group.name,
        formatCount(group.samplesMs.length),
        formatFixed(group.startMs / 1000, 2),
        formatMs(group.medianMs),
        msRange(extentOf(group.samplesMs), ' .. '),
      ]),
    },
  })
}

/** Rounds, several together if there are many, or some ten stretches of equal length. */
function groupsOf({ samplesMs, startsMs, rounds }: Run): Group[] {
  const size = Math.max(MIN_GROUP_SAMPLES, Math.ceil(samplesMs.length / GROUPS_WITHOUT_ROUNDS))
  const counts = rounds ?? Array<number>(Math.ceil(samplesMs.length / size)).fill(size)
  const atOnce = Math.ceil(counts.length / MAX_GROUPS)
  const groups: Group[] = []
  let first = 0
  for (let i = 0; i < counts.length; i += atOnce) {
    const together = counts.slice(i, i + atOnce)
    const count = together.reduce((sum, each) => sum + each, 0)
    const samples = samplesMs.slice(first, first + count)
    const last = first + samples.length - 1
    const numbers = together.length > 1 ? `s ${i + 1} to ${i + together.length}` : ` ${i + 1}`
    groups.push({
      name: `${rounds ? 'round' : 'stretch'}${numbers}`,
      rounds: together.length,
      samplesMs: samples,
      startMs: startsMs[first]!,
      endMs: startsMs[last]! + samplesMs[last]!,
      medianMs: median(samples)!,
    })
    first += count
  }
  return groups.map((group, i) => ({ ...group, endMs: groups[i + 1]?.startMs ?? group.endMs }))
}

/** Numbers above the rounds, as many as have room; none if a group is several rounds. */
function roundNumbers(groups: readonly Group[], across: (ms: number) => number, topPx: number): Content {
  if (groups.some(({ rounds }) => rounds > 1)) return null
  const numbers = groups.map(({ startMs, endMs }, i) => ({
    at: across((startMs + endMs) / 2),
    label: String(i + 1),
  }))
  return axisLabels(numbers).map(({ at, label: text, anchor, isRoomy }) =>
    label([at, topPx], text, { anchor, dy: 12, isRoomy }),
  )
}

function driftText(samplesMs: readonly number[]): string {
  const half = Math.floor(samplesMs.length / 2)
  if (half < MIN_GROUP_SAMPLES) return 'Too few samples to tell a drift.'
  const [early, late] = [median(samplesMs.slice(0, half))!, median(samplesMs.slice(-half))!]
  if (early === 0) return 'The first half took no time that the clock can tell.'
  const change = late / early - 1
  return `The second half's median is ${formatPercent(Math.abs(change))} ${change < 0 ? 'below' : 'above'} the first half's.`
}

const msRange = ([low, high]: Pair, between = ' to '): string => `${formatMs(low)}${between}${formatMs(high)}`
