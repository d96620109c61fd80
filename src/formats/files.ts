import { decodeText, MAX_TEXT_BYTES, tooLong } from '../decode-text.ts'
import { type Network, parametersOf } from '../networks/index.ts'
import { InputFile, requireMemory } from './input-file.ts'
import { OutputFile } from './output-file.ts'
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

/** Throws UsageError where the file can't be written, before anything is encoded; see `OutputFile`. */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  const file = await OutputFile.open(path)
  await file.write(encodeSafetensors(tensors, metadata))
}
