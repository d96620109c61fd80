// Reports as a browser lays them out: on a desk, a tablet and phones nothing meets, is struck through or is cut unseen.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ComparisonResult, LayerTime, Result, Run } from '../../src/bench/result.ts'
import { summarize } from '../../src/bench/statistics.ts'
import { parseTrainingLog } from '../../src/records/read-training-log.ts'
import { renderCurves } from '../../src/report/html/curves.ts'
import { renderEvaluation } from '../../src/report/html/evaluation.ts'
import { reportHtml } from '../../src/report/html/report.ts'
import { noise } from '../support/noise.ts'
import { exampleResult, exampleRun } from '../support/run.ts'
import { exampleEvaluation, exampleRecords, logText } from '../support/training.ts'
import { openBrowser } from './support/visit.ts'

let browser: Browser
beforeAll(async () => {
  browser = await openBrowser()
})
afterAll(async () => {
  await browser?.close()
})

const { uniform } = noise(7)
const LONG = 'a/very/long/name/that/goes/on/and/on/as/exporters/of/models/make/them/fused_convolution_1'

function runOf(samplesMs: readonly number[], changes: Partial<Run> = {}): Run {
  let at = 0
  const startsMs = samplesMs.map((ms) => {
    at += ms
    return at - ms
  })
  const summary = summarize(samplesMs.slice(0, 200))
  return exampleRun({ samplesMs: [...samplesMs], startsMs, batches: samplesMs.length, summary, ...changes })
}
const samples = (count: number): number[] => Array.from({ length: count }, () => 8 + uniform())

/** Near the roof of 110 GFLOP/s and 20 GB/s, so that points lie on it. */
const layersOf = (count: number, nameOf: (i: number) => string = (i) => `conv${i + 1}`): LayerTime[] =>
  Array.from({ length: count }, (_, i) => ({
    ...exampleRun().layers[0]!,
    name: nameOf(i),
    tile: i % 2 === 0 ? 'forward F(4x4, 5x5) 9x48, bands of 2; weights F(4x4, 5x5) 4x64' : '',
    forwardMs: 100 + 20 * i,
    backwardMs: 200 + 70 * i,
    flops: 110e6 * (100 + 20 * i),
    backwardFlops: 100e6 * (200 + 70 * i),
    bytes: (110e6 * (100 + 20 * i)) / (2 + 3 * i),
    backwardBytes: (100e6 * (200 + 70 * i)) / (1 + 2 * i),
  }))
const limits = { pass: 'forward-backward', bandwidthGigabytesPerSecond: 20 } as const

const specs = ['x64', 'wasm', 'wasm:revectorized', 'onnxruntime-node', 'tfjs-wasm', 'pytorch']
const comparisons = specs.slice(1).map(
  (baseline, i): ComparisonResult => ({
    pass: 'forward',
    engine: 'x64',
    baseline,
    ratio: 1 + i,
    interval: [0.9 + i / 2, 1.1 + 4 * i],
    pValue: 0.002,
    detectable: 2.2,
    verdict: 'faster',
    text: `x64 is ${1 + i}x faster than ${baseline}`,
  }),
)
const turns = specs.map((name) =>
  runOf(samples(30), { engine: { ...exampleRun().engine, name }, rounds: Array<number>(15).fill(2) }),
)

const report = (changes: Partial<Result>): string =>
  reportHtml([{ name: 'result.json', result: exampleResult(changes) }], { command: 'convmark report' })
const log = parseTrainingLog(logText(exampleRecords()), 'run.jsonl')
const classes = [LONG, '卷积神经网络的一个很长的类名', 'owl']

const PAGES: Readonly<Record<string, () => string>> = {
  'one layer, three samples': () => report({ runs: [runOf(samples(3), { ...limits, layers: layersOf(1) })] }),
  'two layers, one sample': () => report({ runs: [runOf([8], { ...limits, layers: layersOf(2) })] }),
  'three layers, an outlier': () =>
    report({ runs: [runOf([...samples(60), 150], { ...limits, layers: layersOf(3) })] }),
  'twelve layers, ten thousand samples': () =>
    report({ runs: [runOf([...samples(10_000), 1000, 1], { ...limits, layers: layersOf(12) })] }),
  'long names': () =>
    report({
      runs: [runOf(samples(20), { ...limits, network: LONG, layers: layersOf(4, (i) => `${LONG}${i}`) })],
    }),
  'six engines': () => report({ runs: turns, comparisons }),
  'tiny and huge times': () =>
    report({ runs: [runOf([1e-7, 2e-7, 3e-7]), runOf([1e14, 2e14, 1e15]), runOf([0, 0])] }),
  'training runs': () =>
    renderCurves(
      ['run.jsonl', `${LONG}.jsonl`].map((name) => ({ name, log })),
      { command: 'convmark report' },
    ),
  'an evaluation': () => {
    const perClass = exampleEvaluation().perClass.map((each, i) => ({ ...each, name: classes[i]! }))
    return renderEvaluation([{ name: 'a.json', evaluation: exampleEvaluation({ perClass }) }], {
      command: 'x',
    })
  },
}

