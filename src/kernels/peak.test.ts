import { expect, it } from 'vitest'
import { bandwidthValues } from './peak.ts'

const MIB = 2 ** 20

it.each([
  [1, 64],
  [8, 64],
  [9, 32],
  [64, 8],
  [96, 4],
])('%i threads read %i MiB each', (threads, mib) => {
  expect(4 * bandwidthValues(threads)).toBe(mib * MIB)
})
