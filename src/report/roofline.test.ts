import { describe, expect, it } from 'vitest'
import { exampleBackward, exampleRun } from '../../test/support/run.ts'
import { PLAIN } from './palette.ts'
import { roofline, rooflineLines } from './roofline.ts'

/** The two limits meet at 10 FLOP/byte. */
const LIMITS = { peakGflopsPerSecond: 200, bandwidthGigabytesPerSecond: 20 }

describe('roofline', () => {
  it('of much arithmetic on few bytes is the peak', () => {
    // 1 GFLOP takes 5 ms at the peak, 20 MB take 1 ms.
    expect(roofline({ flops: 1e9, bytes: 20e6, ms: 10 }, LIMITS)).toEqual({
      flopsPerByte: 50,
      attainableGflopsPerSecond: 200,
      attainableFraction: 0.5,
      isMemoryBound: false,
    })
  })

  it('of little arithmetic on many bytes is what memory can feed', () => {
    // 0.1 GFLOP takes 0.5 ms at the peak, 200 MB take 10 ms: 10 GFLOP/s.
    expect(roofline({ flops: 1e8, bytes: 200e6, ms: 12.5 }, LIMITS)).toEqual({
      flopsPerByte: 0.5,
      attainableGflopsPerSecond: 10,
      attainableFraction: 0.8,
      isMemoryBound: true,
    })
  })

  it('without arithmetic is the bandwidth alone', () => {
    expect(roofline({ flops: 0, bytes: 20e6, ms: 4 }, LIMITS)).toEqual({
      flopsPerByte: 0,
      attainableGflopsPerSecond: 0,
      attainableFraction: 0.25,
      isMemoryBound: true,
    })
  })
})

describe('rooflineLines', () => {
  const bandwidthGigabytesPerSecond = 20
  const withBytes = (run = exampleRun()) => {
    const layers = run.layers.map((layer, i) => ({ ...layer, bytes: 100e6, backwardBytes: 200e6 * i }))
    return { ...run, layers, peakGflopsPerSecond: 200, bandwidthGigabytesPerSecond }
  }

  it('have a row a layer, and say what is memory-bound', () => {
    // conv1: 27 GFLOP / 0.1 GB; 135 ms at the peak, measured 300. pool1: 5 ms by memory, measured 98.
    expect(rooflineLines(withBytes(), PLAIN)).toEqual([
      'roofline: 200.0 GFLOP/s at the most, 20.0 GB/s from memory; memory-bound below 10.0 FLOP/byte',
      'layer  forward FLOP/byte  attainable GFLOP/s  of attainable',
      'conv1              270.0               200.0          45.0%',
      'pool1                  -                   -           5.1%',
      'memory-bound: forward pool1',
    ])
  })

  it('have backward beside forward, and no row for what was not done', () => {
    const [, heading, conv1, loss, last] = rooflineLines(withBytes(exampleBackward), PLAIN)
    expect(heading).toMatch(
      /^layer +forward FLOP\/byte .* backward FLOP\/byte +attainable GFLOP\/s +of attainable$/,
    )
    expect(conv1).toMatch(/^conv1 +270\.0 +200\.0 +45\.0% +- +- +-$/)
    expect(loss).toMatch(/^loss +- +- +500\.0% +- +- +500\.0%$/)
    expect(last).toBe('memory-bound: forward loss; backward loss')
  })

  it('show Winograd past what direct code can attain as a multiple, and say where nothing is memory-bound', () => {
    const run = withBytes()
    const layers = [{ ...run.layers[0]!, algorithm: 'winograd', forwardMs: 50 }]
    const lines = rooflineLines({ ...run, layers }, PLAIN)
    expect(lines[2]).toMatch(/ 2\.70 x$/)
    expect(lines.at(-1)).toBe('memory-bound: forward none')
  })

  it('are none where the limits or the bytes are not known', () => {
    expect(rooflineLines(exampleRun(), PLAIN)).toEqual([])
    expect(rooflineLines({ ...withBytes(), bandwidthGigabytesPerSecond: null }, PLAIN)).toEqual([])
    expect(rooflineLines({ ...withBytes(), peakGflopsPerSecond: null }, PLAIN)).toEqual([])
    expect(rooflineLines(exampleRun({ bandwidthGigabytesPerSecond }), PLAIN)).toEqual([])
  })
})
