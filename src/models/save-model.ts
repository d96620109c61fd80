import { encodeModel, type Model } from '../train/model-file.ts'

/** A model, or an opened one. */
export type Saveable = Model | { readonly model: Model }

const dataOf = (model: Saveable): Model => ('model' in model ? model.model : model)

/**
 * The bytes of a model's file, which `openModel` and every command take: network, parameters, names of classes,
 * preprocessing. Throws UsageError if these don't fit together, and DivergedError for parameters that are not finite.
 */
export function modelBytes(model: Saveable): Uint8Array {
  return encodeModel(dataOf(model))
}

/**
 * Writes a model's file, in Node. A reader sees either the old file or the whole new one. Throws as `modelBytes`, and
 * UsageError or ConvmarkError, with path and reason, if it can't be written.
 */
export async function saveModel(model: Saveable, path: string): Promise<void> {
  const { OutputFile } = await import('../formats/output-file.ts')
  const file = await OutputFile.open(path)
  await file.write(modelBytes(model))
}
