/**
 * Files of other tools: safetensors and ONNX. All but the functions that take a path also run in a browser, where bytes come
 * from elsewhere.
 *
 * @module convmark/formats
 */
export { readSafetensors, writeSafetensors } from './files.ts'
export { withInputShapes } from './onnx/with-input-shapes.ts'
export { type OnnxOptions, onnxModel } from './onnx.ts'
export {
  type ImageSize,
  importOnnx,
  type OnnxImport,
  type OnnxImportOptions,
  type OnnxNotes,
  type OnnxRefusal,
  type OnnxTensorNote,
  OpenSizeError,
  type OperatorCounts,
  type ReadExternalData,
  UnsupportedModelError,
} from './onnx-import.ts'
export {
  type DecodedSafetensors,
  decodeSafetensors,
  encodeSafetensors,
  requireTensors,
  type StoredTensor,
  type Tensor,
} from './safetensors.ts'
export {
  type RecognizedWeights,
  recognizeWeights,
  type WeightNames,
  weightsOf,
  weightTensors,
} from './torch-weights/index.ts'
