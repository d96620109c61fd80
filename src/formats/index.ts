// In a browser, import safetensors.ts or onnx.ts itself: files.ts needs Node.
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
