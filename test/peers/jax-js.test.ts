import { NO_DROPOUT, peerConformance } from './suite.ts'

peerConformance('jax-js', [
  NO_DROPOUT,
  { networks: ['chain'], reason: 'f: jax-js has no padding for pooling but zeros' },
])
