import { peerConformance } from './suite.ts'

peerConformance('tfjs-wasm', [
  { passes: ['forward-backward', 'train'], reason: 'tfjs-wasm has no filter gradient (tfjs#8474)' },
])
