// A run's samples: how they are spread, and how they went over time.
import { bin, median, thresholdFreedmanDiaconis } from 'd3-array'
import type { Run } from '../../bench/result.ts'
import { formatFixed } from '../../digits.ts'
import { formatCount, formatMs, formatPercent } from '../format.ts'
import { indexesOfExtremes } from '../points.ts'
import { ACROSS, chartFigure, dot, label, line, rectangle, swatch } from './chart.ts'
import { html, type Markup } from './markup.ts'
import { extentOf, linearScale, type Pair } from './scales.ts'

const HEIGHT_PX = 200
const MAX_BINS = 40
/** More dots than these are no longer seen apart, and make the file large. */
const MAX_DOTS = 1500
/** Samples to a group where the run has no rounds: enough for a median, and some ten groups a run. */
const MIN_GROUP_SAMPLES = 5
const GROUPS_WITHOUT_ROUNDS = 10

/** Both charts, side by side where there is room. */
export function samplesFigures(run: Run): Markup {
  return html`<div class="pair">${histogram(run)}${series(run)}</div>`
}

function histogram({ samplesMs, summary }: Run): Markup {
  const { medianMs, medianIntervalMs } = summary!
  const x = linearScale(extentOf([...samplesMs, ...(medianIntervalMs ?? [])]), ACROSS)
  const bins = bin()
    .domain([...x.domain])
    .thresholds((values, low, high) =>
      Math.min(MAX_BINS, Math.max(1, thresholdFreedmanDiaconis(values, low, high) || 1)),
    )(samplesMs)
    .map((values) => ({ from: values.x0!, to: values.x1!, count: values.length }))
  const y = linearScale([0, Math.max(...bins.map(({ count }) => count))], [HEIGHT_PX, 0])
  const interval = medianIntervalMs && `${msRange(medianIntervalMs)} ms`
  return chartFigure({
    title: 'Distribution of the samples',
    description: `${formatCount(samplesMs.length)} samples, median ${formatMs(medianMs)} ms${
      interval ? `, 95% interval ${interval}` : ''
    }.`,
    x: { scale: x, label: 'ms a batch' },
    y: { scale: y, label: 'samples' },
    heightPx: HEIGHT_PX,
    marks: [
      medianIntervalMs && medianSpan(medianIntervalMs.map(x.at) as [number, number], interval!),
      ...bins
        .filter(({ count }) => count > 0)
        .map(({ from, to, count }) =>
          rectangle(
            'bar',
            [x.at(from), y.at(0)],
            [x.at(to), y.at(count)],
            `${msRange([from, to])} ms: ${count}`,
          ),
        ),
      line('middle', [x.at(medianMs), 0], [x.at(medianMs), HEIGHT_PX]),
    ].map((mark) => mark ?? null),
    legend: [
      { swatch: swatch('area', 'bar'), text: 'samples' },
      { swatch: swatch('line', 'middle'), text: 'median' },
      ...(interval ? [{ swatch: swatch('area', 'span'), text: 'its 95% interval' }] : []),
    ],
    table: {
      caption: 'the distribution',
      columns: [
        { heading: 'ms', isNumber: true },
        { heading: 'samples', isNumber: true },
      ],
      rows: bins.map(({ from, to, count }) => [msRange([from, to]), formatCount(count)]),
    },
  })
}

const medianSpan = ([from, to]: Pair, interval: string): Markup =>
  rectangle('span', [from, 0], [to, HEIGHT_PX], `95% interval of the median: ${interval}`)

/** Samples that follow each other: a round, or a stretch of a run without rounds. */
interface Group {
  readonly name: string
  readonly samplesMs: readonly number[]
  readonly startMs: number
  readonly endMs: number
  readonly medianMs: number
}

function series(run: Run): Markup {
  const { samplesMs, startsMs, rounds } = run
  const groups = groupsOf(run)
  const x = linearScale([0, Math.max(...groups.map(({ endMs }) => endMs / 1000))], ACROSS)
  const y = linearScale(extentOf(samplesMs), [HEIGHT_PX, 0])
  const across = (ms: number): number => x.at(ms / 1000)
  const drawn = indexesOfExtremes(samplesMs, MAX_DOTS)
  const unit = rounds ? 'round' : 'stretch'
  const thinned =
    drawn.length < samplesMs.length
      ? ` Of every stretch of the ${formatCount(samplesMs.length)} samples the fastest and the slowest are drawn.`
      : ''
  return chartFigure({
    title: 'Samples over time',
    description: `${driftText(samplesMs)}${thinned}`,
    x: { scale: x, label: "seconds from the run's start" },
    y: { scale: y, label: 'ms a batch' },
    heightPx: HEIGHT_PX,
    marks: [
      ...groups
        .filter((_, i) => i % 2 === 1)
        .map(({ name, startMs, endMs }) =>
          rectangle('band', [across(startMs), 0], [across(endMs), HEIGHT_PX], name),
        ),
      ...drawn.map((i) => dot('sample', across(startsMs[i]!), y.at(samplesMs[i]!))),
      ...groups.map(({ startMs, endMs, medianMs }) =>
        line('middle', [across(startMs), y.at(medianMs)], [across(endMs), y.at(medianMs)]),
      ),
      rounds && roundNumbers(groups, across),
    ].map((mark) => mark ?? null),
    legend: [
      { swatch: swatch('point', 'sample'), text: 'a sample' },
      { swatch: swatch('line', 'middle'), text: `median of a ${unit}` },
      { swatch: swatch('area', 'band'), text: `every second ${unit}` },
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

/** Rounds, or some ten stretches of equal count. */
function groupsOf({ samplesMs, startsMs, rounds }: Run): Group[] {
  const size = Math.max(MIN_GROUP_SAMPLES, Math.ceil(samplesMs.length / GROUPS_WITHOUT_ROUNDS))
  const counts = rounds ?? Array<number>(Math.ceil(samplesMs.length / size)).fill(size)
  let first = 0
  return counts.map((count, i) => {
    const samples = samplesMs.slice(first, first + count)
    const last = first + samples.length - 1
    const group = {
      name: `${rounds ? 'round' : 'stretch'} ${i + 1}`,
      samplesMs: samples,
      startMs: startsMs[first]!,
      endMs: startsMs[last]! + samplesMs[last]!,
      medianMs: median(samples)!,
    }
    first += count
    return group
  })
}

/** More numbers than these run into each other on a phone. */
const MAX_ROUND_NUMBERS = 12

function roundNumbers(groups: readonly Group[], across: (ms: number) => number): Markup[] {
  const stride = Math.ceil(groups.length / MAX_ROUND_NUMBERS)
  return groups
    .map(({ startMs, endMs }, i) =>
      label([across((startMs + endMs) / 2), 0], String(i + 1), { anchor: 'middle', dy: 12 }),
    )
    .filter((_, i) => i % stride === 0)
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
