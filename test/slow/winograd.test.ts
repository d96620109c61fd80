import { winogradConformance } from '../conformance/winograd-suite.ts'

winogradConformance(60, true)
