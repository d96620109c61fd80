// What `report` prints for files that bench, compare, evaluate and classify wrote: the same as these commands.
import type { Result } from '../bench/result.ts'
import { classificationLines } from '../report/classification.ts'
import { compareLines } from '../report/compare.ts'
import type { NamedClassification } from '../report/html/classification.ts'
import type { NamedEvaluation } from '../report/html/evaluation.ts'
import type { ResultOfFile } from '../report/html/report.ts'
import { layerLines } from '../report/layers.ts'
import type { Palette } from '../report/palette.ts'
import { summaryLines, warningLines } from '../report/summary.ts'
import { evaluationLines } from '../report/training.ts'

/** Each file's lines, after its name if there are several files. */
export const resultsLines = (results: readonly ResultOfFile[], palette: Palette): string[] =>
  underNames(
    results.map(({ name, result }) => ({ name, lines: resultLines(result, palette) })),
    palette,
  )

export const evaluationsLines = (evaluations: readonly NamedEvaluation[], palette: Palette): string[] =>
  underNames(
    evaluations.map(({ name, evaluation }) => ({ name, lines: evaluationLines(evaluation, palette) })),
    palette,
  )

export const classificationsLines = (
  classifications: readonly NamedClassification[],
  palette: Palette,
): string[] =>
  underNames(
    classifications.map(({ name, classification }) => ({
      name,
      lines: classificationLines(classification, palette),
    })),
    palette,
  )

function underNames(
  files: readonly { readonly name: string; readonly lines: readonly string[] }[],
  palette: Palette,
): string[] {
  if (files.length === 1) return [...files[0]!.lines]
  return files.flatMap(({ name, lines }, i) => [...(i > 0 ? [''] : []), palette.bold(name), ...lines])
}

function resultLines({ runs, comparisons, unsupported, environment }: Result, palette: Palette): string[] {
  // A run without samples was interrupted before its first.
  const timed = runs.filter(({ summary }) => summary !== null)
  const warnings = warningLines(environment, timed, palette)
  if (comparisons) return [...compareLines(timed, comparisons, unsupported ?? [], palette), ...warnings]
  return [
    ...summaryLines(runs, palette),
    ...warnings,
    ...timed.flatMap((run) => ['', ...layerLines(run, palette)]),
  ]
}
