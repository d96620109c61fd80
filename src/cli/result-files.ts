import type { Output } from './output.ts'
import { openOutputFiles, writeEach, writeMade } from './output-files.ts'

const STDOUT = '-'

/** Where a command's results are written: `--json` and `--html`. */
export interface ResultFiles {
  /** The JSON goes to stdout, so nothing else is printed. */
  readonly isPrinted: boolean
  readonly isWritten: boolean
  /**
   * Call it after the results were printed for people. `renderHtml` makes the page. Returns the exit code: 1 if a file
   * could not be written, which is reported on stderr.
   */
  write(result: object, output: Output, renderHtml: () => Promise<string>): Promise<number>
}

/** Opens the files before anything runs; throws as `openOutputFiles`. */
export async function openResultFiles(
  { json, html }: { readonly json?: string; readonly html?: string },
  inputs: readonly string[] = [],
): Promise<ResultFiles> {
  const isPrinted = json === STDOUT
  const paths = { '--json': isPrinted ? undefined : json, '--html': html }
  const { '--json': jsonFile, '--html': htmlFile } = await openOutputFiles(paths, inputs)
  return {
    isPrinted,
    isWritten: jsonFile !== undefined || htmlFile !== undefined,
    async write(result, output, renderHtml) {
      const json = () => JSON.stringify(result, null, 2)
      return writeEach([
        ...(isPrinted ? [async () => output.lines(json())] : []),
        ...(jsonFile ? [() => writeMade(jsonFile, 'the JSON', () => `${json()}\n`)] : []),
        ...(htmlFile ? [() => writeMade(htmlFile, 'the page', renderHtml)] : []),
      ])
    },
  }
}
