// One run: its key figures, its samples, its layers and its roofline.
import type { Run, Summary } from '../../bench/result.ts'
import { formatMegabytes, formatMs, formatPercent, formatRate, winogradText } from '../format.ts'
import { isWinograd } from '../winograd.ts'
import { layersFigure } from './layers.ts'
import { html, type Markup } from './markup.ts'
import { rooflineFigure } from './roofline.ts'
import { runTitle } from './run-title.ts'
import { samplesFigures } from './samples.ts'
import { checkText } from './verdicts.ts'

/** `id`: what links lead to; `file`: where it comes from, if that is a question. */
export function runSection(run: Run, id: string, file: string | null): Markup {
  const { engine, work } = runTitle(run)
  const { network, imageSize, batch, burnIn, batches, seed, algorithm, summary } = run
  const flags = run.engine.v8Flags
  return html`<section class="card" id="${id}">
<h3>${work}: ${engine}</h3>
<p class="quiet">${file !== null && `${file}: `}${network}, ${imageSize} x ${imageSize} images, batch ${batch}, ${burnIn} burn-in and ${batches} timed batches, seed ${seed}${
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

interface Figure {
  readonly name: string
  readonly value: string
  readonly detail: string | null
}

function keyFigures(run: Run, summary: Summary): Markup {
  const { check, peakMemoryBytes, threadsUsed, engine } = run
  const { medianMs, medianIntervalMs, meanMs, meanIntervalMs, sdMs, minMs, maxMs, p95Ms } = summary
  const figures: Figure[] = [
    {
      name: 'median',
      value: `${formatMs(medianMs)} ms`,
      detail: intervalText(medianIntervalMs),
    },
    {
      name: 'mean ± sd, ms',
      value: `${formatMs(meanMs)} ± ${formatLike(sdMs, formatMs(meanMs))}`,
      detail:
        [intervalText(meanIntervalMs), meanMs > 0 && `sd ${formatPercent(sdMs / meanMs)} of the mean`]
          .filter(Boolean)
          .join('; ') || null,
    },
    {
      name: 'min .. max, ms',
      value: `${formatMs(minMs)} .. ${formatMs(maxMs)}`,
      detail: `95% of the samples up to ${formatMs(p95Ms)}`,
    },
    { name: 'images/s', value: formatRate(run.imagesPerSecond), detail: null },
    { name: 'GFLOP/s', value: formatRate(run.gflopsPerSecond), detail: 'as a direct convolution counts' },
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
      value: threadsUsed.toFixed(1),
      detail: `processor time over elapsed time; of ${engine.threads}`,
    })
  }
  return html`<dl class="figures">${figures.map(
    ({ name, value, detail }) =>
      html`<div><dt>${name}</dt><dd>${value}${detail !== null && html`<small>${detail}</small>`}</dd></div>\n`,
  )}</dl>`
}

function intervalText(intervalMs: Summary['medianIntervalMs']): string | null {
  return intervalMs ? `95% interval ${intervalMs.map(formatMs).join(' to ')}` : null
}

/** With as many decimals as another number. */
function formatLike(value: number, other: string): string {
  return value.toFixed(other.split('.')[1]?.length ?? 0)
}

function peakFigure({ peakFraction, peakGflopsPerSecond: peak, layers }: Run): Figure {
  const name = 'share of the peak'
  if (peakFraction === null || peak === null) return { name, value: 'not known', detail: null }
  const measured = `the peak: ${formatRate(peak)} GFLOP/s, measured`
  if (peakFraction > 1 && layers.some(isWinograd)) {
    return {
      name,
      value: `${peakFraction.toFixed(2)} x`,
      detail: `${winogradText(peakFraction)}; ${measured}`,
    }
  }
  return { name, value: formatPercent(peakFraction), detail: measured }
}
