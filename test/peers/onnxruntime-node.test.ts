import { peerConformance } from './suite.ts'

peerConformance('onnxruntime-node', [
  {
    passes: ['forward-backward', 'train'],
    reason: 'ONNX Runtime has no training in JavaScript (onnxruntime#22103)',
  },
])
