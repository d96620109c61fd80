import type { Command } from 'commander'
import { parseJson } from '../bench/parse-json.ts'
import { parseResult } from '../bench/result.ts'
import { FormatError, UsageError } from '../errors.ts'
import { readText } from '../formats/files.ts'
import { parseEvaluation } from '../records/evaluation.ts'
import { parseTrainingLog } from '../records/read-training-log.ts'
import type { NamedEvaluation } from '../report/html/evaluation.ts'
import type { NamedResult, ResultOfFile } from '../report/html/report.ts'
import type { NamedLog } from '../report/variants.ts'
import { shellCommand } from '../shell.ts'
import { addCommand, type OnEnd } from './command.ts'
import { Output } from './output.ts'
import { openOutputFiles } from './output-files.ts'

interface Options {
  readonly html?: string
  readonly color: boolean
}

export function addReportCommand(program: Command, onEnd: OnEnd): void {
  addCommand(program, 'report', 'results, training logs or evaluations, printed or as one HTML file')
    .argument('<file...>', 'of one kind: what bench, compare or evaluate wrote with --json, or logs of train')
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
    const { evaluations, results } = await readJson(files)
    if (page) {
      await page.write(await (evaluations.length > 0 ? evaluationPage(evaluations) : resultPage(results)))
    } else {
      const { evaluationsLines, resultsLines } = await import('./report-lines.ts')
      const { palette } = output
      output.lines(
        ...(evaluations.length > 0 ? evaluationsLines(evaluations, palette) : resultsLines(results, palette)),
      )
    }
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

/** Reads results of the benchmark, or evaluations. */
async function readJson(
  files: readonly string[],
): Promise<{ readonly evaluations: NamedEvaluation[]; readonly results: ResultOfFile[] }> {
  const results: ResultOfFile[] = []
  const evaluations: NamedEvaluation[] = []
  for (const file of files) {
    const text = await readText(file)
    const json = parseJson(text, file)
    if ((json as { kind?: unknown } | null)?.kind === 'evaluation') {
      evaluations.push({ name: file, evaluation: parseEvaluation(text, file) })
    } else {
      results.push({ name: file, result: reportable(text, file) })
    }
  }
  if (evaluations.length > 0 && results.length > 0) {
    throw mixed(evaluations[0]!.name, 'an evaluation', results[0]!.name)
  }
  return { evaluations, results }
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

/** The page names the command that is running. */
export async function resultPage(results: readonly NamedResult[]): Promise<string> {
  const { reportHtml } = await import('../report/html/report.ts')
  return reportHtml(results, { command: ownCommand() })
}

const ownCommand = (): string => shellCommand('convmark', ...process.argv.slice(2))
