import type { Result } from '../../bench/result.ts'
import { formatAtLeast, formatFixed } from '../../digits.ts'
import { formatMemory, formatPercent, hostFact } from '../format.ts'
import { commandsOf } from './commands.ts'
import { html, type Markup } from './markup.ts'
import { commandBlock, type Facts, factList } from './page.ts'

const UNKNOWN = 'the system does not say'

/** Where a result was measured, and how to repeat it. `name`: the result's name, if there are several. */
export function environmentSection(name: string | null, result: Result): Markup {
  return html`<section class="card">${name !== null && html`<h3>${name}</h3>`}
${factList(environmentFacts(result))}
${commandBlock('To measure it again', commandsOf(result))}</section>`
}

/** Null: the record is older than the field. */
export function environmentFacts({ environment, tool }: Pick<Result, 'environment' | 'tool'>): Facts {
  const { processor, cores, memoryBytes, platform, arch, gitCommit, loadAverage } = environment
  const { quotaCores, memoryLimitBytes, caches, governor, nodeFlags, packages } = environment
  const { stealFraction, calibrationSpread } = environment
  const list = (values: readonly string[] | undefined, none: string): string | null =>
    values === undefined ? null : values.join(', ') || none
  const [host, version] = hostFact(environment)
  const loads = [loadAverage, environment.loadAverageAtEnd].filter((load) => load !== undefined)
  return {
    date: dateText(environment.date),
    processor: `${processor}, ${cores} cores that the process may use`,
    quota:
      quotaCores === undefined
        ? null
        : quotaCores === null
          ? 'none'
          : `${formatAtLeast(quotaCores, 2)} cores`,
    caches: list(caches, UNKNOWN),
    governor: governor ?? null,
    memory: formatMemory(memoryBytes),
    'memory limit': memoryLimitBytes ? formatMemory(memoryLimitBytes) : null,
    system: `${platform} ${arch}`,
    [host]: version,
    'cross-origin isolated': isolationText(environment),
    'flags of Node': list(nodeFlags, 'none'),
    convmark: gitCommit === null ? tool.version : `${tool.version}, git commit ${gitCommit}`,
    packages: list(packages && Object.entries(packages).map((each) => each.join(' ')), 'none'),
    'load average':
      loads.map((load) => (load === null ? UNKNOWN : formatFixed(load, 2))).join(' before, ') +
      (loads.length > 1 ? ' after' : ''),
    'stolen time':
      stealFraction === undefined ? null : stealFraction === null ? UNKNOWN : formatPercent(stealFraction),
    'calibration, slowest over fastest':
      calibrationSpread === undefined
        ? null
        : calibrationSpread === null
          ? 'not made'
          : formatFixed(calibrationSpread, 3),
  }
}

function isolationText({ isCrossOriginIsolated }: Result['environment']): string | null {
  if (isCrossOriginIsolated === undefined) return null
  return isCrossOriginIsolated === null ? 'the browser does not say' : isCrossOriginIsolated ? 'yes' : 'no'
}

/** `2026-01-31 12:00 UTC`; unchanged if it is not a date. */
export function dateText(date: string): string {
  const time = new Date(date)
  return Number.isNaN(time.getTime()) ? date : `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
