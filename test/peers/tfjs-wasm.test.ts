import { peerConformance } from './suite.ts'

peerConformance('tfjs-wasm', [
  {
    networks: ['decoder'],
    passes: ['forward'],
    reason: 'dilated: TensorFlow.js has no dilated transposed convolution',
  },
  { passes: ['forward-backward', 'train'], reason: 'tfjs-wasm has no filter gradient (tfjs#8474)' },
  {
    networks: ['grouped'],
    reason: 'b: of convolutions in groups TensorFlow.js has only depthwise ones',
  },
  { networks: ['cropped'], reason: 'b: crop layers are not handled here' },
  { networks: ['moved values'], reason: 'image: unflatten layers are not handled here' },
  { networks: ['resized'], reason: 'twice: resize layers are not handled here' },
  { networks: ['resized each way'], reason: 'b: resize layers are not handled here' },
])
