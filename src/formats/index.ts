// Everything except the files works in a browser, where bytes come from elsewhere.
export { readSafetensors, writeSafetensors } from './files.ts'
export { withInputShapes } from './onnx/with-input-shapes.ts'
export { type OnnxOptions, onnxModel } from './onnx.ts'
export {
  importOnnx,
  type OnnxImport,
  type OnnxImportOptions,
  type OnnxNotes,
  type OnnxRefusal,
  type OnnxTensorNote,
  OpenSizeError,
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
