import type { Stats } from 'node:fs'
import { ConvmarkError, UsageError } from '../errors.ts'
import { nodeModule } from '../runtime/host.ts'
import { reasonOf } from './reason.ts'

/**
 * A file that some work will write. It is found to be writable before the work, so that none is done for nothing.
 *
 * Whoever looks at the file finds the old one or the whole new one: it is written under a name of its own in the same folder
 * and then renamed. Where the system does not allow that (a file that is mounted by itself, as into a container; a folder
 * that takes no new file), the file itself is overwritten. So are devices and pipes.
 */
export class OutputFile {
  /** As it was asked for. */
  readonly path: string
  /** Where that leads, links followed. Two outputs with one target are one file. */
  readonly target: string

  private constructor(path: string, target: string) {
    this.path = path
    this.target = target
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
      const target = await withoutLinks(path).catch((error: NodeJS.ErrnoException) =>
        refuseFolder(error.path ?? dirname(path), error),
      )
      await tryTemporary(dirname(target)).catch((error: unknown) => refuseFolder(dirname(target), error))
      return new OutputFile(path, target)
    }
    if (existing.isDirectory()) refuse('it is a folder')
    if (existing.isSocket()) refuse('it is a socket')
    if (!existing.isFile()) {
      await access(path, constants.W_OK).catch(refuseFor)
      return new OutputFile(path, path)
    }
    // The two would overwrite each other
    if (isStdout(existing)) refuse('stdout is redirected to this file')
    await (await open(path, 'r+').catch(refuseFor)).close()
    return new OutputFile(path, await realpath(path).catch(refuseFor))
  }

  /**
   * Writes all of it, each time that it is called. Throws ConvmarkError with path and reason; the old file is then as it was,
   * unless it had to be overwritten.
   */
  async write(content: Uint8Array | string): Promise<void> {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
    try {
      const existing = await statusOf(this.target)
      await (existing && !existing.isFile()
        ? overwrite(this.target, bytes)
        : replace(this.target, bytes, existing))
    } catch (error) {
      throw new ConvmarkError(`${this.path}: can't be written: ${await whyNot(this.target, error)}`, {
        cause: error,
      })
    }
  }
}

/** Null where there is nothing. */
async function statusOf(path: string): Promise<Stats | null> {
  const { stat } = nodeModule('node:fs/promises')
  return stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
}

/** Where a path leads at which there is nothing yet: through a link, too, that leads to nothing. */
async function withoutLinks(path: string): Promise<string> {
  const { readlink, realpath } = nodeModule('node:fs/promises')
  const { basename, dirname, join, resolve } = nodeModule('node:path')
  const folder = await realpath(dirname(path))
  const own = join(folder, basename(path))
  const link = await readlink(own).catch(() => null) // it is no link
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

async function whyNot(target: string, error: unknown): Promise<string> {
  const { dirname } = nodeModule('node:path')
  const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
  if (isMissing && !(await statusOf(dirname(target)).catch(() => null))) return 'its folder is gone'
  return reasonOf(error)
}

/** Writes to a new file beside the target and renames that; overwrites the target where this can't be done. */
async function replace(target: string, bytes: Uint8Array, existing: Stats | null): Promise<void> {
  const { open, rename } = nodeModule('node:fs/promises')
  const { dirname } = nodeModule('node:path')
  let temporary: string
  try {
    temporary = createTemporary(dirname(target), existing?.mode)
  } catch (error) {
    if (!existing) throw error
    return overwrite(target, bytes)
  }
  try {
    const file = await open(temporary, 'r+')
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    // Not allowed over a file that is mounted by itself (EBUSY, EXDEV), nor on some network disks
    await rename(temporary, target).catch(() => overwrite(target, bytes))
  } finally {
    await removeTemporary(temporary)
  }
}

async function overwrite(target: string, bytes: Uint8Array): Promise<void> {
  const { constants, open } = nodeModule('node:fs/promises')
  // Not emptied first: what there is may be all the space that is left
  const file = await open(target, constants.O_WRONLY | constants.O_CREAT)
  try {
    await file.writeFile(bytes)
    if (!(await file.stat()).isFile()) return
    await file.truncate(bytes.byteLength)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Files that are being written; removed where the process ends in the middle. */
const temporaries = new Set<string>()

/** With a short name of its own, so that one beside a file with the longest name is allowed. */
function createTemporary(folder: string, mode?: number): string {
  const { closeSync, openSync } = nodeModule('node:fs')
  const { randomBytes } = nodeModule('node:crypto')
  const { join } = nodeModule('node:path')
  const path = join(folder, `.convmark-${randomBytes(4).toString('hex')}.tmp`)
  removeTemporariesAtExit()
  // Not in the background: the process could end before it is known that there is one
  closeSync(openSync(path, 'wx', mode))
  temporaries.add(path)
  return path
}

/** One that was renamed is gone already. If it can't be removed, what went wrong before says why. */
async function removeTemporary(path: string): Promise<void> {
  const { rm } = nodeModule('node:fs/promises')
  await rm(path, { force: true }).catch(() => {})
  temporaries.delete(path)
}

/** Throws what keeps a folder from taking a new file. None is left there: the work may take days, and be killed. */
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
        // Nothing is left to be done
      }
    }
  })
}
