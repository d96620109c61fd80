import { describe, expect, it } from 'vitest'
import {
  attribute,
  type Element,
  elementsOf,
  expectDescribedFigures,
  expectEvenTables,
  expectSelfContained,
  textOf,
  textOfPage,
  withTag,
} from '../../../test/support/page.ts'
import { exampleBackward, exampleResult, exampleRun } from '../../../test/support/run.ts'
import type { LayerTime, Result, Run } from '../../bench/result.ts'
import { commandsOf } from './commands.ts'
import { type NamedResult, reportHtml } from './report.ts'
import { extentOf } from './scales.ts'

const report = (...results: Result[]): string => {
  const named = results.map((result, i): NamedResult => ({ name: `result-${i + 1}.json`, result }))
  return reportHtml(named, { command: 'convmark report result.json --html page.html' })
}
const textOfReport = (...results: Result[]): string => textOfPage(report(...results))

const withBytes = (layers: readonly LayerTime[]): LayerTime[] =>
  layers.map((layer) => ({ ...layer, bytes: 1e8, backwardBytes: 2e8 }))

/** A run with every optional field. */
const fullRun = exampleRun({
  rounds: [2, 2],
  algorithm: 'auto',
  bandwidthGigabytesPerSecond: 20,
  threadsUsed: 1.9,
  warnings: ['the first sample is slow: raise --burn-in'],
  summary: { ...exampleRun().summary!, meanIntervalMs: [395, 405], medianIntervalMs: [396, 404] },
  layers: withBytes(exampleRun().layers),
})
const fullResult = exampleResult({
  runs: [
    fullRun,
    {
      ...exampleBackward,
      rounds: [4],
      bandwidthGigabytesPerSecond: 20,
      layers: withBytes(exampleBackward.layers),
    },
  ],
  unsupported: [{ engine: 'tfjs-wasm', pass: 'forward-backward', reason: 'it has no filter gradient' }],
  comparisons: [
    {
      pass: 'forward',
      engine: 'x64@2',
      baseline: 'wasm@2',
      ratio: 2.1,
      interval: [2.05, 2.17],
      pValue: 0.00001,
      detectable: 0.02,
      verdict: 'faster',
      text: 'x64@2 is 2.10 times as fast as wasm@2',
    },
  ],
})

describe('the page', () => {
  const elements = elementsOf(report(fullResult, exampleResult()))

  it('may load nothing and run nothing', () => expectSelfContained(elements))

  it('names and describes every chart, and has a table behind it', () => {
    expect(expectDescribedFigures(elements)).toEqual([
      'How many times as fast as the baseline',
      ...Array(2).fill(['Distribution of the samples', 'Samples over time', 'Layers', 'Roofline']).flat(),
      ...['Distribution of the samples', 'Samples over time', 'Layers'],
    ])
  })

  it('has rows as long as their heading, in regions that a keyboard can scroll', () =>
    expectEvenTables(elements))
})

describe('its words', () => {
  it('have the verdicts, what can not be done and warnings', () => {
    const text = textOfReport(fullResult)
    expect(text).toContain('Faster · Forward x64@2 is 2.10 times as fast as wasm@2')
    expect(text).toContain('2.10 x, 95% interval 2.05 to 2.17, p < 0.0001')
    expect(text).toContain('Missing: tfjs-wasm, Forward-backward: not compared: it has no filter gradient')
    expect(text).toContain(
      'Warning: wasm, simd128, 2 threads, Forward: the first sample is slow: raise --burn-in',
    )
    expect(text).toContain('Unchecked: wasm, simd128, 2 threads, Forward-backward')
    expect(text).not.toContain('every run passed its check')
  })

  it('say that all is well only where it is', () => {
    const text = textOfReport(exampleResult())
    expect(text).toContain('every run passed its check, no warnings')
    const check = { against: 'float64', maxRelativeError: 0.3, tensor: 'conv2', passed: false }
    const failed = textOfReport(exampleResult({ runs: [exampleRun({ check })] }))
    expect(failed).toContain(
      'Check failed: wasm, simd128, 2 threads, Forward: largest relative error 3.0e-1 (conv2)',
    )
    expect(failed).not.toContain('every run passed')
  })

  it('say what is past the direct limit', () => {
    const layers = exampleRun().layers.map((layer) => ({ ...layer, algorithm: 'winograd' }))
    const text = textOfReport(exampleResult({ runs: [exampleRun({ layers, peakFraction: 2.4567 })] }))
    expect(text).toContain('2.46 x')
    expect(text).toContain('Winograd, 2.46 of the direct limit')
    const direct = textOfReport(exampleResult({ runs: [exampleRun({ peakFraction: 1.012 })] }))
    expect(direct).toContain('101.2%')
    expect(direct).not.toContain('of the direct limit')
  })

  it('say which layers memory holds back', () => {
    // The corner is at 110 / 20 = 5.5 FLOP a byte.
    const [conv, pool] = withBytes(exampleRun().layers) as [LayerTime, LayerTime]
    const low = { ...conv, name: 'thin', bytes: conv.flops }
    const text = textOfReport(
      exampleResult({ runs: [exampleRun({ ...fullRun, layers: [conv, low, pool] })] }),
    )
    expect(text).toContain('Up to 5.50 FLOP a byte memory is the limit (20.0 GB/s)')
    expect(text).toContain('Bound by memory: thin forward; by arithmetic: all others with FLOPs.')
    expect(text).toContain('by memory alone: pool1 forward.')
    expect(textOfReport(exampleResult())).toContain(
      'Roofline: not drawn; the result does not have the bandwidth',
    )
  })
})

