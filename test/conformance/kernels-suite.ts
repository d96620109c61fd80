import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { wasmFeatures } from '../../src/codegen/wasm/features.ts'
import {
  ACTIVATIONS,
  add,
  averagePool,
  batchNorm,
  concat,
  conv,
  dense,
  dropout,
  type Layer,
  l2Loss,
  lrn,
  maxPool,
  relu,
  sigmoid,
  slice,
  softmax,
  softmaxLoss,
  tanh,
} from '../../src/layers/index.ts'
import { defineNetwork, type Network } from '../../src/networks/network.ts'
import { adam, sgd } from '../../src/optimizers/index.ts'
import { BEFORE_ALL, createPlan } from '../../src/plan/plan.ts'
import { checkSteps } from '../support/check-steps.ts'
import { type InlineTarget, interpretTarget, openInline, wasmTarget } from '../support/inline.ts'
import { runnable, x64Target } from '../support/x64.ts'

const targets: { target: InlineTarget; runs: number }[] = [
  { target: wasmTarget(false), runs: 60 },
  ...(wasmFeatures().relaxedMadd ? [{ target: wasmTarget(true), runs: 60 }] : []),
  ...runnable.map((name) => ({ target: x64Target(name), runs: 60 })),
  { target: interpretTarget(4), runs: 25 },
  { target: interpretTarget(8), runs: 25 },
  { target: interpretTarget(16), runs: 25 },
]

const size = fc.integer({ min: 1, max: 13 })
const channels = fc.integer({ min: 1, max: 21 })
const extent = (max: number) => fc.tuple(fc.integer({ min: 1, max }), fc.integer({ min: 1, max }))

/** Padding that leaves every pooling window something to read. */
const paddingFor = ([height, width]: readonly [number, number]) =>
  fc.oneof(
    fc.constantFrom('same' as const, 'valid' as const),
    fc.record({
      top: fc.integer({ min: 0, max: height - 1 }),
      bottom: fc.integer({ min: 0, max: height - 1 }),
      left: fc.integer({ min: 0, max: width - 1 }),
      right: fc.integer({ min: 0, max: width - 1 }),
    }),
  )

const activation = fc.constantFrom(undefined, ...ACTIVATIONS)
const activated = activation.map((chosen) => (chosen ? { activation: chosen } : {}))

const window = extent(5).chain((kernel) =>
  fc.record({ kernel: fc.constant(kernel), stride: extent(6), padding: paddingFor(kernel) }),
)

const pool = fc
  .tuple(window, fc.boolean(), fc.integer({ min: 0, max: 9 }))
  .map(([w, ceilMode, which]) => (which === 0 ? { kernel: 'global' as const } : { ...w, ceilMode }))

/** Each kind of layer, of any size, channel counts that no vector divides among them. */
const layers: Record<string, fc.Arbitrary<Layer>> = {
  conv: fc
    .record({ filters: channels, window, options: activated, biases: fc.boolean(), dilation: extent(3) })
    .map(({ filters, window: w, options, ...others }) =>
      conv('tested', { filters, ...w, ...options, ...others }),
    ),
  dense: fc
    .record({ units: fc.integer({ min: 1, max: 70 }), options: activated, biases: fc.boolean() })
    .map(({ options, ...others }) => dense('tested', { ...options, ...others })),
  'batch-norm': fc
    .record({ epsilon: fc.constantFrom(1e-3, 0.1), momentum: fc.constantFrom(0, 0.1, 1), options: activated })
    .map(({ options, ...others }) => batchNorm('tested', { ...options, ...others })),
  add: fc
    .record({
      inputs: fc.array(fc.constantFrom('before', 'other'), { minLength: 2, maxLength: 4 }),
      options: activated,
    })
    .map(({ inputs, options }) => add('tested', { inputs, ...options })),
  concat: fc
    .array(fc.constantFrom('before', 'other', 'stem'), { minLength: 1, maxLength: 4 })
    .map((inputs) => concat('tested', { inputs })),
  slice: fc
    .tuple(fc.nat(8), fc.integer({ min: 1, max: 8 }))
    .map(([begin, count]) => slice('tested', { begin, end: begin + count })),
  softmax: fc.constant(softmax('tested')),
  'average-pool': fc
    .tuple(pool, fc.boolean())
    .map(([w, countPadding]) => averagePool('tested', { ...w, countPadding })),
  dropout: fc
    .record({ rate: fc.constantFrom(0, 0.3, 0.5, 0.9), seed: fc.nat() })
    .map((options) => dropout('tested', options)),
  relu: fc.constant(relu('tested')),
  sigmoid: fc.constant(sigmoid('tested')),
  tanh: fc.constant(tanh('tested')),
  lrn: fc
    .record({
      radius: fc.integer({ min: 0, max: 7 }),
      bias: fc.constantFrom(1, 2, 0.5),
      alpha: fc.constantFrom(0.001 / 9, 0.1, 0),
      beta: fc.constantFrom(0.75, 0.5, 0.25, 1, 0.6, 1.3),
    })
    .map((options) => lrn('tested', options)),
  'max-pool': pool.map((w) => maxPool('tested', w)),
}

