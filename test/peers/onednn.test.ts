import { NO_DROPOUT, peerConformance } from './suite.ts'

peerConformance('onednn', [
  { networks: ['dense', 'dense alone', 'classes'], reason: 'dense layers are not handled here' },
  { networks: ['branches'], reason: 'onednn.cpp has no branches' },
  NO_DROPOUT,
])
