import { kernelConformance } from '../conformance/kernels-suite.ts'

kernelConformance(1)
