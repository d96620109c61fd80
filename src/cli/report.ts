import type { Command } from 'commander'
import { parseResult } from '../bench/result.ts'
import { FormatError } from '../errors.ts'
import { readText, requireWritable, writeBeside } from '../formats/files.ts'
import type { NamedResult } from '../report/html/report.ts'
import { addCommand, type OnEnd } from './command.ts'

export function addReportCommand(program: Command, onEnd: OnEnd): void {
  addCommand(program, 'report', 'results as one HTML file')
    .argument('<result.json...>', 'what bench or compare wrote with --json')
    .requiredOption('--html <file>', 'one file that needs no other')
    .action(async (files: readonly string[], options: { readonly html: string }) => {
      await report(files, options.html)
      onEnd(0)
    })
}

async function report(files: readonly string[], htmlFile: string): Promise<void> {
  await requireWritable(htmlFile)
  const results: NamedResult[] = []
  for (const file of files) {
    const result = parseResult(await readText(file), file)
    if (result.runs.every(({ samplesMs }) => samplesMs.length === 0) && !result.unsupported?.length) {
      throw new FormatError(
        `${file}: it has no sample, so there is nothing to report; run the benchmark again`,
      )
    }
    results.push({ name: file, result })
  }
  await writeReport(htmlFile, results)
}

/** Named by the command that is running. */
export async function writeReport(htmlFile: string, results: readonly NamedResult[]): Promise<void> {
  const { reportHtml } = await import('../report/html/report.ts')
  const { shellWord } = await import('../report/html/commands.ts')
  const command = ['convmark', ...process.argv.slice(2).map(shellWord)].join(' ')
  await writeBeside(htmlFile, reportHtml(results, { command }))
}
