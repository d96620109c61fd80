import { peerConformance } from './suite.ts'

peerConformance('onnxruntime-web', [
  {
    passes: ['forward-backward', 'train'],
    reason: 'ONNX Runtime has no training in JavaScript (onnxruntime#22103)',
  },
])
