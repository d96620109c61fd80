import { NO_DROPOUT, peerConformance } from './suite.ts'

peerConformance('jax-js', [
  { passes: ['train'], reason: 'jax-js.mjs has no training step' },
  {
    networks: ['classes'],
    passes: ['forward-backward'],
    reason: 'loss: softmax-loss layers are not handled here',
  },
  NO_DROPOUT,
  { networks: ['residual'], reason: 'bn1: batch-norm layers are not handled here' },
  { networks: ['averaged'], reason: 'b: average-pool layers are not handled here' },
  { networks: ['ceilings'], reason: "b: its option 'ceilMode' is not handled here" },
  { networks: ['dilated'], reason: "a: its option 'dilation' is not handled here" },
  { networks: ['concatenated'], reason: 'joined: concat layers are not handled here' },
  { networks: ['chain'], reason: 'f: jax-js has no padding for pooling but zeros' },
])
