import type { LayerTime, Run } from '../bench/result.ts'
import { withPlainTexts } from '../plain-text.ts'
import { passName } from './classic.ts'
import { formatMs, formatPeakFraction, formatPercent, formatRate, winogradText } from './format.ts'
import type { Palette } from './palette.ts'
import { rooflineLines } from './roofline.ts'
import { type Alignment, alignColumns } from './table.ts'
import { isWinograd } from './winograd.ts'

/** `--layers`: where a run's time goes. Shares are of the run's median, since layer times are medians too. */
export function layerLines(measured: Run, palette: Palette): string[] {
  const run = withPlainTexts(measured)
  const title = palette.bold(`${passName(run.pass)}, layer by layer`)
  const { summary } = run
  if (!summary) return [title, 'no sample was taken']
  if (run.layers.every(({ forwardMs }) => forwardMs === null)) {
    return [title, `engine ${run.engine.name} does not show its layers`]
  }

  const isBackward = run.pass !== 'forward'
  const isTraining = run.pass === 'train'
  const directions = isBackward ? (['forward', 'backward'] as const) : (['forward'] as const)
  const cells = (layer: LayerTime, direction: 'forward' | 'backward'): string[] => {
    const ms = direction === 'forward' ? layer.forwardMs : layer.backwardMs
    const flops = direction === 'forward' ? layer.flops : layer.backwardFlops
    if (ms === null || (ms === 0 && flops === 0)) return ['-', '-', '-', '-']
    const rate = flops > 0 && ms > 0 ? flops / ms / 1e6 : null
    const peak = run.peakGflopsPerSecond
    return [
      formatMs(ms),
      rate === null ? '-' : formatRate(rate),
      rate === null || peak === null ? '-' : formatPeakFraction(rate / peak, isWinograd(layer)),
      formatPercent(ms / summary.medianMs),
    ]
  }
  const headings = ['layer', 'output']
  const alignments: Alignment[] = ['left', 'left']
  for (const direction of directions) {
    headings.push(`${direction} ms`, 'GFLOP/s', 'of peak', 'of run')
    alignments.push('right', 'right', 'right', 'right')
  }
  if (isTraining) {
    headings.push('update ms')
    alignments.push('right')
  }
  const rows = [
    [...headings, 'algorithm', 'tile'],
    ...run.layers.map((layer) => [
      layer.name,
      `[${layer.shape.join(', ')}]`,
      ...directions.flatMap((direction) => cells(layer, direction)),
      ...(isTraining ? [layer.updateMs ? formatMs(layer.updateMs) : '-'] : []),
      layer.algorithm,
      layer.tile,
    ]),
  ]
  const [heading, ...body] = alignColumns(rows, [...alignments, 'left', 'left'])

  const sumMs = run.layers.reduce(
    (sum, { forwardMs, backwardMs, updateMs }) =>
      sum + (forwardMs ?? 0) + (backwardMs ?? 0) + (updateMs ?? 0),
    run.weightsMs ?? 0,
  )
  const weightsLine =
    run.weightsMs === undefined
      ? []
      : [
          `weights packed and transformed anew ${formatMs(run.weightsMs)} ms, ${formatPercent(run.weightsMs / summary.medianMs)} of the run`,
        ]
  const sumLine =
    `sum of the layers ${formatMs(sumMs)} ms, ${formatPercent(sumMs / summary.medianMs)} of the run's median ` +
    `${formatMs(summary.medianMs)} ms (its mean ${formatMs(summary.meanMs)} ms)`
  return [
    title,
    palette.dim(heading!),
    ...body,
    ...weightsLine,
    sumLine,
    ...winogradLines(run),
    ...noteLines(run),
    ...rooflineLines(run, palette),
  ]
}

/** The layers that exceed what a direct convolution can reach. */
function winogradLines({ layers, peakGflopsPerSecond: peak }: Run): string[] {
  if (peak === null) return []
  return layers.filter(isWinograd).flatMap((layer) => {
    const { name, flops, forwardMs, backwardFlops, backwardMs } = layer
    const past = [
      ['forward', flops, forwardMs] as const,
      ['backward', backwardFlops, backwardMs] as const,
    ].flatMap(([direction, count, ms]) => {
      const fraction = ms ? count / ms / 1e6 / peak : 0
      return fraction > 1 ? [`${direction} ${winogradText(fraction)}`] : []
    })
    return past.length > 0 ? [`${name}: ${past.join('; ')}`] : []
  })
}

/** What could not be done as requested. */
const noteLines = ({ algorithm = 'auto', layers }: Run): string[] =>
  layers.flatMap(({ name, notes = [] }) => notes.map((note) => `${name}: not ${algorithm}: ${note}`))
