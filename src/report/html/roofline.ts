// The roofline (Williams, Waterman & Patterson 2009): what memory and arithmetic allow, and what each layer reaches.
import type { Run } from '../../bench/result.ts'
import { formatPercent, formatRate } from '../format.ts'
import { ACROSS, chartFigure, label, line, point, swatch } from './chart.ts'
import { type LayerPass, layerPasses } from './layers.ts'
import { html, type Markup } from './markup.ts'
import { extentOf, logScale, type Scale } from './scales.ts'

const HEIGHT_PX = 320

interface Roof {
  readonly peakGflopsPerSecond: number
  readonly bandwidthGigabytesPerSecond: number
  /** Where the two limits meet, FLOP a byte. */
  readonly ridge: number
}

interface RoofPoint extends LayerPass {
  readonly name: string
  readonly intensity: number
  readonly gflopsPerSecond: number
  readonly isMemoryBound: boolean
}

export function rooflineFigure(run: Run): Markup {
  const { peakGflopsPerSecond: peak, bandwidthGigabytesPerSecond: bandwidth } = run
  const passes = run.layers.flatMap(layerPasses)
  const missing = [
    ...(peak === null ? ["the engine's peak"] : []),
    ...(bandwidth == null ? ['the bandwidth of memory'] : []),
    ...(passes.every(({ bytes }) => bytes === null) ? ['what its layers read and write'] : []),
  ]
  if (peak === null || bandwidth == null || missing.length > 0) {
    return html`<p class="quiet">Roofline: not drawn; the result does not have ${missing.join(', ')}.</p>`
  }
  const roof = {
    peakGflopsPerSecond: peak,
    bandwidthGigabytesPerSecond: bandwidth,
    ridge: peak / bandwidth,
  }
  const points = passes.flatMap((pass) => pointsOf(pass, roof))
  const uncounted = passes.filter(({ flops, bytes, ms }) => flops === 0 && bytes && ms > 0)
  if (points.length === 0) {
    return html`<p class="quiet">Roofline: not drawn; no layer has both FLOPs and bytes that are counted.</p>`
  }

  const intensities = extentOf([roof.ridge, ...points.map(({ intensity }) => intensity)])
  const x = logScale([intensities[0] / 2, intensities[1] * 2], ACROSS)
  const lowest = Math.min(bandwidth * x.domain[0], ...points.map((each) => each.gflopsPerSecond))
  const highest = Math.max(peak, ...points.map((each) => each.gflopsPerSecond))
  const y = logScale([lowest / 1.3, highest * 1.6], [HEIGHT_PX, 0])
  return html`${chartFigure({
    title: 'Roofline',
    description: `Up to ${formatRate(roof.ridge)} FLOP a byte memory is the limit (${formatRate(bandwidth)} GB/s), from there on arithmetic (${formatRate(peak)} GFLOP/s). FLOPs are those of a direct convolution, which Winograd can go past; bytes are each input, parameter and output once, which caches can go below.`,
    x: { scale: x, label: 'intensity, FLOP a byte' },
    y: { scale: y, label: 'GFLOP/s' },
    heightPx: HEIGHT_PX,
    marks: [
      ...limits(roof, x, y),
      ...points.map((each) =>
        point(
          each.direction === 'forward' ? 'circle' : 'square',
          each.direction === 'forward' ? 'first' : 'second',
          x.at(each.intensity),
          y.at(each.gflopsPerSecond),
          `${each.name}: ${formatRate(each.intensity)} FLOP a byte, ${formatRate(each.gflopsPerSecond)} GFLOP/s`,
        ),
      ),
      ...pointLabels(points, x, y),
    ],
    legend: [
      { swatch: swatch('line', 'limit'), text: 'limits: memory, then arithmetic' },
      { swatch: swatch('point', 'first'), text: 'forward' },
      ...(points.some(({ direction }) => direction === 'backward')
        ? [{ swatch: swatch('point', 'second', 'square'), text: 'backward' }]
        : []),
    ],
    table: rooflineTable(passes, roof),
  })}
<p class="finding">${boundText(points)}${uncounted.length > 0 && ` Without FLOPs that are counted, hence by memory alone: ${namesOf(uncounted)}.`}</p>`
}

function pointsOf(pass: LayerPass, { ridge }: Roof): RoofPoint[] {
  const { flops, bytes, gflopsPerSecond } = pass
  if (!bytes || gflopsPerSecond === null) return []
  const intensity = flops / bytes
  return [{ ...pass, name: nameOf(pass), intensity, gflopsPerSecond, isMemoryBound: intensity < ridge }]
}

