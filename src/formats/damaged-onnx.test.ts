// A few of the damaged files of test/slow/damaged-onnx.test.ts, and small files that ask for much memory.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { damagedBytes } from '../../test/support/damage.ts'
import { greedyModels, importOrRefuse, models } from '../../test/support/damaged-onnx.ts'
import { modelOf, op } from '../../test/support/onnx-graphs.ts'
import { NetworkError } from '../errors.ts'
import { importOnnx } from './onnx-import.ts'

describe.each(Object.entries(models))('a model %s', (_, { bytes, options }) => {
  it('is imported as it is', async () => {
    expect(await importOrRefuse(bytes, options)).toBe('imported')
  })

  it('with damaged bytes is imported or refused', async () => {
    await fc.assert(
      fc.asyncProperty(damagedBytes(bytes), async (file) => {
        await importOrRefuse(file, options)
      }),
      { numRuns: 30 },
    )
  })
})

describe('a small file is refused that asks for', () => {
  it.each(Object.entries(greedyModels))('%s', async (_, bytes) => {
    expect(bytes.length).toBeLessThan(1e6)
    expect(await importOrRefuse(bytes)).not.toBe('imported')
  })
})

it('images of a billion values are refused where they are asked for', async () => {
  const open = modelOf({ inputs: { x: [1, 3, 'h', 'w'] }, outputs: ['y'], nodes: [op('Relu', 'x -> y')] })
  await expect(importOnnx(open, { imageSize: 1e5 })).rejects.toThrow(NetworkError)
})
