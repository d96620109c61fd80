// What commands write: found to be writable before their work, and written after what they print.
import { realpath } from 'node:fs/promises'
import { ConvmarkError, messageOf, UsageError } from '../errors.ts'
import type { OutputFile } from '../formats/output-file.ts'
import { complain } from './errors.ts'

/**
 * The files that a command will write, by the options that name them. Throws UsageError where one can't be written, where
 * two are one file, and where one is a file that the command reads.
 */
export async function openOutputFiles<Option extends string>(
  paths: Readonly<Record<Option, string | undefined>>,
  inputs: readonly string[] = [],
): Promise<Partial<Record<Option, OutputFile>>> {
  const { OutputFile } = await import('../formats/output-file.ts')
  const read = new Set(await Promise.all(inputs.map(targetOf)))
  const files: Partial<Record<Option, OutputFile>> = {}
  const optionOf = new Map<string, Option>()
  for (const [option, path] of Object.entries(paths) as [Option, string | undefined][]) {
    if (path === undefined) continue
    if (path === '') throw new UsageError(`${option} is ''; it must name a file`)
    const file = await OutputFile.open(path)
    const other = optionOf.get(file.target)
    if (other !== undefined) {
      throw new UsageError(`${other} and ${option} are both '${paths[other]}'; one would overwrite the other`)
    }
    if (read.has(file.target)) {
      throw new UsageError(`${option} is '${path}', which is read too and would be overwritten; name another`)
    }
    optionOf.set(file.target, option)
    files[option] = file
  }
  return files
}

/** Where a path leads, as `OutputFile.target`; the path itself where nothing is there. Whoever reads it reports that. */
export const targetOf = (path: string): Promise<string> => realpath(path).catch(() => path)

/** Writes what `make` makes, `what` in words. Whatever fails is a ConvmarkError that names the file. */
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

/** Tries each: one that fails is said on stderr and takes nothing from the others. The exit code. */
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
