import { NO_DROPOUT, peerConformance } from './suite.ts'

peerConformance('jax-js', [
  { passes: ['train'], reason: 'jax-js.mjs has no training step' },
  {
    networks: ['classes'],
    passes: ['forward-backward'],
    reason: 'loss: softmax-loss layers are not handled here',
  },
  NO_DROPOUT,
  { networks: ['chain'], reason: 'f: jax-js has no padding for pooling but zeros' },
])
