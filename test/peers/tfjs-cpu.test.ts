import { peerConformance } from './suite.ts'

peerConformance('tfjs-cpu', [
  {
    networks: ['dilated'],
    passes: ['forward-backward', 'train'],
    reason: 'a: TensorFlow.js has no gradient of a dilated convolution',
  },
])
