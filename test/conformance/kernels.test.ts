import { kernelConformance } from './kernels-suite.ts'

// test/slow/kernels.test.ts tries more shapes, and interprets all kernels too
kernelConformance(0.06)