describe('what is missing or odd', () => {
  const still = exampleRun({ samplesMs: [400, 400, 400, 400] })
  const zero = { meanMs: 0, sdMs: 0, medianMs: 0, minMs: 0, maxMs: 0, p95Ms: 0 }
  const many = Array.from({ length: 20_000 }, (_, i) => (i === 12_345 ? 900 : 400 + (i % 7)))
  const starts = many.map((_, i) => 410 * i)
  it.each<[string, Partial<Result>]>([
    ['no run', { runs: [] }],
    ['one sample', { runs: [exampleRun({ samplesMs: [400], startsMs: [0], batches: 1 })] }],
    ['equal samples', { runs: [still] }],
    ['samples of no time', { runs: [exampleRun({ samplesMs: [0, 0], startsMs: [0, 0], summary: zero })] }],
    ['many samples', { runs: [exampleRun({ samplesMs: many, startsMs: starts })] }],
    ['no layers', { runs: [exampleRun({ layers: [] })] }],
    [
      'layers that are not seen',
      { runs: [exampleRun({ layers: exampleRun().layers.map((layer) => ({ ...layer, forwardMs: null })) })] },
    ],
    [
      'layers of no time',
      {
        runs: [
          exampleRun({ ...fullRun, layers: fullRun.layers.map((layer) => ({ ...layer, forwardMs: 0 })) }),
        ],
      },
    ],
    ['no peak', { runs: [exampleRun({ peakFraction: null, peakGflopsPerSecond: null })] }],
    ['no sample', { runs: [exampleRun({ samplesMs: [], startsMs: [], summary: null, interrupted: true })] }],
  ])('is a page of numbers: %s', (_, changes) => {
    const page = report(exampleResult(changes))
    expect(elementsOf(page).length).toBeGreaterThan(50)
    expect(page).not.toMatch(/NaN|Infinity|undefined|\[object/)
    expect(page.length).toBeLessThan(1_000_000)
  })

  it('draws the outlier of many samples beyond the axis, which shows the others', () => {
    const page = report(exampleResult({ runs: [exampleRun({ samplesMs: many, startsMs: starts })] }))
    const elements = elementsOf(page)
    const dots = withTag(elements, 'circle')
    expect(dots.length).toBeLessThanOrEqual(1500)
    // 400 .. 406 cover the whole height below the lane.
    const [low, high] = extentOf(dots.map((dot) => Number(attribute(dot, 'cy'))))
    expect(high - low).toBeGreaterThan(100)
    const far = withTag(elements, 'path').filter((path) => attribute(path, 'class') === 'far')
    expect(far.map(textOf)).toEqual(['900.0 ms, beyond the axis', ''])
    const text = textOfPage(page)
    expect(text.match(/1 sample is beyond the axis: 900\.0 ms\./g)).toHaveLength(4)
    expect(text).toContain('900.0, beyond the axis1')
  })
})

it('a text of the file is text in the page, wherever it stands', () => {
  const hostile = `</title></style><script>alert(1)</script>"'><img src=x onerror=alert(1)>&lt;b&gt;`
  let texts = 0
  const poison = (value: unknown, key = ''): unknown => {
    // Fields that are not free text: the parser accepts only these values.
    const isFixed = ['pass', 'verdict'].includes(key) || (key === 'algorithm' && value === 'auto')
    if (typeof value === 'string' && !isFixed) return `${++texts}${hostile}`
    if (Array.isArray(value)) return value.map((each) => poison(each))
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, poison(each, name)]))
  }
  const result = poison({
    ...fullResult,
    environment: {
      ...fullResult.environment,
      gitCommit: 'x',
      caches: ['x'],
      governor: 'x',
      nodeFlags: ['x'],
      packages: { x: 'x' },
      warnings: ['x'],
    },
    runs: fullResult.runs.map(
      (run): Run => ({
        ...run,
        engine: { ...run.engine, v8Flags: ['x'] },
        check: { against: 'x', maxRelativeError: 1, tensor: 'x', passed: false },
        layers: run.layers.map((layer) => ({ ...layer, notes: ['x'] })),
      }),
    ),
  }) as Result
  const page = reportHtml([{ name: hostile, result }], { command: hostile })
  const elements = elementsOf(page)
  expect(texts).toBeGreaterThan(50)
  for (const tag of ['script', 'img']) expect(withTag(elements, tag)).toEqual([])
  expect(elements.flatMap(({ attrs }) => attrs).filter(({ name }) => name.startsWith('on'))).toEqual([])
  const shape = ({ tagName }: Element): string => tagName
  const harmless = reportHtml(
    [
      {
        name: 'x',
        result: JSON.parse(JSON.stringify(result).replaceAll(JSON.stringify(hostile).slice(1, -1), 'x')),
      },
    ],
    { command: 'x' },
  )
  const labels = (all: Element[]): string[] => all.filter((each) => each.tagName !== 'text').map(shape)
  expect(labels(elements)).toEqual(labels(elementsOf(harmless)))
  expect(textOf(withTag(elements, 'code')[0]!)).toBe(hostile)
})