function networkOf(
  height: number,
  width: number,
  inner: number,
  outer: number,
  tested: Layer,
  readsToo: boolean,
): Network | null {
  try {
    return defineNetwork('test', {
      inputs: { images: [height, width, outer] },
      layers: [
        conv('stem', { filters: 3, kernel: 1 }),
        conv('other', { filters: inner, kernel: 1, inputs: ['images'] }),
        conv('before', { filters: inner, kernel: 1, inputs: ['stem'] }),
        tested,
        l2Loss('loss'),
        // Others read what it reads: their gradients are added up, in this order and in the other.
        l2Loss('otherLoss', { inputs: ['other'] }),
        l2Loss('lastLoss', { inputs: ['before'] }),
        ...(readsToo ? [relu('beside', { inputs: ['before'] }), l2Loss('besideLoss')] : []),
      ],
    })
  } catch {
    return null // the window does not fit: another example
  }
}

/** Every kernel on every target against float64. `share` of the shapes are tried. */
export function kernelConformance(share: number): void {
  describe.each(targets.map((each) => ({ ...each, runs: Math.ceil(share * each.runs) })))(
    'kernels on $target.name',
    ({ target, runs }) => {
      it.each(Object.keys(layers))(
        '%s: every step agrees with float64, over any shape and every tile',
        (kind) => {
          const example = fc.record({
            height: size,
            width: size,
            inner: channels,
            outer: channels,
            tested: layers[kind]!,
            readsToo: fc.boolean(),
          })
          const property = fc.property(
            example,
            fc.integer({ min: 1, max: 3 }),
            fc.nat(),
            ({ height, width, inner, outer, tested, readsToo }, batch, choice) => {
              const network = networkOf(height, width, inner, outer, tested, readsToo)
              fc.pre(network !== null)
              // Batch norm needs more than one value a channel.
              fc.pre(kind !== 'batch-norm' || batch * height * width > 1)
              checkSteps(target, network, batch, choice)
            },
          )
          fc.assert(property, { numRuns: runs })
        },
      )

      it('softmax-loss: every step agrees with float64, over any number of classes', () => {
        const property = fc.property(
          fc.integer({ min: 1, max: 70 }),
          fc.integer({ min: 1, max: 5 }),
          fc.constantFrom(0.1, 1, 30),
          fc.nat(),
          (classes, batch, spread, choice) => {
            const network = defineNetwork('classes', {
              inputs: { images: [1, 2, 3], labels: [] },
              layers: [
                dense('logits', { units: classes }),
                softmaxLoss('loss', { inputs: ['logits', 'labels'] }),
              ],
            })
            checkSteps(target, network, batch, choice, { weightSd: spread })
          },
        )
        fc.assert(property, { numRuns: runs })
      })

      it('softmax-loss: logits of any size, and a NaN that stays in its image', () => {
        const network = defineNetwork('classes', {
          inputs: { images: [1, 1, 5], labels: [] },
          layers: [dense('logits', { units: 5 }), softmaxLoss('loss', { inputs: ['logits', 'labels'] })],
        })
        const plan = createPlan(network, { batch: 2, pass: 'forward-backward', lanes: target.lanes })
        const run = openInline(target, plan)
        const values = (name: string, written: ArrayLike<number>) => run.write(name, written)
        const lossAndGradient = (logits: readonly number[]) => {
          values('images', logits)
          for (const step of [BEFORE_ALL, 0, 1, 2]) run.runStep(step)
          const [loss, gradient] = [plan.steps[1]!.writes, plan.steps[2]!.writes].map((views) =>
            run.look(Object.values(views)[0]!),
          )
          const images = [0, 1].map((n) => {
            const from = gradient!.offset + n * gradient!.imagePitch
            return Array.from(gradient!.values.subarray(from, from + 5))
          })
          return { loss: loss!.values[loss!.offset]!, images }
        }
        const identity = Array.from({ length: 25 }, (_, i) => (i % 6 === 0 ? 1 : 0))
        values('logits/weights', identity)
        values('logits/biases', [0, 0, 0, 0, 0])
        values('labels', [1, 2])
        const large = lossAndGradient([1e30, 1e30, -1e30, 0, 0, 0, 0, 3e38, 0, 0])
        expect(large.loss).toBeCloseTo(Math.LN2 / 2, 6)
        expect(large.images[0]!.map((value) => Math.round(1e6 * value))).toEqual([250000, -250000, 0, 0, 0])
        const broken = lossAndGradient([1, 2, 3, 4, 5, 0, 0, 0, 0, 0].with(4, Number.NaN))
        expect(broken.loss).toBeNaN()
        expect(broken.images[0]!.every(Number.isNaN)).toBe(true)
        expect(broken.images[1]![2]).toBeCloseTo(-0.4, 6)
      })

      it('trains: every update agrees with float64, whatever the optimizer, the decay, clipping and micro-batches', () => {
        const network = defineNetwork('trained', {
          inputs: { images: [5, 4, 3], labels: [] },
          layers: [
            conv('a', { filters: 9, kernel: 3, padding: 'same', activation: 'relu' }),
            dropout('drop', { rate: 0.4 }),
            dense('logits', { units: 13 }),
            softmaxLoss('loss', { inputs: ['logits', 'labels'] }),
          ],
        })
        const training = fc.record(
          {
            optimizer: fc.oneof(
              fc.record({ momentum: fc.constantFrom(0, 0.5, 0.9) }).map(sgd),
              fc
                .record({ beta1: fc.constantFrom(0, 0.9), beta2: fc.constantFrom(0.5, 0.999) })
                .map((betas) => adam({ ...betas, epsilon: 1e-3 })),
            ),
            decays: fc.constant({ 'a/weights': 0.3, 'logits/biases': 0.1 }),
            clipNorm: fc.constantFrom(0.01, 1e6),
            microBatches: fc.integer({ min: 1, max: 3 }),
          },
          { requiredKeys: ['optimizer'] },
        )
        const property = fc.property(training, fc.nat(), (chosen, seed) => {
          checkSteps(target, network, 2, seed, { training: chosen })
        })
        fc.assert(property, { numRuns: Math.ceil(runs / 4) })
      })

      it('batch-norm: every step of a training agrees with float64, running statistics followed or frozen', () => {
        const example = fc.record({
          height: size,
          width: size,
          inner: channels,
          outer: channels,
          tested: layers['batch-norm']!,
          readsToo: fc.boolean(),
        })
        const freeze = fc.constantFrom([], ['tested'], ['tested', 'before'], ['stem', 'other', 'before'])
        const property = fc.property(
          example,
          freeze,
          fc.integer({ min: 1, max: 3 }),
          fc.nat(),
          ({ height, width, inner, outer, tested, readsToo }, frozen, batch, choice) => {
            fc.pre(batch * height * width > 1)
            const network = networkOf(height, width, inner, outer, tested, readsToo)!
            const training = { optimizer: sgd(), freeze: frozen }
            checkSteps(target, network, batch, choice, { training })
          },
        )
        fc.assert(property, { numRuns: Math.ceil(runs / 4) })
      })

      it('sigmoid and tanh: each value to 1e-6 of itself, of any size, and NaN stays NaN', () => {
        const around = Array.from({ length: 8000 }, (_, i) => (i - 4000) / 40) // from -100 to 100
        const sizes = Array.from({ length: 1600 }, (_, i) => 2 ** (i / 10 - 130))
        const edges = [0.625, 0.6249999, 87.33654, 88.72284, 103.9, 104, 3e38, Infinity]
        const values = [...around, ...[...sizes, ...edges].flatMap((value) => [value, -value])].map(
          Math.fround,
        )
        const network = defineNetwork('saturating', {
          inputs: { images: [1, 1, values.length + 1] },
          layers: [sigmoid('sigmoid'), tanh('tanh', { inputs: ['images'] })],
        })
        const plan = createPlan(network, { batch: 1, pass: 'forward', lanes: target.lanes })
        const run = openInline(target, plan)
        run.write('images', [...values, Number.NaN])
        for (const step of [BEFORE_ALL, 0, 1]) run.runStep(step)
        const made = (step: number) => {
          const { values: slab, offset } = run.look(Object.values(plan.steps[step]!.writes)[0]!)
          return slab.subarray(offset, offset + values.length + 1)
        }
        const truths = [(x: number) => 1 / (1 + Math.exp(-x)), Math.tanh]
        truths.forEach((truth, step) => {
          const errors = values.map(
            (value, i) => Math.abs(made(step)[i]! - truth(value)) - 1e-6 * Math.abs(truth(value)),
          )
          // Where float32 ends it has steps of 2^-149, or 0 where denormals are flushed
          const smallest = target.name.startsWith('x64') ? 2 ** -126 : 2 ** -149
          expect(Math.max(...errors), plan.steps[step]!.kind).toBeLessThanOrEqual(smallest)
          expect(made(step)[values.length]).toBeNaN()
        })
      })

      it('adds up the gradients of branches', () => {
        const network = defineNetwork('branches', {
          inputs: { images: [7, 6, 3] },
          layers: [
            conv('stem', { filters: 5, kernel: 3, padding: 'same', activation: 'relu' }),
            conv('left', { filters: 6, kernel: 3, padding: 'same', inputs: ['stem'] }),
            l2Loss('leftLoss'),
            maxPool('right', { kernel: 2, stride: 2, inputs: ['stem'] }),
            l2Loss('rightLoss'),
            relu('middle', { inputs: ['stem'] }),
            l2Loss('middleLoss'),
          ],
        })
        checkSteps(target, network, 2, 0)
      })
    },
  )
}
