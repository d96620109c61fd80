import { resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import type { Output } from './output.ts'

const STDOUT = '-'

/** Where what a command found goes: `--json` and `--html`. */
export interface ResultFiles {
  /** As JSON, and then nothing else is printed. */
  readonly isPrinted: boolean
  readonly isWritten: boolean
  /** `writeHtml` writes the page. */
  write(result: object, output: Output, writeHtml: (file: string) => Promise<void>): Promise<void>
}

/** Checks the paths, before anything runs. Throws UsageError where one can't be written, or both are one. */
export async function openResultFiles({
  json,
  html,
}: {
  readonly json?: string
  readonly html?: string
}): Promise<ResultFiles> {
  const isPrinted = json === STDOUT
  const jsonFile = isPrinted ? undefined : json
  const files = [jsonFile, html].filter((file) => file !== undefined)
  const { requireWritable, writeBeside } = await import('../formats/files.ts')
  for (const file of files) await requireWritable(file)
  if (jsonFile !== undefined && html !== undefined && resolve(jsonFile) === resolve(html)) {
    throw new UsageError(`--json and --html are both '${jsonFile}'; one would overwrite the other`)
  }
  return {
    isPrinted,
    isWritten: files.length > 0,
    async write(result, output, writeHtml) {
      const text = JSON.stringify(result, null, 2)
      if (isPrinted) output.lines(text)
      if (jsonFile !== undefined) await writeBeside(jsonFile, `${text}\n`)
      if (html !== undefined) await writeHtml(html)
    },
  }
}
