// The roofline (Williams, Waterman & Patterson 2009): what memory and arithmetic allow, and what each layer achieves.
import type { Run } from '../../bench/result.ts'
import { formatPercent, formatRate } from '../format.ts'
import { ACROSS, chartFigure, label, line, point, swatch } from './chart.ts'
import { type LayerPass, layerPasses } from './layers.ts'
import { type PlotPoint, placeNames } from './layout.ts'
import { html, type Markup } from './markup.ts'
import { extentOf, logScale, type Scale } from './scales.ts'

const HEIGHT_PX = 320

interface Roof {
  readonly peakGflopsPerSecond: number
  readonly bandwidthGigabytesPerSecond: number
  /** Where the two limits meet, in FLOP a byte. */
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
  const rates = points.map(({ gflopsPerSecond }) => gflopsPerSecond)
  const [lowest, highest] = extentOf([bandwidth * x.domain[0], peak, ...rates])
  const y = logScale([lowest / 1.3, highest * 1.6], [HEIGHT_PX, 0])
  const roofs = roofsOf(roof, x, y)
  return html`${chartFigure({
    title: 'Roofline',
    description: `Up to ${formatRate(roof.ridge)} FLOP a byte memory is the limit (${formatRate(bandwidth)} GB/s), from there on arithmetic (${formatRate(peak)} GFLOP/s). FLOPs are those of a direct convolution, which Winograd can go past; bytes are each input, parameter and output once, which caches can go below.`,
    x: { scale: x, label: 'intensity, FLOP a byte' },
    y: { scale: y, label: 'GFLOP/s' },
    heightPx: HEIGHT_PX,
    marks: [
      ...roofs.map(([from, to]) => line('limit', from, to)),
      ...points.map((each) =>
        point(
          each.direction === 'forward' ? 'circle' : 'square',
          each.direction === 'forward' ? 'first' : 'second',
          x.at(each.intensity),
          y.at(each.gflopsPerSecond),
          `${each.name}: ${formatRate(each.intensity)} FLOP a byte, ${formatRate(each.gflopsPerSecond)} GFLOP/s`,
        ),
      ),
      ...pointLabels(points, roofs, x, y),
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
  if (!Number.isFinite(intensity)) return []
  return [{ ...pass, name: nameOf(pass), intensity, gflopsPerSecond, isMemoryBound: intensity < ridge }]
}

const nameOf = ({ layer, direction }: LayerPass): string => `${layer.name} ${direction}`
const namesOf = (passes: readonly LayerPass[]): string => passes.map(nameOf).join(', ')

/** A segment of the roof. */
type RoofPart = readonly [PlotPoint, PlotPoint]

/** The limit by memory, then the limit by arithmetic. */
function roofsOf(
  { bandwidthGigabytesPerSecond, peakGflopsPerSecond, ridge }: Roof,
  x: Scale,
  y: Scale,
): RoofPart[] {
  const [low, high] = x.domain
  const corner: PlotPoint = [x.at(ridge), y.at(peakGflopsPerSecond)]
  return [
    [[x.at(low), y.at(bandwidthGigabytesPerSecond * low)], corner],
    [corner, [x.at(high), corner[1]]],
  ]
}

/** The layer's name beside its point, if there is room; the table and the mark contain it anyway. */
function pointLabels(points: readonly RoofPoint[], roofs: readonly RoofPart[], x: Scale, y: Scale): Markup[] {
  const named = points.map(({ layer, intensity, gflopsPerSecond }) => ({
    name: layer.name,
    place: [x.at(intensity), y.at(gflopsPerSecond)] as const,
  }))
  return placeNames(named, roofs, HEIGHT_PX).flatMap((options, i) =>
    options ? [label(named[i]!.place, named[i]!.name, options)] : [],
  )
}

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