/** Texts of one picture that meet, and texts that a line of the roof goes through; what is wider than the page. */
const faultsOf = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const faults: string[] = []
    const root = document.documentElement
    if (root.scrollWidth > root.clientWidth)
      faults.push(`wider than the page by ${root.scrollWidth - root.clientWidth}`)
    for (const picture of document.querySelectorAll('svg[role=img], .axis svg')) {
      const texts = [...picture.querySelectorAll('text')].flatMap((text) => {
        const { left, right, top, bottom } = text.getBoundingClientRect()
        return right > left ? [{ says: text.textContent, left, right, top: top + 2, bottom: bottom - 2 }] : []
      })
      texts.forEach((a, i) => {
        for (const b of texts.slice(i + 1)) {
          if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
            faults.push(`'${a.says}' and '${b.says}' meet`)
        }
        if (a.left < 0 || a.right > root.clientWidth) faults.push(`'${a.says}' is cut by the page's edge`)
      })
      const { left, top, width } = picture.getBoundingClientRect()
      for (const line of picture.querySelectorAll<SVGLineElement>('figure > .plot > svg > line.limit')) {
        const at = (name: string) => Number.parseFloat(line.getAttribute(name)!)
        for (let part = 0; part <= 1; part += 0.002) {
          const x = left + ((at('x1') + part * (at('x2') - at('x1'))) / 100) * width
          const y = top + at('y1') + part * (at('y2') - at('y1'))
          for (const text of texts) {
            if (x > text.left && x < text.right && y > text.top && y < text.bottom)
              faults.push(`'${text.says}' is struck through`)
          }
        }
      }
    }
    return [...new Set(faults)]
  })

const WIDTHS = [1280, 800, 500, 390, 360]

it.each(Object.entries(PAGES))('%s', async (_, make) => {
  const page = await browser.newPage()
  await page.setContent(make())
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 })
    expect(await faultsOf(page), `at ${width} px`).toEqual([])
  }
  await page.close()
})

it('the longest bar of the layers has most of the room, on a desk and on a phone', async () => {
  const page = await browser.newPage()
  await page.setContent(PAGES['three layers, an outlier']!())
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 })
    const share = await page.evaluate(() => {
      const strips = [...document.querySelectorAll('.strips li:not(.axis)')]
      const longest = Math.max(
        ...strips.flatMap((li) =>
          [...li.querySelectorAll('.bar')].map((bar) => bar.getBoundingClientRect().width),
        ),
      )
      return longest / strips[0]!.querySelector('.plot')!.getBoundingClientRect().width
    })
    expect(share, `at ${width} px`).toBeGreaterThan(0.5)
  }
  await page.close()
})

it('a table that goes on beyond its edge has a shadow there, which ends at its end', async () => {
  const page = await browser.newPage({ viewport: { width: 500, height: 900 }, colorScheme: 'light' })
  await page.setContent(PAGES['six engines']!())
  const region = page.getByRole('region', { name: 'All runs' })
  // The report's own policy lets no picture in.
  const reader = await browser.newPage()
  expect(await region.evaluate((element) => element.scrollWidth > element.clientWidth)).toBe(true)
  /** Of a line of pixels at the right edge, in a row without text: the darkest. */
  const shade = async (): Promise<number> => {
    await region.scrollIntoViewIfNeeded()
    const box = (await region.boundingBox())!
    const clip = { x: box.x + box.width - 12, y: box.y + 3, width: 10, height: 2 }
    const png = (await page.screenshot({ clip })).toString('base64')
    return reader.evaluate(async (data) => {
      const image = new Image()
      image.src = `data:image/png;base64,${data}`
      await image.decode()
      const canvas = new OffscreenCanvas(image.width, image.height)
      const context = canvas.getContext('2d')!
      context.drawImage(image, 0, 0)
      return Math.min(...context.getImageData(0, 0, image.width, image.height).data)
    }, png)
  }
  expect(await shade()).toBeLessThan(240)
  await region.evaluate((element) => element.scrollTo({ left: element.scrollWidth }))
  expect(await shade()).toBeGreaterThan(250)
  await Promise.all([page.close(), reader.close()])
})
