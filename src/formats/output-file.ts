import type { Stats } from 'node:fs'
import { ConvmarkError, UsageError } from '../errors.ts'
import { nodeModule } from '../runtime/host.ts'
import { reasonOf } from './reason.ts'

/**
 * A file that will be written after some work. Whether it can be written is checked before the work, so that none is
 * done in vain.
 *
 * A reader sees either the old file or the whole new one: it is written under another name in the same folder and then
 * renamed. If the system does not allow that (a file that is itself mounted, as in a container; a folder in which no
 * file can be created), the file itself is overwritten. So are devices and pipes.
 */
export class OutputFile {
  /** As the user gave it. */
  readonly path: string
  /** Where `path` leads after following links. Two outputs with the same resolved path are one file. */
  readonly resolvedPath: string

  private constructor(path: string, resolvedPath: string) {
    this.path = path
    this.resolvedPath = resolvedPath
  }

  /** Throws UsageError with path and reason if it can't be written. What is there stays as it is until `write`. */
  static async open(path: string): Promise<OutputFile> {
    const { access, constants, open, realpath } = nodeModule('node:fs/promises')
    const { dirname, sep } = nodeModule('node:path')
    const refuse = (reason: string): never => {
      throw new UsageError(`${path || "''"}: can't be written: ${reason}`)
    }
    const refuseFor = (error: unknown): never => refuse(reasonOf(error))
    const refuseFolder = (folder: string, error: unknown): never =>
      refuse(`its folder '${folder}': ${reasonOf(error)}`)

    if (path === '') refuse('its name is empty')
    if (path.endsWith('/') || path.endsWith(sep)) refuse('it ends in a slash, as a folder does')
    const existing = await statusOf(path).catch(refuseFor)
    if (!existing) {
      const resolvedPath = await withoutLinks(path).catch((error: NodeJS.ErrnoException) =>
        refuseFolder(error.path ?? dirname(path), error),
      )
      await tryTemporary(dirname(resolvedPath)).catch((error: unknown) =>
        refuseFolder(dirname(resolvedPath), error),
      )
      return new OutputFile(path, resolvedPath)
    }
    if (existing.isDirectory()) refuse('it is a folder')
    if (existing.isSocket()) refuse('it is a socket')
    if (!existing.isFile()) {
      await access(path, constants.W_OK).catch(refuseFor)
      return new OutputFile(path, path)
    }
    // Both would write to it
    if (isStdout(existing)) refuse('stdout is redirected to this file')
    await (await open(path, 'r+').catch(refuseFor)).close()
    return new OutputFile(path, await realpath(path).catch(refuseFor))
  }

  /**
   * Writes the whole content, each time that it is called. Throws ConvmarkError with path and reason; the old file is
   * then unchanged unless it had to be overwritten.
   */
  async write(content: Uint8Array | string): Promise<void> {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
    try {
      const existing = await statusOf(this.resolvedPath)
      await (existing && !existing.isFile()
        ? overwrite(this.resolvedPath, bytes)
        : replace(this.resolvedPath, bytes, existing))
    } catch (error) {
      throw new ConvmarkError(`${this.path}: can't be written: ${await whyNot(this.resolvedPath, error)}`, {
        cause: error,
      })
    }
  }
}

/** Null if nothing is there. */
async function statusOf(path: string): Promise<Stats | null> {
  const { stat } = nodeModule('node:fs/promises')
  return stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
}

/** Where a path leads that does not exist yet; it may be a link to something that does not exist. */
async function withoutLinks(path: string): Promise<string> {
  const { readlink, realpath } = nodeModule('node:fs/promises')
  const { basename, dirname, join, resolve } = nodeModule('node:path')
  const folder = await realpath(dirname(path))
  const own = join(folder, basename(path))
  const link = await readlink(own).catch(() => null) // not a link
  return link === null ? own : withoutLinks(resolve(folder, link))
}

function isStdout({ dev, ino }: Stats): boolean {
  const { fstatSync } = nodeModule('node:fs')
  try {
    const stdout = fstatSync(1)
    return stdout.dev === dev && stdout.ino === ino
  } catch {
    return false // closed
  }
}

async function whyNot(resolvedPath: string, error: unknown): Promise<string> {
  const { dirname } = nodeModule('node:path')
  const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
  if (isMissing && !(await statusOf(dirname(resolvedPath)).catch(() => null))) return 'its folder is gone'
  return reasonOf(error)
}

/** Writes to a new file beside the output and renames it; overwrites the output if this can't be done. */
async function replace(resolvedPath: string, bytes: Uint8Array, existing: Stats | null): Promise<void> {
  const { open, rename } = nodeModule('node:fs/promises')
  const { dirname } = nodeModule('node:path')
  let temporary: string
  try {
    temporary = createTemporary(dirname(resolvedPath), existing?.mode)
  } catch (error) {
    if (!existing) throw error
    return overwrite(resolvedPath, bytes)
  }
  try {
    const file = await open(temporary, 'r+')
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    // Not allowed for a file that is itself mounted (EBUSY, EXDEV), nor on some network disks
    await rename(temporary, resolvedPath).catch(() => overwrite(resolvedPath, bytes))
  } finally {
    await removeTemporary(temporary)
  }
}

async function overwrite(resolvedPath: string, bytes: Uint8Array): Promise<void> {
  const { constants, open } = nodeModule('node:fs/promises')
  // Not emptied first: the old content may occupy the only space that is left
  const file = await open(resolvedPath, constants.O_WRONLY | constants.O_CREAT)
  try {
    await file.writeFile(bytes)
    if (!(await file.stat()).isFile()) return
    await file.truncate(bytes.byteLength)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Files that are being written; they are removed if the process exits before they are renamed. */
const temporaries = new Set<string>()

/** The name is short, so that it is allowed even beside a file with the longest possible name. */
function createTemporary(folder: string, mode?: number): string {
  const { closeSync, openSync } = nodeModule('node:fs')
  const { randomBytes } = nodeModule('node:crypto')
  const { join } = nodeModule('node:path')
  const path = join(folder, `.convmark-${randomBytes(4).toString('hex')}.tmp`)
  removeTemporariesAtExit()
  // Synchronous: otherwise the process could exit before the file is known here
  closeSync(openSync(path, 'wx', mode))
  temporaries.add(path)
  return path
}

/** A renamed file is gone already. If it can't be removed, the error before this one says why. */
async function removeTemporary(path: string): Promise<void> {
  const { rm } = nodeModule('node:fs/promises')
  await rm(path, { force: true }).catch(() => {})
  temporaries.delete(path)
}

/** Throws if no file can be created in the folder. The file is removed at once, since the work may take days and be killed. */
async function tryTemporary(folder: string): Promise<void> {
  const { rm } = nodeModule('node:fs/promises')
  const path = createTemporary(folder)
  await rm(path)
  temporaries.delete(path)
}

let isRemovingAtExit = false

function removeTemporariesAtExit(): void {
  if (isRemovingAtExit) return
  isRemovingAtExit = true
  const { rmSync } = nodeModule('node:fs')
  process.on('exit', () => {
    for (const path of temporaries) {
      try {
        rmSync(path, { force: true })
      } catch {
        // Nothing more can be done
      }
    }
  })
}
