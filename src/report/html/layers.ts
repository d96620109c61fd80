// Where a run's time goes: a bar for each layer and direction.

import { max } from 'd3-array'
import type { LayerTime, Run } from '../../bench/result.ts'
import { formatMs, formatPeakFraction, formatPercent, formatRate } from '../format.ts'
import { isWinograd } from '../winograd.ts'
import { ACROSS, label, rectangle, stripFigure, swatch } from './chart.ts'
import { type Content, html, type Markup } from './markup.ts'
import { barScale } from './scales.ts'

/** A layer in one direction, with its measurements. */
export interface LayerPass {
  readonly layer: LayerTime
  readonly direction: 'forward' | 'backward' | 'update'
  readonly ms: number
  /** Null if nothing is counted. */
  readonly gflopsPerSecond: number | null
  readonly flops: number
  readonly bytes: number | null
}

/** A layer's forward, backward and, in training, update, if the engine shows them and they do any work. */
export function layerPasses(layer: LayerTime): LayerPass[] {
  const directions = [
    { direction: 'forward', ms: layer.forwardMs, flops: layer.flops, bytes: layer.bytes },
    { direction: 'backward', ms: layer.backwardMs, flops: layer.backwardFlops, bytes: layer.backwardBytes },
    { direction: 'update', ms: layer.updateMs ?? null, flops: 0, bytes: undefined },
  ] as const
  return directions.flatMap(({ direction, ms, flops, bytes = null }) => {
    if (ms === null || (ms === 0 && flops === 0)) return []
    const rate = flops / ms / 1e6
    const gflopsPerSecond = flops > 0 && ms > 0 && Number.isFinite(rate) ? rate : null
    return [{ layer, direction, ms, gflopsPerSecond, flops, bytes }]
  })
}

const ROW_PX = 22
const BARS = { forward: 'bar', backward: 'bar back', update: 'bar change' } as const

export function layersFigure(run: Run): Markup {
  const { layers, engine, peakGflopsPerSecond: peak, algorithm = 'auto' } = run
  const passes = layers.flatMap(layerPasses)
  if (passes.length === 0) {
    return html`<p class="quiet">Layers: engine ${engine.name} does not show what its layers take.</p>`
  }
  const scale = barScale(max(passes, ({ ms }) => ms)!, ACROSS)
  const notes = layers.flatMap(({ name, notes = [] }) => notes.map((note) => ({ name, note })))
  const { medianMs } = run.summary!
  const share = (fraction: number | null, layer: LayerTime): string =>
    fraction === null ? '-' : formatPeakFraction(fraction, isWinograd(layer))
  return html`${stripFigure({
    title: 'Layers',
    description: 'Median time of each layer; the algorithm and tile that were taken, of all its steps.',
    x: { scale, label: 'ms' },
    rowNames: passes.map(({ direction }) => direction),
    rowTexts: passes.map((pass) => ({ text: `${msText(pass)}${rateText(pass)}`, short: msText(pass) })),
    strips: layers
      .map((layer) => ({ layer, passes: layerPasses(layer) }))
      .filter(({ passes }) => passes.length > 0)
      .map(({ layer, passes }) => ({
        heading: layerHeading(layer),
        title: `${layer.name}: ${passes.map(passText).join('; ')}`,
        heightPx: ROW_PX * passes.length,
        marks: passes.map((pass, row) => bar(pass, row, scale.at)),
      })),
    legend: [
      { swatch: swatch('area', 'bar'), text: 'forward' },
      ...(['backward', 'update'] as const)
        .filter((direction) => passes.some((pass) => pass.direction === direction))
        .map((direction) => ({ swatch: swatch('area', BARS[direction]), text: direction })),
    ],
    table: {
      caption: 'layers',
      columns: [
        { heading: 'layer' },
        { heading: 'direction' },
        { heading: 'output' },
        ...['ms', 'GFLOP/s', 'of peak', 'of run'].map((heading) => ({ heading, isNumber: true })),
        { heading: 'algorithm' },
        { heading: 'tile' },
      ],
      rows: passes.map(({ layer, direction, ms, gflopsPerSecond: rate }) => [
        layer.name,
        direction,
        `[${layer.shape.join(', ')}]`,
        formatMs(ms),
        rate === null ? '-' : formatRate(rate),
        share(rate === null || peak === null ? null : rate / peak, layer),
        medianMs > 0 ? formatPercent(ms / medianMs) : '-',
        layer.algorithm,
        layer.tile,
      ]),
    },
  })}${notes.length > 0 && html`<ul class="quiet">${notes.map(({ name, note }) => html`<li>${name}: not ${algorithm}: ${note}</li>`)}</ul>`}`
}

function layerHeading({ name, kind, shape, algorithm, tile }: LayerTime): Markup {
  const output: Content = shape.length > 0 && html` [${shape.join(', ')}]`
  const [inLine, below] = tile === '' ? [`, ${algorithm}`, null] : ['', `${algorithm}: ${tile}`]
  return html`<p><strong>${name}</strong> <span class="quiet">${kind}${output}${inLine}</span></p>
${below !== null && html`<p class="quiet">${below}</p>`}`
}

function bar(pass: LayerPass, row: number, at: (ms: number) => number): Markup {
  const { direction, ms } = pass
  const top = row * ROW_PX
  const middle = top + ROW_PX / 2
  const texts = html`${msText(pass)}<tspan class="wide">${rateText(pass)}</tspan>`
  return html`${label([0, middle], direction, { anchor: 'end', dx: -6 })}
${rectangle(BARS[direction], [0, top + 3], [at(ms), top + ROW_PX - 3], passText(pass))}
${label([at(ms), middle], texts, { dx: 6 })}`
}

const msText = ({ ms }: LayerPass): string => `${formatMs(ms)} ms`
const rateText = ({ gflopsPerSecond: rate }: LayerPass): string =>
  rate === null ? '' : ` · ${formatRate(rate)} GFLOP/s`

function passText({ direction, ms, gflopsPerSecond }: LayerPass): string {
  const rate = gflopsPerSecond === null ? '' : `, ${formatRate(gflopsPerSecond)} GFLOP/s`
  return `${direction} ${formatMs(ms)} ms${rate}`
}