const nameOf = ({ layer, direction }: LayerPass): string => `${layer.name} ${direction}`
const namesOf = (passes: readonly LayerPass[]): string => passes.map(nameOf).join(', ')

function limits({ bandwidthGigabytesPerSecond, peakGflopsPerSecond, ridge }: Roof, x: Scale, y: Scale) {
  const [low, high] = x.domain
  const corner = [x.at(ridge), y.at(peakGflopsPerSecond)] as const
  return [
    line('limit', [x.at(low), y.at(bandwidthGigabytesPerSecond * low)], corner),
    line('limit', corner, [x.at(high), corner[1]]),
  ]
}

const LABEL_HEIGHT_PX = 13
const CHARACTER_WIDTH_PX = 6.8
/** Places are tried at the width of a phone's plot: what is apart there is apart on all wider ones. */
const NARROW_PLOT_PX = 270

interface Box {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

/** The layer's name beside its point, where there is a free place around it; the table and the mark name it anyway. */
function pointLabels(points: readonly RoofPoint[], x: Scale, y: Scale): Markup[] {
  const places = points.map(({ intensity, gflopsPerSecond }) => ({
    xPercent: x.at(intensity),
    xPx: (x.at(intensity) / 100) * NARROW_PLOT_PX,
    yPx: y.at(gflopsPerSecond),
  }))
  const taken: Box[] = places.map(({ xPx, yPx }) => ({
    left: xPx - 5,
    right: xPx + 5,
    top: yPx - 5,
    bottom: yPx + 5,
  }))
  return points.flatMap(({ layer }, i) => {
    const { xPercent, xPx, yPx } = places[i]!
    const widthPx = layer.name.length * CHARACTER_WIDTH_PX
    const candidates = [
      { anchor: 'start', dx: 8, dy: 4, left: xPx + 8 },
      { anchor: 'end', dx: -8, dy: 4, left: xPx - 8 - widthPx },
      { anchor: 'middle', dx: 0, dy: -9, left: xPx - widthPx / 2 },
      { anchor: 'middle', dx: 0, dy: 17, left: xPx - widthPx / 2 },
      { anchor: 'start', dx: 4, dy: -7, left: xPx + 4 },
      { anchor: 'end', dx: -4, dy: -7, left: xPx - 4 - widthPx },
      { anchor: 'start', dx: 4, dy: 16, left: xPx + 4 },
      { anchor: 'end', dx: -4, dy: 16, left: xPx - 4 - widthPx },
    ] as const
    for (const { left, ...options } of candidates) {
      const bottom = yPx + options.dy
      const box = { left, right: left + widthPx, top: bottom - LABEL_HEIGHT_PX, bottom }
      const isFree = box.left > 0 && box.right < NARROW_PLOT_PX && !taken.some((other) => overlap(box, other))
      if (!isFree) continue
      taken.push(box)
      return [label([xPercent, yPx], layer.name, options)]
    }
    return []
  })
}

const overlap = (a: Box, b: Box): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom

function boundText(points: readonly RoofPoint[]): string {
  const memory = points.filter(({ isMemoryBound }) => isMemoryBound)
  if (memory.length === 0) return 'No layer with FLOPs is bound by memory: all are right of the corner.'
  if (memory.length === points.length) return 'All layers with FLOPs are bound by memory.'
  return `Bound by memory: ${namesOf(memory)}; by arithmetic: all others with FLOPs.`
}

function rooflineTable(passes: readonly LayerPass[], roof: Roof) {
  const counted = passes.filter(({ bytes, ms }) => bytes && ms > 0)
  return {
    caption: 'the roofline',
    columns: [
      { heading: 'layer' },
      ...['FLOP a byte', 'GFLOP/s', 'GB/s', 'of the bandwidth'].map((heading) => ({
        heading,
        isNumber: true,
      })),
      { heading: 'bound by' },
    ],
    rows: counted.map((pass) => {
      const intensity = pass.flops / pass.bytes!
      const gigabytesPerSecond = pass.bytes! / pass.ms / 1e6
      return [
        nameOf(pass),
        formatRate(intensity),
        pass.gflopsPerSecond === null ? '-' : formatRate(pass.gflopsPerSecond),
        formatRate(gigabytesPerSecond),
        formatPercent(gigabytesPerSecond / roof.bandwidthGigabytesPerSecond),
        intensity < roof.ridge ? 'memory' : 'arithmetic',
      ]
    }),
  }
}
