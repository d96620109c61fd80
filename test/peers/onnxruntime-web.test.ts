import { peerConformance } from './suite.ts'

peerConformance('onnxruntime-web', [
  { pass: 'forward-backward', reason: 'ONNX Runtime has no training in JavaScript (onnxruntime#22103)' },
])
