import { peerConformance } from './suite.ts'

peerConformance('tfjs-wasm', [
  { pass: 'forward-backward', reason: 'tfjs-wasm has no filter gradient (tfjs#8474)' },
])
