import { decodeText, MAX_TEXT_BYTES, tooLong } from '../decode-text.ts'
import { UsageError } from '../errors.ts'
import { type Network, parametersOf } from '../networks/index.ts'
import { nodeModule } from '../runtime/host.ts'
import { InputFile, requireMemory } from './input-file.ts'
import { reasonOf } from './reason.ts'
import {
  type DecodedSafetensors,
  encodeSafetensors,
  readSafetensorsFrom,
  requireTensors,
  type Tensor,
} from './safetensors.ts'

/** Throws UsageError where the file can't be read, and FormatError where it is damaged; both name it. */
export async function readSafetensors(path: string): Promise<DecodedSafetensors> {
  await using file = await InputFile.open(path)
  return await readSafetensorsFrom(file, path, (byteLength) => requireMemory(path, byteLength))
}

/**
 * Text in UTF-8 or UTF-16, see `decodeText`. Throws UsageError where the file can't be read and FormatError where it is no
 * text, or more than a string can hold; both name it.
 */
export async function readText(path: string): Promise<string> {
  await using file = await InputFile.open(path)
  return decodeText(await file.readAll(MAX_TEXT_BYTES, tooLong), path)
}

/** Throws UsageError where the file can't be read, which names it. */
export async function readBytes(path: string): Promise<Uint8Array> {
  await using file = await InputFile.open(path)
  return await file.readAll()
}

/** A network's parameters by name, as `readSafetensors`; a missing, unknown or misshapen one is a FormatError too. */
export async function readParameters(path: string, network: Network): Promise<Record<string, Float32Array>> {
  const { tensors } = await readSafetensors(path)
  const shapes = Object.entries(parametersOf(network)).map(([name, { shape }]) => [name, shape])
  return requireTensors(path, tensors, Object.fromEntries(shapes))
}

/** Writes all or nothing, see `writeBeside`. */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  await writeBeside(path, encodeSafetensors(tensors, metadata))
}

/**
 * Writes a file so that whoever looks finds the old one or the whole new one: to a temporary name beside it, which is
 * then renamed. On failure the temporary file is removed, the old one left as it was, and the error thrown.
 */
export async function writeBeside(path: string, bytes: Uint8Array | string): Promise<void> {
  const { open, realpath, rename, rm, stat, writeFile } = nodeModule('node:fs/promises')
  const { randomUUID } = nodeModule('node:crypto')
  const existing = await stat(path).catch(() => undefined)
  // Renaming over /dev/stdout or a pipe would put a file in its place
  if (existing && !existing.isFile()) return writeFile(path, bytes)
  const target = existing ? await realpath(path) : path // a link stays a link
  const temporary = `${target}.${randomUUID()}.tmp`
  try {
    const file = await open(temporary, 'wx', existing?.mode)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Finds out before the work what would stop `writeBeside` after it. Throws UsageError with path and reason. */
export async function requireWritable(path: string): Promise<void> {
  const { access, constants, stat } = nodeModule('node:fs/promises')
  const { dirname } = nodeModule('node:path')
  const refuse = (reason: string): never => {
    throw new UsageError(`${path}: can't be written: ${reason}`)
  }
  const existing = await stat(path).catch(() => undefined)
  if (existing?.isDirectory()) refuse('it is a folder')
  const folder = dirname(path)
  const folderStatus = await stat(folder).catch((error: unknown) =>
    refuse(`its folder '${folder}': ${reasonOf(error)}`),
  )
  if (!folderStatus.isDirectory()) refuse(`'${folder}' is not a folder`)
  if (existing) await access(path, constants.W_OK).catch((error: unknown) => refuse(reasonOf(error)))
  if (existing && !existing.isFile()) return
  const mayEnter = constants.W_OK | constants.X_OK
  await access(folder, mayEnter).catch((error: unknown) =>
    refuse(`its folder '${folder}': ${reasonOf(error)}`),
  )
}
