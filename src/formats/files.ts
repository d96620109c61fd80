import { decodeText, MAX_TEXT_BYTES, tooLong } from '../decode-text.ts'
import { FormatError } from '../errors.ts'
import type { Network } from '../networks/index.ts'
import { shortened } from '../plain-text.ts'
import { nodeModule } from '../runtime/host.ts'
import { InputFile, requireMemory } from './input-file.ts'
import type { ReadExternalData } from './onnx-import.ts'
import { OutputFile } from './output-file.ts'
import {
  type DecodedSafetensors,
  encodeSafetensors,
  readSafetensorsFrom,
  type Tensor,
} from './safetensors.ts'
import { weightsOf } from './torch-weights/index.ts'

/** Reads a safetensors file. Throws UsageError if it can't be read, and FormatError if it is damaged; both name it. */
export async function readSafetensors(path: string): Promise<DecodedSafetensors> {
  await using file = await InputFile.open(path)
  return await readSafetensorsFrom(file, path, (byteLength) => requireMemory(path, byteLength))
}

/**
 * Text in UTF-8 or UTF-16, see `decodeText`. Throws UsageError if the file can't be read, and FormatError if it is not
 * text or longer than a string can be; both name it.
 */
export async function readText(path: string): Promise<string> {
  await using file = await InputFile.open(path)
  return decodeText(await file.readAll(MAX_TEXT_BYTES, tooLong), path)
}

/** Throws UsageError, naming the file, if it can't be read. */
export async function readBytes(path: string): Promise<Uint8Array> {
  await using file = await InputFile.open(path)
  return await file.readAll()
}

/**
 * Reads the tensors that an ONNX model has in files beside its own. Throws FormatError for a name that leads elsewhere, and as
 * `readBytes`.
 */
export function externalDataBeside(model: string): ReadExternalData {
  const { dirname, join } = nodeModule('node:path')
  return async (name, offset, length) => {
    const parts = name.split(/[\\/]/)
    const isBeside = !/^([\\/]|[A-Za-z]:)/.test(name) && !parts.includes('..') && parts.at(-1) !== ''
    if (!isBeside)
      throw new FormatError(
        `it has values in the file '${shortened(name, 200)}'; only files in the model's own folder are read`,
      )
    await using file = await InputFile.open(join(dirname(model), ...parts))
    return await file.readRange(offset, length)
  }
}

/** A network's parameters by name, in any of the names that `weightsOf` takes. Throws as `readSafetensors` and `weightsOf`. */
export async function readParameters(path: string, network: Network): Promise<Record<string, Float32Array>> {
  const { tensors } = await readSafetensors(path)
  return weightsOf(network, tensors, path)
}

/**
 * Writes a safetensors file; a reader sees the old file or the whole new one, where the system allows that. Throws
 * UsageError if it can't be written, before anything is encoded.
 */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  const file = await OutputFile.open(path)
  await file.write(encodeSafetensors(tensors, metadata))
}
