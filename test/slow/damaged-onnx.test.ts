// Thousands of damaged ONNX files: each is imported, or refused by an error of convmark's own, without taking memory or time for
// what a wrong number asks for.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeMessage, encodeMessage } from '../../src/formats/onnx/messages.ts'
import { damagedBytes, damagedData } from '../support/damage.ts'
import { importOrRefuse, models } from '../support/damaged-onnx.ts'

/** Valid protobuf with wrong content; numbers that no file can have are left out. */
const damagedMessages = (bytes: Uint8Array) =>
  damagedData(decodeMessage('ModelProto', bytes))
    .map((message) => {
      try {
        return encodeMessage('ModelProto', message)
      } catch {
        return null
      }
    })
    .filter((file) => file !== null)

const NUM_RUNS = 1700
/** What all files together may add to the process at its peak, most of which is garbage that was not collected yet. */
const MOST_RESIDENT_BYTES = 1e9

describe.each(Object.entries(models))('a model %s', (_, { bytes, options }) => {
  it.each([
    ['bytes', damagedBytes(bytes)],
    ['messages', damagedMessages(bytes)],
  ] as const)('with damaged %s is imported or refused', async (_, damaged) => {
    const before = process.resourceUsage().maxRSS
    const counts = { imported: 0, format: 0, network: 0 }
    await fc.assert(
      fc.asyncProperty(damaged, async (file) => {
        counts[await importOrRefuse(file, options)]++
      }),
      { numRuns: NUM_RUNS },
    )
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(NUM_RUNS / 200)
    expect((process.resourceUsage().maxRSS - before) * 1024).toBeLessThan(MOST_RESIDENT_BYTES)
    console.log(counts)
  })
})

describe('external data', () => {
  const { bytes, options } = models['with external data']!
  const [[name, data]] = Object.entries(
    (options as { externalData: Record<string, Uint8Array> }).externalData,
  ) as [[string, Uint8Array]]

  it('of any length are read or refused', async () => {
    const counts = { imported: 0, format: 0, network: 0 }
    for (let length = 0; length <= data.length; length++)
      counts[await importOrRefuse(bytes, { externalData: { [name]: data.subarray(0, length) } })]++
    expect(counts).toEqual({ imported: 1, format: data.length, network: 0 })
  })
})
