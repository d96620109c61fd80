import { NO_DROPOUT, peerConformance } from './suite.ts'

peerConformance('onednn-winograd', [
  { passes: ['train'], reason: 'oneDNN has primitives, and none of them is an optimizer' },
  { networks: ['dense', 'dense alone', 'classes'], reason: 'dense layers are not handled here' },
  { networks: ['branches'], reason: 'onednn.cpp has no branches' },
  { networks: ['saturating'], reason: 'a: its sigmoid is not handled here' },
  NO_DROPOUT,
])
