import { kernelConformance } from './kernels-suite.ts'

// test/slow/kernels.test.ts tries more shapes
kernelConformance(0.25)
