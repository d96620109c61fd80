import type { Output } from './output.ts'
import { openOutputFiles, writeEach, writeMade } from './output-files.ts'

const STDOUT = '-'

/** Where what a command found goes: `--json` and `--html`. */
export interface ResultFiles {
  /** As JSON, and then nothing else is printed. */
  readonly isPrinted: boolean
  readonly isWritten: boolean
  /**
   * To be called once what is for people has been printed. `renderHtml` makes the page. The exit code: 1 where a file could
   * not be written, which is said on stderr.
   */
  write(result: object, output: Output, renderHtml: () => Promise<string>): Promise<number>
}

/** Opens the files, before anything runs; throws as `openOutputFiles`. */
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
