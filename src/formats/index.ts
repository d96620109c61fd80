// All but the files works in a browser: there bytes come from elsewhere.
export { readSafetensors, writeSafetensors } from './files.ts'
export { type OnnxOptions, onnxModel } from './onnx.ts'
export {
  type DecodedSafetensors,
  decodeSafetensors,
  encodeSafetensors,
  requireTensors,
  type StoredTensor,
  type Tensor,
} from './safetensors.ts'
