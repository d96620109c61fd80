import { peerConformance } from './suite.ts'

peerConformance('tfjs-cpu', [
  { networks: ['grouped'], reason: 'b: of convolutions in groups TensorFlow.js has only depthwise ones' },
  { networks: ['decoder'], reason: 'dilated: TensorFlow.js has no dilated transposed convolution' },
  {
    networks: ['dilated'],
    passes: ['forward-backward', 'train'],
    reason: 'a: TensorFlow.js has no gradient of a dilated convolution',
  },
  {
    networks: ['compared'],
    passes: ['forward-backward', 'train'],
    reason: 'f: TensorFlow.js has no gradient of a maximum of tensors of several shapes',
  },
  { networks: ['cropped'], reason: 'b: crop layers are not handled here' },
  { networks: ['moved values'], reason: 'image: unflatten layers are not handled here' },
  { networks: ['resized'], reason: 'twice: resize layers are not handled here' },
  { networks: ['resized each way'], reason: 'b: resize layers are not handled here' },
])
