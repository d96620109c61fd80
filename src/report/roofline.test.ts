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

  it('have a row a layer, say what bounds each, and which are furthest below that', () => {
    // conv1: 27 GFLOP / 0.1 GB; 135 ms at the peak, measured 300. pool1: 5 ms by memory, measured 98.
    expect(rooflineLines(withBytes(), PLAIN)).toEqual([
      'roofline: 200.0 GFLOP/s at the most, 20.0 GB/s from memory; memory-bound below 10.0 FLOP/byte',
      'layer  forward FLOP/byte  bound by  attainable GFLOP/s  of attainable',
      'conv1              270.0  compute                200.0          45.0%',
      'pool1                  -  memory                     -           5.1%',
      'slowest against its bound: forward conv1 45.0% (300.0 ms), forward pool1 5.1% (98.00 ms)',
    ])
  })

  it('have backward beside forward, and no row for what was not done', () => {
    const [, heading, conv1, loss, last] = rooflineLines(withBytes(exampleBackward), PLAIN)
    expect(heading).toMatch(
      /^layer +forward FLOP\/byte .* backward FLOP\/byte +bound by +attainable GFLOP\/s +of attainable$/,
    )
    expect(conv1).toMatch(/^conv1 +270\.0 +compute +200\.0 +45\.0% +- +- +- +-$/)
    expect(loss).toMatch(/^loss +- +memory +- +500\.0% +- +memory +- +500\.0%$/)
    expect(last).toBe('slowest against its bound: forward conv1 45.0% (300.0 ms)')
  })

  it('show Winograd past what direct code can attain as a multiple, and say where no layer is slow', () => {
    const run = withBytes()
    const layers = [{ ...run.layers[0]!, algorithm: 'winograd', forwardMs: 50 }]
    const lines = rooflineLines({ ...run, layers }, PLAIN)
    expect(lines[2]).toMatch(/ 2\.70 x$/)
    expect(lines.at(-1)).toBe('slowest against its bound: none is under half of what is attainable')
  })

  it('name at most eight layers that are slow against their bound, those that lose the most time first', () => {
    const run = withBytes()
    const layers = Array.from({ length: 10 }, (_, i) => ({
      ...run.layers[0]!,
      name: `c${i}`,
      forwardMs: 300 + i,
    }))
    const last = rooflineLines({ ...run, layers }, PLAIN).at(-1)!
    expect(last).toMatch(
      /^slowest against its bound: forward c9 43\.7% \(309\.0 ms\), forward c8 .*forward c2 .* and 2 more$/,
    )
  })

  it('are none where the limits or the bytes are not known', () => {
    expect(rooflineLines(exampleRun(), PLAIN)).toEqual([])
    expect(rooflineLines({ ...withBytes(), bandwidthGigabytesPerSecond: null }, PLAIN)).toEqual([])
    expect(rooflineLines({ ...withBytes(), peakGflopsPerSecond: null }, PLAIN)).toEqual([])
    expect(rooflineLines(exampleRun({ bandwidthGigabytesPerSecond }), PLAIN)).toEqual([])
  })
})
