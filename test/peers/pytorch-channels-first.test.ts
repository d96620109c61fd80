import { peerConformance } from './suite.ts'

peerConformance('pytorch-channels-first', [])
