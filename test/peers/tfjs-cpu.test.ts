import { NO_DROPOUT, peerConformance } from './suite.ts'

peerConformance('tfjs-cpu', [NO_DROPOUT])
