import { NO_DROPOUT, peerConformance } from './suite.ts'

peerConformance('pytorch', [NO_DROPOUT])
