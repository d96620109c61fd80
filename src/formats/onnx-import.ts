import { arrayOfText, isRecord, must, optional, type Rules, requireOptions } from '../check-options.ts'
import { ConvmarkError, FormatError, NetworkError } from '../errors.ts'
import { isPositiveInteger } from '../tensor.ts'
import { constantsOf, type ImageSize, Import, type OnnxImport } from './onnx/import/import.ts'
import { type ExternalData, type ReadExternalData, readModel } from './onnx/import/model.ts'
import { UnsupportedModelError } from './onnx/import/notes.ts'
import { withPatterns } from './onnx/import/patterns.ts'
import { Refusal } from './onnx/import/sizes.ts'
import { isPyTorch, pyTorchText } from './pytorch-file.ts'

export type { ImageSize, OnnxImport } from './onnx/import/import.ts'
export type { ReadExternalData } from './onnx/import/model.ts'
export {
  type OnnxNotes,
  type OnnxRefusal,
  type OnnxTensorNote,
  OpenSizeError,
  type OperatorCounts,
  UnsupportedModelError,
} from './onnx/import/notes.ts'

/** What `importOnnx` may be told about a file. */
export interface OnnxImportOptions {
  /** Height and width of the images, or one number for both: for a file that leaves them open, or instead of the file's. */
  readonly imageSize?: ImageSize
  /** The tensors of the file at which the network ends; by default the file's outputs. */
  readonly outputs?: readonly string[]
  /** The bytes of the files in which the model has tensors, by the names that it has for them, or a function that reads them. */
  readonly externalData?: ExternalData | ReadExternalData
}

const optionRules: Rules<OnnxImportOptions> = {
  imageSize: optional(
    must(
      (value: unknown) =>
        isPositiveInteger(value) ||
        (Array.isArray(value) && value.length === 2 && value.every(isPositiveInteger)),
      'a positive integer or a pair of them, height and width',
    ),
  ),
  outputs: optional(arrayOfText),
  externalData: optional(
    must(
      (value: unknown) =>
        typeof value === 'function' ||
        (isRecord(value) && Object.values(value).every((bytes) => bytes instanceof Uint8Array)),
      'an object of Uint8Arrays by name or a function that reads them',
    ),
  ),
}

/**
 * The network in the bytes of an ONNX model (opsets 1 to 21), its parameters and what was found. The network takes any
 * batch, also if the file froze one; its tensors are NHWC, with the file's names. Constants, and what depends only on
 * shapes, are computed once. Throws FormatError if the bytes are no model or a damaged one, and NetworkError if there
 * is no network for it: if the image's size is open and not given, or an UnsupportedModelError that lists every node
 * without a layer. Messages do not name the file. Source: https://onnx.ai/onnx/operators.
 */
export async function importOnnx(bytes: Uint8Array, options: OnnxImportOptions = {}): Promise<OnnxImport> {
  requireOptions('importOnnx', options, optionRules)
  if (isPyTorch(bytes)) throw new FormatError(pyTorchText('model.pth'))
  const model = await readModel(bytes, options.externalData ?? {}, options.outputs)
  const known = constantsOf(model)
  const graph = asNetworkError(() => withPatterns(model, known))
  const attempt = (channels: 'first' | 'last') =>
    asNetworkError(() => new Import(graph, known, options.imageSize, channels, model.nodes).result())
  try {
    return attempt('first')
  } catch (first) {
    if (!(first instanceof UnsupportedModelError)) throw first
    try {
      return attempt('last')
    } catch (error) {
      if (error instanceof ConvmarkError) throw first
      throw error
    }
  }
}

/** What is not in the file's form but in what it describes is an error of the network. */
function asNetworkError<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    const isOwn = error instanceof ConvmarkError || error instanceof Refusal
    if (!isOwn || error instanceof FormatError || error instanceof NetworkError) throw error
    throw new NetworkError(error.message, { cause: error })
  }
}
