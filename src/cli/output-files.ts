// The files that commands write: checked before the work, and written after the results are printed.
import { realpath } from 'node:fs/promises'
import { ConvmarkError, messageOf, UsageError } from '../errors.ts'
import type { OutputFile } from '../formats/output-file.ts'
import { complain } from './errors.ts'

/**
 * Opens the files that a command will write, by the options that name them. Throws UsageError if one can't be written,
 * if two are the same file, or if one is also read by the command.
 */
export async function openOutputFiles<Option extends string>(
  paths: Readonly<Record<Option, string | undefined>>,
  inputs: readonly string[] = [],
): Promise<Partial<Record<Option, OutputFile>>> {
  const { OutputFile } = await import('../formats/output-file.ts')
  const read = new Set(await Promise.all(inputs.map(resolvedPathOf)))
  const files: Partial<Record<Option, OutputFile>> = {}
  const optionOf = new Map<string, Option>()
  for (const [option, path] of Object.entries(paths) as [Option, string | undefined][]) {
    if (path === undefined) continue
    if (path === '') throw new UsageError(`${option} is ''; it must name a file`)
    const file = await OutputFile.open(path)
    const other = optionOf.get(file.resolvedPath)
    if (other !== undefined) {
      throw new UsageError(`${other} and ${option} are both '${paths[other]}'; one would overwrite the other`)
    }
    if (read.has(file.resolvedPath)) {
      throw new UsageError(`${option} is '${path}', which is read too and would be overwritten; name another`)
    }
    optionOf.set(file.resolvedPath, option)
    files[option] = file
  }
  return files
}

/** Where a path leads, as `OutputFile.resolvedPath`; the path itself if nothing is there, which is reported when it is read. */
export const resolvedPathOf = (path: string): Promise<string> => realpath(path).catch(() => path)

/** Writes what `make` returns; `what` says what that is. Every error is a ConvmarkError that names the file. */
export async function writeMade(
  file: OutputFile,
  what: string,
  make: () => string | Promise<string>,
): Promise<void> {
  let content: string
  try {
    content = await make()
  } catch (error) {
    throw new ConvmarkError(`${file.path}: ${what} can't be made: ${messageOf(error)}`, { cause: error })
  }
  await file.write(content)
}

/** Tries each of them: a failure is reported on stderr and does not stop the others. Returns the exit code. */
export async function writeEach(writes: readonly (() => Promise<void>)[]): Promise<number> {
  let exitCode = 0
  for (const write of writes) {
    try {
      await write()
    } catch (error) {
      complain(error)
      exitCode = 1
    }
  }
  return exitCode
}
