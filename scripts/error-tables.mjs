// The error tables of docs/performance.md, as Markdown: node scripts/error-tables.mjs x64:avx512
// Every convolution of AlexNet, each pass, direct and by Winograd, against float64 from the engine's own inputs to that
// step, as `convmark bench` checks it: at least 2,000 values a step. Inputs and weights are normal.
import { errorOf, isWindowed, outputsBeside, putOutliers, takeOutliers } from '../dist/bench/outlier.js'
import { compareStep } from '../dist/bench/truth.js'
import { openEngine } from '../dist/engine.js'
import { alexnet, initialize, initializeImages, openSession } from '../dist/index.js'
import { gridOf } from '../dist/plan/views.js'

const [spec = 'auto', batch = '4'] = process.argv.slice(2)
const BEFORE_ALL = -1
const ALONE = { index: 0, count: 1 }
/** Of images: with 1, the benchmark's own, LRN changes almost nothing. */
const IMAGES_SD = 15

const engine = await openEngine(spec, { experimentalV8Flags: true })
const network = alexnet()
const rows = new Map()
for (const algorithm of ['direct', 'winograd']) {
  const session = await openSession(network, {
    batch: Number(batch),
    pass: 'forward-backward',
    engine,
    algorithm,
    keep: 'all',
  })
  session.write({
    ...initialize(network, { seed: 7 }),
    ...initializeImages(network, Number(batch), { seed: 7, sd: IMAGES_SD }),
  })
  const { plan, inspection } = session.prepared
  const floats = new Float32Array(inspection.memory)
  const look = (view) => gridOf(view, floats, inspection.bufferOffsets.get(view.buffer))
  /** As the check measures it; null for weights, since every output affects them. */
  const besideOutlier = async (step, index) => {
    if (!isWindowed(step)) return null
    const outliers = putOutliers(step, look, ALONE)
    await inspection.runStep(index)
    const error = errorOf([outputsBeside(step, look, outliers)])
    takeOutliers(step, look, outliers)
    await inspection.runStep(index)
    return error
  }
  await inspection.runStep(BEFORE_ALL)
  for (const [index, step] of plan.steps.entries()) {
    await inspection.runStep(index)
    if (!step.kind.startsWith('conv-')) continue
    const [comparison] = compareStep(step, plan, look, ALONE)
    const { differenceSquares, truthSquares, largestDifference, values } = comparison
    const key = `${step.kind} ${step.layer}`
    const row = rows.get(key) ?? { kind: step.kind, layer: step.layer }
    const prepared = session.steps[index]
    if (prepared.algorithm !== algorithm) throw new Error(`${key}: ${prepared.note}`)
    row[algorithm] = {
      tile: prepared.tile.split(' ').slice(0, 2).join(' '),
      norm: Math.sqrt(differenceSquares / truthSquares),
      worst: largestDifference / Math.sqrt(truthSquares / values),
      besideOutlier: await besideOutlier(step, index),
    }
    rows.set(key, row)
  }
  await session.dispose()
}
const { name, target } = engine.info
await engine.dispose()

const line = (cells) => `| ${cells.join(' | ')} |`
const exponent = (value) => value?.toExponential(1) ?? ''
console.log(`${name}, ${target}, batch ${batch}\n`)
console.log(
  line([
    'step',
    'layer',
    'direct, 2-norm',
    'worst',
    'beside an outlier',
    'Winograd, 2-norm',
    'worst',
    'beside an outlier',
    'tiles',
  ]),
)
console.log(line(['---', '---', '--:', '--:', '--:', '--:', '--:', '--:', '---']))
for (const { kind, layer, direct, winograd } of rows.values()) {
  const errors = [direct, winograd].flatMap(({ norm, worst, besideOutlier }) =>
    [norm, worst, besideOutlier].map(exponent),
  )
  console.log(line([kind, layer, ...errors, winograd.tile]))
}
