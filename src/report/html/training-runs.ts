// Training runs one by one: a table of their numbers and settings, and what each was asked to do.
import type { TrainingRun } from '../../records/training-log.ts'
import { formatCount, formatDuration, formatImageRate, formatLoss, formatPercent } from '../format.ts'
import { extentText, outcomeOf, saysTop5, testedOnOf } from '../outcome.ts'
import { differingSettings, type NamedRun, settingsOf } from '../variants.ts'
import { trainCommand } from './commands.ts'
import { dateText, environmentFacts } from './environment.ts'
import { type Content, html, type Markup } from './markup.ts'
import { commandBlock, type Facts, factList } from './page.ts'
import { tableRegion } from './table.ts'
import { percentOr } from './training-results.ts'

const NONE = '-'
/** The id of the i-th run's section. */
export const idOf = (i: number): string => `run-${i + 1}`

export function overview(runs: readonly NamedRun[]): Markup {
  const testedOn = testedOnOf(runs)
  const numbers = [`${testedOn} top-1`, 'top-5', 'best top-1', `${testedOn} loss`, 'training', 'epochs']
  return tableRegion({
    caption: 'All runs',
    columns: [
      { heading: 'run' },
      ...[...numbers, 'images/s', 'waited', 'time'].map((heading) => ({ heading, isNumber: true })),
      { heading: 'end' },
    ],
    rows: runs.map(({ name, run }, i) => {
      const { last, best, imagesPerSecond, waitedFraction, ending } = outcomeOf(run)
      return [
        html`<a href="#${idOf(i)}">${name}</a>`,
        percentOr(last?.testTop1),
        percentOr(saysTop5(run.run.classNames?.length) ? last?.testTop5 : null),
        best?.testTop1 == null ? NONE : `${formatPercent(best.testTop1)} (${best.epoch})`,
        last?.testTop1 == null ? NONE : formatLoss(last.testLoss),
        percentOr(last?.trainAccuracy),
        `${last?.epoch ?? 0} of ${run.run.settings.epochs}`,
        imagesPerSecond === null ? NONE : formatImageRate(imagesPerSecond),
        percentOr(waitedFraction),
        formatDuration(run.elapsedMs),
        ending,
      ]
    }),
  })
}

/** The settings of the runs, as far as they differ. */
export function differences(runs: readonly NamedRun[]): Content {
  const names = differingSettings(runs)
  if (names.length === 0) return null
  return html`<div class="card">${tableRegion({
    caption: 'Settings that differ',
    columns: [{ heading: 'run' }, ...names.map((heading) => ({ heading }))],
    rows: runs.map(({ name, run }) => {
      const settings = settingsOf(run)
      return [name, ...names.map((each) => settings.get(each) ?? NONE)]
    }),
  })}</div>`
}

export function runSection({ name, run }: NamedRun, i: number): Markup {
  const { environment, tool } = run.run
  return html`<section class="card" id="${idOf(i)}"><h3>${name}</h3>
${factList(runFacts(run))}
${commandBlock('To train it again', [trainCommand(run.run)])}
${environment !== undefined && html`<details><summary>The machine</summary>${factList(environmentFacts({ environment, tool }))}</details>`}</section>
`
}

function runFacts(run: TrainingRun): Facts {
  const { network, data, parameters, trainCount, testCount, classNames, engine, startedAt } = run.run
  const purpose = run.run.testedOn === 'validation' ? 'to validate on' : 'to test'
  const settings = new Map(settingsOf(run))
  // Shown in more words elsewhere
  for (const known of ['network', 'data', 'engine', 'convmark', 'processor']) settings.delete(known)
  const engineText = `${settingsOf(run).get('engine')}: ${engine.reason}`
  return {
    network: `${network}, ${formatCount(parameters)} parameters`,
    data: `${data}, ${formatCount(trainCount)} images to train, ${formatCount(testCount)} ${purpose}`,
    classes: classNames ? formatCount(classNames.length) : null,
    engine: engine.v8Flags.length > 0 ? `${engineText}; V8 flags ${engine.v8Flags.join(' ')}` : engineText,
    settings: [...settings].map((each) => each.join(' ')).join(', '),
    started: dateText(startedAt),
    resumed: run.resumes.map(({ step, epoch }) => `after step ${step}, epoch ${epoch}`).join('; ') || null,
    end: `${outcomeOf(run).ending}, ${extentText(run)}`,
  }
}
