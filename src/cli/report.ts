import type { Command } from 'commander'
import { parseJson } from '../bench/parse-json.ts'
import { parseResult } from '../bench/result.ts'
import { FormatError, UsageError } from '../errors.ts'
import { readText } from '../formats/files.ts'
import { parseClassification } from '../records/classification.ts'
import { parseEvaluation } from '../records/evaluation.ts'
import { parseTrainingLog } from '../records/read-training-log.ts'
import type { NamedClassification } from '../report/html/classification.ts'
import type { NamedEvaluation } from '../report/html/evaluation.ts'
import type { NamedResult, ResultOfFile } from '../report/html/report.ts'
import type { Palette } from '../report/palette.ts'
import type { NamedLog } from '../report/variants.ts'
import { shellCommand } from '../shell.ts'
import { addCommand, type OnEnd } from './command.ts'
import { Output } from './output.ts'
import { openOutputFiles } from './output-files.ts'
import { openProgress } from './progress.ts'
import type { ThumbnailOptions } from './thumbnails.ts'

interface Options {
  readonly html?: string
  readonly color: boolean
}

export function addReportCommand(program: Command, onEnd: OnEnd): void {
  addCommand(
    program,
    'report',
    'results, training logs, evaluations or classifications, printed or as one HTML file',
  )
    .argument(
      '<file...>',
      'of one kind: what bench, compare, evaluate or classify wrote with --json, or logs of train',
    )
    .option(
      '--html <file>',
      'one self-contained page with charts; without it the contents of the files are printed',
    )
    .option('--no-color', 'plain text')
    .action(async (files: readonly string[], options: Options) => {
      await report(files, options)
      onEnd(0)
    })
}

const isLog = (file: string): boolean => file.endsWith('.jsonl')

async function report(files: readonly string[], { html, color }: Options): Promise<void> {
  const logs = files.filter(isLog)
  if (logs.length > 0 && logs.length < files.length) {
    throw mixed(logs[0]!, 'a training log', files.find((file) => !isLog(file))!)
  }
  const { '--html': page } = await openOutputFiles({ '--html': html }, files)
  const output = new Output({ color, isAllThereIs: !page })
  if (logs.length > 0) {
    const named = await readLogs(logs)
    await (page ? page.write(await curvesPage(named)) : printLogs(named, output))
  } else {
    const read = await readJson(files)
    if (page) await page.write(await pageOf(read))
    else output.lines(...(await linesOf(read, output.palette)))
  }
  if (html !== undefined) output.lines(`saved ${html}`)
}

const mixed = (file: string, kind: string, other: string): UsageError =>
  new UsageError(`${file} is ${kind}, ${other} is not; report files of one kind at a time`)

async function readLogs(files: readonly string[]): Promise<NamedLog[]> {
  const logs: NamedLog[] = []
  for (const file of files) {
    const log = parseTrainingLog(await readText(file), file)
    if (log.runs.every(({ steps, epochs }) => steps.length === 0 && epochs.length === 0)) {
      throw new FormatError(`${file}: it has no step, so there is nothing to report; train on, or again`)
    }
    logs.push({ name: file, log })
  }
  return logs
}

async function printLogs(logs: readonly NamedLog[], output: Output): Promise<void> {
  const { trainingLines } = await import('../report/training.ts')
  const { runsOf } = await import('../report/variants.ts')
  for (const [i, named] of runsOf(logs).entries()) {
    output.lines(...(i > 0 ? [''] : []), ...trainingLines(named, output.palette))
  }
}

/** The page names the command that is running. */
export async function curvesPage(logs: readonly NamedLog[]): Promise<string> {
  const { renderCurves } = await import('../report/html/curves.ts')
  return renderCurves(logs, { command: ownCommand() })
}

/** What is in files of JSON: of one kind. */
type ReadFiles =
  | { readonly kind: 'results'; readonly named: readonly ResultOfFile[] }
  | { readonly kind: 'evaluations'; readonly named: readonly NamedEvaluation[] }
  | { readonly kind: 'classifications'; readonly named: readonly NamedClassification[] }

const KINDS = { result: 'a result', evaluation: 'an evaluation', classification: 'a classification' } as const

async function readJson(files: readonly string[]): Promise<ReadFiles> {
  const results: ResultOfFile[] = []
  const evaluations: NamedEvaluation[] = []
  const classifications: NamedClassification[] = []
  let first: { readonly file: string; readonly kind: keyof typeof KINDS } | null = null
  for (const file of files) {
    const text = await readText(file)
    const kind = kindOf(parseJson(text, file))
    first ??= { file, kind }
    if (kind !== first.kind) throw mixed(first.file, KINDS[first.kind], file)
    if (kind === 'evaluation') evaluations.push({ name: file, evaluation: parseEvaluation(text, file) })
    else if (kind === 'classification')
      classifications.push({ name: file, classification: parseClassification(text, file) })
    else results.push({ name: file, result: reportable(text, file) })
  }
  if (evaluations.length > 0) return { kind: 'evaluations', named: evaluations }
  if (classifications.length > 0) return { kind: 'classifications', named: classifications }
  return { kind: 'results', named: results }
}

function kindOf(json: unknown): keyof typeof KINDS {
  const kind = (json as { kind?: unknown } | null)?.kind
  return kind === 'evaluation' || kind === 'classification' ? kind : 'result'
}

async function linesOf(read: ReadFiles, palette: Palette): Promise<string[]> {
  const { classificationsLines, evaluationsLines, resultsLines } = await import('./report-lines.ts')
  switch (read.kind) {
    case 'evaluations':
      return evaluationsLines(read.named, palette)
    case 'classifications':
      return classificationsLines(read.named, palette)
    case 'results':
      return resultsLines(read.named, palette)
  }
}

async function pageOf(read: ReadFiles): Promise<string> {
  switch (read.kind) {
    case 'evaluations':
      return evaluationPage(read.named)
    case 'classifications': {
      const progress = await openProgress()
      const onProgress = (done: number, total: number) => progress.update('thumbnails', done, total)
      return classificationPage(read.named, { onProgress }).finally(() => progress.clear())
    }
    case 'results':
      return resultPage(read.named)
  }
}

function reportable(text: string, file: string): NamedResult['result'] {
  const result = parseResult(text, file)
  if (result.runs.every(({ samplesMs }) => samplesMs.length === 0) && !result.unsupported?.length) {
    throw new FormatError(`${file}: it has no sample, so there is nothing to report; run the benchmark again`)
  }
  return result
}

/** The page names the command that is running. */
export async function evaluationPage(evaluations: readonly NamedEvaluation[]): Promise<string> {
  const { renderEvaluation } = await import('../report/html/evaluation.ts')
  return renderEvaluation(evaluations, { command: ownCommand() })
}

/** The page names the command that is running, and shows those pictures whose files are there. */
export async function classificationPage(
  classifications: readonly NamedClassification[],
  options: ThumbnailOptions = {},
): Promise<string> {
  const { renderClassification } = await import('../report/html/classification.ts')
  const { thumbnailsOf } = await import('./thumbnails.ts')
  const thumbnails = await thumbnailsOf(
    classifications.map(({ classification }) => classification),
    options,
  )
  return renderClassification(classifications, { command: ownCommand(), thumbnails })
}

/** The page names the command that is running. */
export async function resultPage(results: readonly NamedResult[]): Promise<string> {
  const { reportHtml } = await import('../report/html/report.ts')
  return reportHtml(results, { command: ownCommand() })
}

const ownCommand = (): string => shellCommand('convmark', ...process.argv.slice(2))