describe('the commands that measure again', () => {
  it('are one for the passes of an engine', () => {
    expect(commandsOf(exampleResult({ runs: [exampleRun(), exampleBackward] }))).toEqual([
      'convmark bench alexnet --engine wasm@2 --pass both --batches 4 --batch 32 --burn-in 10 --image-size 224 --seed 7 --algorithm auto',
    ])
  })

  it('are one for engines that took turns', () => {
    const engine = { name: 'x64', target: 'avx2', threads: 1, reason: '', v8Flags: [] }
    // Stopped early, but the command has the rounds that were asked for, since fewer than six are refused
    const turns = { batches: 14, rounds: [2, 2], interrupted: true }
    const runs = [exampleRun(turns), exampleRun({ engine, ...turns })]
    expect(commandsOf(exampleResult({ runs, comparisons: [] }))).toEqual([
      'convmark compare wasm@2 x64:avx2@1 --network alexnet --rounds 7 --pass forward --batches 2 --batch 32 --burn-in 10 --image-size 224 --seed 7 --algorithm auto',
    ])
  })

  it('are one for an engine that was compared with itself, and none for one that is alone', () => {
    const turns = exampleRun({ batches: 6, rounds: [1, 1, 1, 1] })
    expect(commandsOf(exampleResult({ runs: [turns, turns], comparisons: [] }))).toEqual([
      expect.stringMatching(/^convmark compare wasm@2 wasm@2 --network alexnet --rounds 6 /),
    ])
    expect(commandsOf(exampleResult({ runs: [turns], comparisons: [] }))).toEqual([])
  })

  it('have the rounds of a benchmark', () => {
    const runs = [exampleRun({ batches: 8, rounds: [2, 2] }), { ...exampleBackward, batches: 8, rounds: [2] }]
    expect(commandsOf(exampleResult({ runs }))).toEqual([
      expect.stringMatching(
        /^convmark bench alexnet --engine wasm@2 --rounds 4 --pass both --batches 2 --batch 32 /,
      ),
    ])
  })

  it('are safe to paste', () => {
    const runs = [exampleRun({ network: "x'; rm -rf ~ #" })]
    expect(commandsOf(exampleResult({ runs }))[0]).toContain("bench 'x'\\''; rm -rf ~ #' --engine")
  })
})
