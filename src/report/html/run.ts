// One run: its key figures, samples, layers and roofline.
import type { Run, Summary } from '../../bench/result.ts'
import { formatFixed, formatMeasured } from '../../digits.ts'
import { checkText } from '../check-text.ts'
import {
  formatLike,
  formatMeanMs,
  formatMeanRate,
  formatMedianMs,
  formatMegabytes,
  formatPeakFraction,
  formatPercent,
  formatRate,
  formatSpreadMs,
  winogradText,
} from '../format.ts'
import { isWinograd } from '../winograd.ts'
import { layersFigure } from './layers.ts'
import { html, type Markup } from './markup.ts'
import { type Figure, figureList } from './page.ts'
import { rooflineFigure } from './roofline.ts'
import { runTitle } from './run-title.ts'
import { samplesFigures } from './samples.ts'

/** `id`: the target of links; `file`: where it comes from, if there are several. */
export function runSection(run: Run, id: string, file: string | null): Markup {
  const { engine, work } = runTitle(run)
  const { network, imageSize, imageWidth, batch, burnIn, batches, seed, algorithm, summary } = run
  const flags = run.engine.v8Flags
  return html`<section class="card" id="${id}">
<h3>${work}: ${engine}</h3>
<p class="quiet">${file !== null && `${file}: `}${network}, ${imageSize} x ${imageWidth ?? imageSize} images, batch ${batch}, ${burnIn} burn-in and ${batches} timed batches, seed ${seed}${
    algorithm !== undefined && `, algorithm ${algorithm}`
  }. Engine: ${run.engine.reason}${flags.length > 0 && `; V8 flags ${flags.join(' ')}`}.</p>
${
  summary
    ? [keyFigures(run, summary), samplesFigures(run), layersFigure(run), rooflineFigure(run)]
    : html`<p>It was interrupted before its first sample.</p>`
}
</section>
`
}

function keyFigures(run: Run, summary: Summary): Markup {
  const { check, peakMemoryBytes, threadsUsed, engine } = run
  const { medianMs, medianIntervalMs, meanMs, meanIntervalMs, sdMs, minMs, maxMs, p95Ms } = summary
  const median = formatMedianMs(summary)
  const figures: Figure[] = [
    {
      name: 'median',
      value: `${median} ms`,
      detail: intervalText(medianMs, medianIntervalMs),
    },
    {
      name: 'mean ± sd, ms',
      value: `${formatMeanMs(summary)} ± ${formatSpreadMs(sdMs)}`,
      detail:
        [intervalText(meanMs, meanIntervalMs), meanMs > 0 && `sd ${formatPercent(sdMs / meanMs)} of the mean`]
          .filter(Boolean)
          .join('; ') || null,
    },
    {
      name: 'min .. max, ms',
      value: `${formatLike(minMs, median)} .. ${formatLike(maxMs, median)}`,
      detail: `95% of the samples up to ${formatLike(p95Ms, median)}`,
    },
    { name: 'images/s', value: formatMeanRate(run.imagesPerSecond, summary), detail: null },
    {
      name: 'GFLOP/s',
      value: formatMeanRate(run.gflopsPerSecond, summary),
      detail: 'as a direct convolution counts',
    },
    peakFigure(run),
    {
      name: 'check',
      value: check ? (check.passed ? 'passed' : 'FAILED') : 'unchecked',
      detail: check && checkText(check),
    },
    { name: 'peak memory', value: formatMegabytes(peakMemoryBytes), detail: null },
  ]
  if (threadsUsed != null) {
    figures.push({
      name: 'threads used',
      value: formatFixed(threadsUsed, 1),
      detail: `processor time over elapsed time; of ${engine.threads}`,
    })
  }
  return figureList(figures)
}

function intervalText(ms: number, intervalMs: Summary['medianIntervalMs']): string | null {
  if (!intervalMs) return null
  const { low, high } = formatMeasured(ms, intervalMs)
  return `95% interval ${low} to ${high}`
}

function peakFigure({ peakFraction, peakGflopsPerSecond: peak, layers }: Run): Figure {
  const name = 'share of the peak'
  if (peakFraction === null || peak === null) return { name, value: 'not known', detail: null }
  const measured = `the peak: ${formatRate(peak)} GFLOP/s, measured`
  if (peakFraction > 1 && layers.some(isWinograd)) {
    return {
      name,
      value: formatPeakFraction(peakFraction, true),
      detail: `${winogradText(peakFraction)}; ${measured}`,
    }
  }
  return { name, value: formatPercent(peakFraction), detail: measured }
}
