import { peerConformance } from './suite.ts'

peerConformance('tfjs-cpu', [])
