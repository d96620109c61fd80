import { NO_DROPOUT, peerConformance } from './suite.ts'

peerConformance('onednn-winograd', [
  { passes: ['train'], reason: 'oneDNN has primitives, and none of them is an optimizer' },
  { networks: ['dense', 'dense alone', 'classes'], reason: 'dense layers are not handled here' },
  { networks: ['branches'], reason: 'onednn.cpp has no branches' },
  { networks: ['saturating'], reason: 'a: its sigmoid is not handled here' },
  NO_DROPOUT,
  { networks: ['residual'], reason: 'bn1: batch-norm layers are not handled here' },
  { networks: ['averaged'], reason: 'b: average-pool layers are not handled here' },
  { networks: ['ceilings'], reason: "b: its option 'ceilMode' is not handled here" },
  { networks: ['dilated'], reason: "a: its option 'dilation' is not handled here" },
  { networks: ['concatenated'], reason: 'b: its tanh is not handled here' },
  { networks: ['plain sums'], reason: "a: its option 'biases' is not handled here" },
])
