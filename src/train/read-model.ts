import { readSafetensors } from '../formats/files.ts'
import { type Checkpoint, checkpointOf, type Model, modelOf } from './model-file.ts'

/** Reads a model's file, or a checkpoint's, of any size that fits into memory. Throws UsageError or FormatError, naming it. */
export async function readModel(path: string): Promise<Model> {
  return modelOf(await readSafetensors(path), path)
}

/** Reads a checkpoint's file, as `readModel`. */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  return checkpointOf(await readSafetensors(path), path)
}
