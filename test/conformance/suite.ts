import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine, EngineOptions } from '../../src/engines/engine.ts'
import {
  abs,
  add,
  averagePool,
  batchNorm,
  channelPool,
  channelShuffle,
  clip,
  concat,
  conv,
  convTranspose,
  crop,
  dense,
  depthToSpace,
  divide,
  dropout,
  elu,
  erf,
  exp,
  flatten,
  gelu,
  globalAveragePool,
  globalMaxPool,
  groupNorm,
  hardSigmoid,
  hardSwish,
  instanceNorm,
  isTrainedRole,
  l2Loss,
  layerNorm,
  leakyRelu,
  lrn,
  maximum,
  maxPool,
  minimum,
  mish,
  multiply,
  pad,
  power,
  prelu,
  relu,
  resize,
  scale,
  sigmoid,
  silu,
  slice,
  softmax,
  softmaxLoss,
  softplus,
  spaceToDepth,
  subtract,
  tanh,
  unflatten,
} from '../../src/layers/index.ts'
import { initializeImages } from '../../src/networks/initialize.ts'
import { defineNetwork, type Network, parametersOf } from '../../src/networks/network.ts'
import { sgd } from '../../src/optimizers/index.ts'
import { NORM_TENSOR, RATES_TENSOR, type Training, TURN_TENSOR } from '../../src/plan/training.ts'
import { normal, uniform } from '../../src/random.ts'
import type { Tuning } from '../../src/runtime/tuning.ts'
import type { Session, SessionOptions } from '../../src/session.ts'
import { elementCount } from '../../src/tensor.ts'
import { built } from '../support/built.ts'
import { relativeError } from '../support/finite-differences.ts'
import { runPlainly } from '../support/plain-network.ts'
import { EXTREMES, firstDifference, NETWORKS_OF_EXTREMES, plant, SMALLEST_NORMAL } from './extremes.ts'
import { REPORTS } from './reports.ts'

const { openSession } = await built<typeof import('../../src/session.ts')>('session.js')

/** The name of a case, which `skip` uses. */
type CaseName =
  | 'forward'
  | 'gradients'
  | 'same bits'
  | 'any threads'
  | 'images apart'
  | 'keep'
  | 'rewriting'
  | 'training'
  | 'abort'
  | 'extremes'
  | 'reports'
  | 'one run at a time'

export interface Conformance {
  readonly name: string
  open(options: EngineOptions): Promise<Engine>
  /** Why the engine is missing on this machine; nothing is run then. */
  readonly missing?: string
  /** What the engine can't do, each with the reason. */
  readonly skip?: readonly { readonly reason: string; readonly tests: readonly CaseName[] }[]
  /** For outputs against float64; for gradients ten times as much. */
  readonly tolerance?: number
  /** Sizes of the batch that every network is run with; 1 and 3 by default. */
  readonly batches?: readonly number[]
  /** One in so many of the networks of extremes is run; all by default. */
  readonly oneExtremeIn?: number
}

/** Small networks in odd sizes, with one channel, a stride over the kernel, branches. */
export const NETWORKS: readonly Network[] = [
  defineNetwork('chain', {
    inputs: { images: [23, 19, 3] },
    layers: [
      conv('a', { filters: 10, kernel: 5, stride: 2, padding: 'same', activation: 'relu' }),
      lrn('b', { alpha: 0.01 }),
      maxPool('c', { kernel: 3, stride: 2 }),
      conv('d', { filters: 7, kernel: 3, padding: 1 }),
      relu('e'),
      maxPool('f', { kernel: 2, padding: 'same' }),
      l2Loss('loss'),
    ],
  }),
  defineNetwork('one channel', {
    inputs: { images: [8, 8, 1] },
    layers: [
      conv('a', { filters: 1, kernel: 1 }),
      conv('b', { filters: 4, kernel: 2, stride: 3, activation: 'relu' }),
      l2Loss('loss'),
    ],
  }),
  defineNetwork('dense', {
    inputs: { images: [7, 6, 3] },
    layers: [
      conv('a', { filters: 5, kernel: 3, padding: 'same' }),
      // A second reader with a halo, so that the dense layer's input is not contiguous.
      conv('side', { filters: 2, kernel: 3, padding: 'same' }),
      l2Loss('sideLoss'),
      dense('b', { units: 13, activation: 'relu', inputs: ['a'] }),
      dense('c', { units: 9 }),
      l2Loss('loss'),
    ],
  }),
  defineNetwork('dense alone', {
    inputs: { images: [3, 5, 2] },
    layers: [dense('a', { units: 33, activation: 'relu' }), dense('b', { units: 1 }), l2Loss('loss')],
  }),
  defineNetwork('classes', {
    inputs: { images: [6, 6, 2], labels: [] },
    layers: [
      conv('a', { filters: 6, kernel: 3, activation: 'relu' }),
      dropout('drop'),
      dense('b', { units: 7 }),
      softmaxLoss('loss', { inputs: ['b', 'labels'] }),
    ],
  }),
  defineNetwork('dropped', {
    inputs: { images: [7, 8, 2] },
    layers: [
      dropout('a', { rate: 0.2 }),
      conv('b', { filters: 5, kernel: 3, padding: 'same' }),
      dropout('c', { rate: 0.3, seed: 2 }),
      dropout('d', { rate: 0.3, seed: 2 }),
      conv('e', { filters: 3, kernel: 3, padding: 'same', activation: 'relu' }),
      dropout('f'),
      l2Loss('loss'),
    ],
  }),
  defineNetwork('saturating', {
    inputs: { images: [9, 7, 3] },
    layers: [
      conv('a', { filters: 5, kernel: 3, padding: 'same', activation: 'sigmoid' }),
      conv('b', { filters: 6, kernel: 3, padding: 'same' }),
      tanh('c'),
      conv('d', { filters: 7, kernel: 3, padding: 'same', activation: 'tanh' }),
      dense('e', { units: 6, activation: 'sigmoid' }),
      dense('f', { units: 5, activation: 'tanh' }),
      sigmoid('g'),
      l2Loss('loss'),
    ],
  }),
  defineNetwork('activations', {
    inputs: { images: [9, 7, 3] },
    layers: [
      conv('a', { filters: 5, kernel: 3, padding: 'same', activation: 'silu' }),
      batchNorm('b', { activation: 'hard-swish' }),
      conv('c', { filters: 5, kernel: 2, padding: 'same', activation: { kind: 'leaky-relu', slope: 0.2 } }),
      add('d', { inputs: ['b', 'c'], activation: 'mish' }),
      gelu('e', { inputs: ['c'] }),
      add('f', { inputs: ['d', 'e'], activation: 'relu6' }),
      batchNorm('g', { activation: { kind: 'elu', alpha: 0.5 } }),
      hardSwish('h'),
      leakyRelu('i', { slope: 0.3 }),
      elu('j'),
      mish('k'),
      erf('k1'),
      exp('k3'),
      power('k4', { exponent: -0.5 }),
      abs('k5'),
      power('k6', { exponent: 3 }),
      prelu('k2'),
      clip('l', { min: -0.2, max: 1 }),
      silu('m'),
      softplus('n'),
      dense('o', { units: 7, activation: { kind: 'gelu', approximate: 'tanh' } }),
      hardSigmoid('p'),
      dense('q', { units: 5, biases: false, activation: 'gelu' }),
      l2Loss('loss'),
    ],
  }),
  defineNetwork('branches', {
    inputs: { images: [9, 10, 4] },
    layers: [
      conv('stem', { filters: 8, kernel: 3, activation: 'relu' }),
      conv('left', { filters: 5, kernel: 3, padding: 'same', inputs: ['stem'] }),
      l2Loss('leftLoss'),
      lrn('right', { beta: 0.6, alpha: 0.1, inputs: ['stem'] }),
      l2Loss('rightLoss'),
    ],
  }),
  defineNetwork('moved values', {
    inputs: { images: [5, 7, 3] },
    layers: [
      conv('stem', { filters: 12, kernel: 1 }),
      pad('bordered', { padding: [1, 2, 3, 0], value: 0.5 }),
      channelShuffle('shuffled', { groups: 3 }),
      depthToSpace('wide', { blockSize: 2 }),
      conv('grown', { filters: 5, kernel: 3, padding: 'same', activation: 'tanh' }),
      pad('mirrored', { padding: [1, 2, 4, 2], mode: 'reflect' }),
      pad('extended', { padding: [0, 5, 1, 1], mode: 'edge' }),
      spaceToDepth('deep', { blockSize: 4, mode: 'CRD' }),
      channelShuffle('mixed', { groups: 16 }),
      flatten('vector'),
      channelShuffle('mixedVector', { groups: 10 }),
      dense('fc', { units: 3 }),
      l2Loss('loss'),
      unflatten('image', { height: 2, width: 5, inputs: ['mixedVector'] }),
      crop('part', { left: 4, height: 2, width: 3, step: [1, -2] }),
      l2Loss('partLoss'),
      spaceToDepth('blocks', { blockSize: 2, inputs: ['wide'] }),
      depthToSpace('apart', { blockSize: 2, mode: 'CRD' }),
      l2Loss('apartLoss'),
    ],
  }),
  defineNetwork('normalized images', {
    inputs: { images: [7, 5, 3] },
    layers: [
      layerNorm('first', { epsilon: 0.1 }),
      conv('stem', { filters: 12, kernel: 3, padding: 'same', activation: 'tanh' }),
      layerNorm('pixels', { epsilon: 0.01 }),
      conv('grown', { filters: 6, kernel: 3, padding: 'same', biases: false }),
      instanceNorm('channels', { epsilon: 0.01 }),
      conv('more', { filters: 10, kernel: 3, padding: 'same', activation: 'tanh' }),
      groupNorm('groups', { groups: 2, epsilon: 0.01 }),
      dense('fc', { units: 9 }),
      layerNorm('vector', { epsilon: 0.01 }),
      l2Loss('loss'),
      relu('beside', { inputs: ['pixels'] }),
      l2Loss('besideLoss'),
    ],
  }),
  defineNetwork('decoder', {
    inputs: { images: [9, 7, 3] },
    layers: [
      conv('half', { filters: 6, kernel: 3, stride: 2, padding: 'same', activation: 'relu' }),
      conv('quarter', { filters: 9, kernel: 3, stride: 2, padding: 'same', activation: 'relu' }),
      convTranspose('up', {
        filters: 6,
        kernel: 3,
        stride: 2,
        padding: 1,
        outputPadding: [0, 1],
        activation: 'relu',
      }),
      add('sum', { inputs: ['up', 'half'] }),
      convTranspose('whole', { filters: 5, kernel: [4, 5], stride: 2, padding: 'same', biases: false }),
      convTranspose('dilated', {
        filters: 3,
        kernel: 2,
        dilation: [3, 2],
        padding: [1, 2],
        activation: 'tanh',
      }),
      l2Loss('loss'),
      // Reads the images, and has output pixels that are only biases
      convTranspose('gaps', { filters: 2, kernel: 1, stride: [2, 3], outputPadding: 1, inputs: ['images'] }),
      l2Loss('gapsLoss'),
    ],
  }),
  defineNetwork('resized', {
    inputs: { images: [7, 5, 3] },
    layers: [
      conv('stem', { filters: 5, kernel: 1 }),
      resize('twice', { scale: 2, mode: 'linear' }),
      conv('grown', { filters: 9, kernel: 3, padding: 'same', activation: 'tanh' }),
      resize('nearest', { size: [9, 17], coordinates: 'asymmetric', rounding: 'floor', inputs: ['grown'] }),
      resize('wide', { scale: [1, 1.5], mode: 'linear', coordinates: 'align_corners' }),
      resize('high', { size: [23, 25], mode: 'linear', coordinates: 'asymmetric' }),
      l2Loss('loss'),
      resize('small', { scale: 0.3, inputs: ['grown'] }),
      l2Loss('smallLoss'),
    ],
  }),
]

/** The layers of deep networks: sums, concatenations, normalization and all poolings, in odd sizes. */
export const DEEP_NETWORKS: readonly Network[] = [
  defineNetwork('residual', {
    inputs: { images: [9, 7, 3], labels: [] },
    layers: [
      conv('stem', { filters: 6, kernel: 3, padding: [1, 0], biases: false }),
      batchNorm('stemNorm', { activation: 'relu' }),
      maxPool('pool', { kernel: 3, stride: 2, padding: 1, ceilMode: true }),
      conv('a1', { filters: 6, kernel: 3, padding: 1, biases: false }),
      batchNorm('b1', { activation: 'relu', epsilon: 1e-3, momentum: 0.3 }),
      conv('a2', { filters: 6, kernel: 3, padding: 1, biases: false }),
      batchNorm('b2'),
      add('sum', { inputs: ['b2', 'pool'], activation: 'relu' }),
      conv('a3', { filters: 9, kernel: 3, stride: 2, padding: 1, biases: false }),
      batchNorm('b3', { activation: 'tanh' }),
      conv('a4', { filters: 9, kernel: 3, padding: 1, biases: false }),
      conv('project', { filters: 9, kernel: 1, stride: 2, biases: false, inputs: ['sum'] }),
      batchNorm('projected'),
      // One of them twice, and none that is followed by an activation
      add('sum2', { inputs: ['a4', 'projected', 'a4'] }),
      maxPool('peaks', { kernel: 2, padding: 'same' }),
      globalAveragePool('mean'),
      dense('logits', { units: 5 }),
      softmax('probabilities'),
      softmaxLoss('loss', { inputs: ['logits', 'labels'], labelSmoothing: 0.1 }),
      l2Loss('probabilitiesLoss', { inputs: ['probabilities'] }),
    ],
  }),
  defineNetwork('in groups', {
    inputs: { images: [11, 10, 3] },
    layers: [
      conv('wide', { filters: 14, kernel: 1, biases: false }),
      batchNorm('b1', { activation: 'relu6' }),
      conv('depthwise', { filters: 14, kernel: 3, groups: 14, padding: 1, biases: false }),
      batchNorm('b2', { activation: 'relu6' }),
      conv('narrow', { filters: 6, kernel: 1, biases: false }),
      conv('multiplied', {
        filters: 12,
        kernel: [3, 5],
        groups: 6,
        stride: 2,
        padding: [1, 2],
        activation: 'relu',
      }),
      conv('threes', { filters: 20, kernel: 3, groups: 4, padding: 'same', activation: 'silu' }),
      conv('halves', { filters: 34, kernel: 2, dilation: 2, groups: 2, padding: 1 }),
      l2Loss('loss'),
    ],
  }),
  defineNetwork('dense block', {
    inputs: { images: [9, 11, 3] },
    layers: [
      conv('stem', { filters: 5, kernel: 3, dilation: [2, 1], padding: [2, 2, 1, 1], biases: false }),
      batchNorm('b1', { activation: 'relu' }),
      conv('grown1', { filters: 3, kernel: 3, padding: 'same', biases: false }),
      concat('c1', { inputs: ['stem', 'grown1'] }),
      batchNorm('b2', { activation: 'sigmoid' }),
      conv('grown2', { filters: 3, kernel: 3, dilation: 2, padding: 'same', biases: false }),
      concat('c2', { inputs: ['stem', 'grown1', 'grown2', 'stem'] }),
      averagePool('half', { kernel: 2, stride: 2, ceilMode: true }),
      slice('left', { begin: 0, end: 7, inputs: ['half'] }),
      slice('right', { begin: 6, end: 16, inputs: ['half'] }),
      averagePool('counted', { kernel: 3, padding: 1, countPadding: true, inputs: ['left'] }),
      maxPool('dilated', { kernel: [2, 3], dilation: [3, 2], padding: [2, 1], inputs: ['left'] }),
      l2Loss('dilatedLoss'),
      globalMaxPool('maxima', { inputs: ['right'] }),
      softmax('shares', { inputs: ['counted'] }),
      dense('fc', { units: 4, biases: false, inputs: ['shares'] }),
      l2Loss('fcLoss'),
      l2Loss('loss', { inputs: ['maxima'] }),
    ],
  }),
  defineNetwork('sizes side by side', {
    inputs: { images: [9, 11, 3] },
    layers: [
      conv('stem', { filters: 6, kernel: 3, padding: 1, biases: false }),
      batchNorm('norm'),
      scale('positions', { per: 'value' }),
      relu('features'),
      conv('half', { filters: 6, kernel: 3, stride: 2, padding: 1, activation: 'relu' }),
      scale('mask', { per: 'pixel', shift: false }),
      concat('high', { axis: 'rows', inputs: ['mask', 'half', 'mask'] }),
      conv('seen', { filters: 5, kernel: 3, padding: 1 }),
      l2Loss('seenLoss'),
      concat('wide', { axis: 'columns', inputs: ['half', 'mask'] }),
      scale('fixed', { per: 'pixel', trained: false }),
      l2Loss('wideLoss'),
      concat('all', { axis: 'pixels', inputs: ['features', 'mask', 'fixed', 'features'] }),
      scale('anchors', { per: 'value', trained: false }),
      conv('predictions', { filters: 4, kernel: 1 }),
      l2Loss('loss'),
    ],
  }),
  defineNetwork('attention of pixels', {
    inputs: { images: [7, 10, 3] },
    layers: [
      conv('stem', { filters: 19, kernel: 3, padding: 1, biases: false }),
      batchNorm('norm', { activation: 'silu' }),
      channelPool('mean', { mode: 'mean' }),
      channelPool('most', { mode: 'max', inputs: ['norm'] }),
      concat('pools', { inputs: ['mean', 'most'] }),
      conv('mask', { filters: 1, kernel: 3, padding: 1, activation: 'sigmoid' }),
      multiply('attended', { inputs: ['norm', 'mask'] }),
      channelPool('size', { mode: 'l2' }),
      divide('directions', { inputs: ['attended', 'size'] }),
      l2Loss('loss'),
      dense('vector', { units: 6, inputs: ['attended'] }),
      channelPool('sum', { mode: 'sum' }),
      subtract('less', { inputs: ['vector', 'sum'] }),
      l2Loss('lessLoss'),
      lrn('even', { radius: 2, even: true, alpha: 0.1, inputs: ['norm'] }),
      l2Loss('evenLoss'),
      flatten('pixels', { order: 'HWC', inputs: ['attended'] }),
      unflatten('apart', { height: 10, width: 7, order: 'HWC' }),
      l2Loss('apartLoss'),
    ],
  }),
  defineNetwork('squeeze and excite', {
    inputs: { images: [9, 11, 3] },
    layers: [
      conv('stem', { filters: 6, kernel: 3, padding: 1, biases: false }),
      batchNorm('norm', { activation: 'silu' }),
      globalAveragePool('squeeze'),
      conv('reduced', { filters: 3, kernel: 1, activation: 'silu' }),
      conv('gate', { filters: 6, kernel: 1, activation: 'sigmoid' }),
      multiply('excited', { inputs: ['norm', 'gate'] }),
      scale('scaled', { initial: 1e-6, shift: false }),
      dense('vector', { units: 6, activation: 'hard-sigmoid', inputs: ['squeeze'] }),
      dense('number', { units: 1, inputs: ['squeeze'] }),
      add('sum', { inputs: ['vector', 'norm', 'scaled', 'number', 'gate'], activation: 'hard-swish' }),
      scale('shifted'),
      scale('fixed', { trained: false }),
      multiply('product', { inputs: ['number', 'fixed', 'sum', 'vector'], activation: 'mish' }),
      multiply('vectors', { inputs: ['vector', 'gate', 'number'] }),
      l2Loss('vectorsLoss'),
      subtract('difference', { inputs: ['gate', 'norm'], activation: 'tanh' }),
      maximum('upper', { inputs: ['difference', 'scaled', 'vector'] }),
      minimum('lower', { inputs: ['number', 'upper', 'norm'], activation: 'silu' }),
      conv('attention', { filters: 1, kernel: 3, padding: 1, activation: 'sigmoid', inputs: ['norm'] }),
      multiply('attended', { inputs: ['attention', 'lower', 'gate'] }),
      divide('quotient', { inputs: ['attended', 'gate'] }),
      l2Loss('quotientLoss'),
      l2Loss('loss', { inputs: ['product'] }),
    ],
  }),
]

const ALL_NETWORKS = [...NETWORKS, ...DEEP_NETWORKS]

const halved = (tensors: Readonly<Record<string, Float32Array>>): Record<string, Float32Array> =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, values]) => [name, values.map((value) => value / 2)]),
  )

export function dataFor(network: Network, batch: number) {
  const make = (name: string, length: number, sd: number) => {
    const values = new Float32Array(length)
    normal(values, { seed: 11, tensor: name, sd })
    return values
  }
  const parameters = Object.entries(parametersOf(network)).map(([name, { shape, role, initial }]) => {
    const values = make(name, elementCount(shape), 1 / Math.sqrt(elementCount(shape.slice(0, -1)) || 1))
    // A variance is positive.
    if (role === 'statistic' && initial === 1) {
      uniform(values, { seed: 11, tensor: name })
      for (let i = 0; i < values.length; i++) values[i]! += 0.5
    }
    return [name, values]
  })
  return {
    inputs: initializeImages(network, batch, { seed: 11, sd: 1 }),
    parameters: Object.fromEntries(parameters) as Record<string, Float32Array>,
  }
}

/** The suite that every engine goes through, convmark's own and any adapter. */
export function engineConformance(conformance: Conformance): void {
  const { name, missing, skip = [], tolerance = 2e-6, batches = [1, 3], oneExtremeIn = 1 } = conformance
  const conforms = (kind: CaseName, what: string, run: () => Promise<void>): void => {
    const reason = skip.find(({ tests }) => tests.includes(kind))?.reason
    if (reason) it.skip(`${what} (skipped: ${reason})`, run)
    else it(what, run)
  }

  if (missing !== undefined) {
    it.skip(`engine ${name} (skipped: ${missing})`, () => {})
    return
  }

  describe(`engine ${name}`, () => {
    let engine: Engine
    /** Tiles are measured once and then reused: most of a small session's time is tuning. */
    let tuning: Tuning | undefined
    const open = async (network: Network, options: Omit<SessionOptions, 'engine'>): Promise<Session> => {
      const session = await openSession(network, { ...options, engine, tuning, tuningCache: false })
      if (session.tuning) {
        tuning = { ...session.tuning, choices: { ...tuning?.choices, ...session.tuning.choices } }
      }
      return session
    }
    beforeAll(async () => {
      engine = await conformance.open({})
    })
    afterAll(() => engine.dispose())

    const using = async (
      network: Network,
      batch: number,
      use: (session: Session) => Promise<void>,
      pass: SessionOptions['pass'] = 'forward-backward',
    ) => {
      const session = await open(network, { batch, pass, keep: 'all' })
      try {
        await use(session)
      } finally {
        await session.dispose()
      }
    }

    for (const network of ALL_NETWORKS) {
      for (const batch of batches) {
        const { inputs, parameters } = dataFor(network, batch)
        const activations = network.layers.filter(({ isLoss }) => !isLoss).map(({ layer }) => layer.name)

        conforms('forward', `${network.name}, batch ${batch}: every activation agrees with float64`, () =>
          using(
            network,
            batch,
            async (session) => {
              session.write(parameters)
              await session.run(inputs)
              const truth = runPlainly(network, batch, inputs, parameters, 'forward')
              for (const tensor of activations) {
                expect(relativeError(session.read(tensor), truth[tensor]!), tensor).toBeLessThan(tolerance)
              }
            },
            'forward',
          ),
        )

        if (batch === batches.at(-1))
          conforms(
            'forward',
            `${network.name}: so do outputs with nothing kept between, image by image`,
            async () => {
              // With two images or more for each thread, steps are done image by image, see engines/segments.ts.
              const batch = 4
              const { inputs, parameters } = dataFor(network, batch)
              await using session = await open(network, { batch, pass: 'forward' })
              session.write(parameters)
              await session.run(inputs)
              // What was made of parameters is made again when they are written
              for (const changed of [parameters, halved(parameters)]) {
                session.write(changed)
                await session.run()
                const truth = runPlainly(network, batch, inputs, changed, 'forward')
                for (const tensor of session.plan.outputs)
                  expect(relativeError(session.read(tensor), truth[tensor]!), tensor).toBeLessThan(tolerance)
              }
            },
          )

        conforms(
          'gradients',
          `${network.name}, batch ${batch}: losses and gradients agree with float64`,
          () =>
            using(network, batch, async (session) => {
              session.write(parameters)
              await session.run(inputs)
              const truth = runPlainly(network, batch, inputs, parameters)
              const losses = network.layers.filter(({ isLoss }) => isLoss).map(({ layer }) => layer.name)
              const gradients = Object.entries(parametersOf(network)).flatMap(([name, { role }]) =>
                isTrainedRole(role) ? [`${name}.gradient`] : [],
              )
              for (const tensor of [...losses, ...gradients]) {
                expect(relativeError(session.read(tensor), truth[tensor]!), tensor).toBeLessThan(
                  10 * tolerance,
                )
              }
            }),
        )
      }
    }

    const network = NETWORKS[0]!
    const { inputs, parameters } = dataFor(network, 2)

    conforms('same bits', 'gives the same bits run after run', () =>
      using(network, 2, async (session) => {
        session.write(parameters)
        await session.run(inputs)
        const first = session.plan.outputs.map((output) => session.read(output))
        for (let run = 0; run < 5; run++) await session.run()
        expect(session.plan.outputs.map((output) => session.read(output))).toEqual(first)
      }),
    )

    for (const network of DEEP_NETWORKS) {
      const { inputs, parameters } = dataFor(network, 3)

      conforms('same bits', `${network.name}: gives the same bits run after run`, () =>
        using(network, 3, async (session) => {
          session.write(parameters)
          await session.run(inputs)
          const first = session.plan.outputs.map((output) => session.read(output))
          for (let run = 0; run < 3; run++) await session.run()
          expect(session.plan.outputs.map((output) => session.read(output))).toEqual(first)
        }),
      )

      conforms('any threads', `${network.name}: gives the same bits on any number of threads`, async () => {
        const found: Float32Array[][] = []
        let shared: Tuning | undefined
        for (const threads of [1, 2, 3]) {
          const engine = await conformance.open({ threads })
          expect(engine.info.threads).toBe(threads)
          const session = await openSession(network, {
            batch: 3,
            pass: 'forward-backward',
            keep: 'all',
            engine,
            tuning: shared,
            tuningCache: false,
          })
          shared ??= session.tuning ?? undefined
          session.write(parameters)
          await session.run(inputs)
          found.push(Object.keys(session.plan.tensors).map((tensor) => session.read(tensor)))
          await session.dispose()
          await engine.dispose()
        }
        expect(found[1]).toEqual(found[0])
        expect(found[2]).toEqual(found[0])
      })

      /** Which activations of the second image change with the first. */
      const changedWith = async (pass: 'forward' | 'forward-backward') => {
        const other = inputs.images!.slice()
        const length = other.length / 3
        for (let i = 0; i < length; i++) other[i] = 3 * other[i]! - 1
        const names = network.layers.filter(({ isLoss }) => !isLoss).map(({ layer }) => layer.name)
        let changed: string[] = []
        await using(
          network,
          3,
          async (session) => {
            session.write(parameters)
            const second = async (images: Float32Array) => {
              await session.run({ ...inputs, images })
              return names.map((name) => {
                const values = session.read(name)
                return values.slice(values.length / 3, (2 * values.length) / 3)
              })
            }
            const [before, after] = [await second(inputs.images!), await second(other)]
            changed = names.filter((_, i) => !before[i]!.every((value, at) => value === after[i]![at]))
          },
          pass,
        )
        return changed
      }

      conforms('images apart', `${network.name}: no image changes another's bits in forward`, async () => {
        expect(await changedWith('forward')).toEqual([])
      })

      conforms(
        'images apart',
        `${network.name}: in training an image changes another's bits by batch norm alone`,
        async () => {
          const dependent = new Set<string>()
          for (const { layer, inputs } of network.layers)
            if (layer.kind === 'batch-norm' || inputs.some((input) => dependent.has(input)))
              dependent.add(layer.name)
          const changed = await changedWith('forward-backward')
          expect(changed.filter((name) => !dependent.has(name))).toEqual([])
          expect(changed).toContain(
            network.layers.find(({ layer }) => layer.kind === 'batch-norm')!.layer.name,
          )
        },
      )
    }

    conforms('rewriting', 'follows parameters and inputs that are written again', () =>
      using(network, 2, async (session) => {
        session.write(parameters)
        await session.run(inputs)
        const doubled = { 'd/weights': parameters['d/weights']!.map((value) => 2 * value) }
        session.write(doubled)
        await session.run({ images: inputs.images!.map((value) => -value) })
        const truth = runPlainly(
          network,
          2,
          { images: inputs.images!.map((value) => -value) },
          { ...parameters, ...doubled },
        )
        expect(relativeError(session.read('f'), truth.f!)).toBeLessThan(tolerance)
      }),
    )

    conforms('keep', 'reads what is kept and refuses the rest', async () => {
      const session = await open(network, { batch: 1, keep: ['b'] })
      try {
        expect(session.view('b').shape).toEqual([1, 12, 10, 10])
        expect(() => session.read('a')).toThrow("keep: ['a']")
      } finally {
        await session.dispose()
      }
    })

    conforms('one run at a time', 'refuses a second run while one is under way', () =>
      using(network, 2, async (session) => {
        session.write({ ...parameters, ...inputs })
        const running = session.run()
        await expect(session.run()).rejects.toThrow('is running')
        await running
      }),
    )

    const classifier = NETWORKS.find(({ name }) => name === 'classes')!
    conforms(
      'training',
      'trains as float64 does: updates in place, a batch in micro-batches, and other values dropped in every run',
      async () => {
        const data = dataFor(classifier, 4)
        const training: Training = {
          optimizer: sgd({ momentum: 0.7 }),
          decays: { 'a/weights': 0.01 },
          rateFactors: { 'a/weights': 3, 'a/biases': 0.25 },
          clipNorm: 0.5,
          microBatches: 2,
        }
        const trained = async (on: 'engine' | 'reference') => {
          const options = { batch: 2, pass: 'train', training } as const
          const session = await (on === 'reference'
            ? openSession(classifier, { ...options, engine: on })
            : open(classifier, options))
          try {
            session.write(data.parameters)
            for (let step = 0; step < 3; step++) {
              for (let microBatch = 0; microBatch < 2; microBatch++) {
                session.write({
                  [TURN_TENSOR]: Float32Array.of(2 * step + microBatch),
                  [RATES_TENSOR]: Float32Array.of(0.1, 1),
                })
                const inputs = Object.entries(data.inputs).map(([name, values]) => {
                  const half = values.length / 2
                  return [name, values.subarray(microBatch * half, (microBatch + 1) * half)]
                })
                await session.run(Object.fromEntries(inputs), { part: 'gradients' })
              }
              await session.run({}, { part: 'update' })
            }
            const names = [...Object.keys(data.parameters), NORM_TENSOR]
            return Object.fromEntries(names.map((name) => [name, session.read(name)]))
          } finally {
            await session.dispose()
          }
        }
        const truth = await trained('reference')
        for (const [name, values] of Object.entries(await trained('engine'))) {
          expect(relativeError(values, truth[name]!), name).toBeLessThan(10 * tolerance)
        }
      },
    )

    const residual = DEEP_NETWORKS[0]!
    conforms(
      'training',
      'trains with batch norm as float64 does: running statistics follow, those of a frozen layer stay',
      async () => {
        const data = dataFor(residual, 3)
        const training: Training = { optimizer: sgd({ momentum: 0.7 }), freeze: ['b1', 'a2'] }
        const trained = async (on: 'engine' | 'reference') => {
          const options = { batch: 3, pass: 'train', training } as const
          await using session = await (on === 'reference'
            ? openSession(residual, { ...options, engine: on })
            : open(residual, options))
          session.write(data.parameters)
          for (let step = 0; step < 3; step++) {
            session.write({ [RATES_TENSOR]: Float32Array.of(0.05, 1) })
            const images = data.inputs.images!.map((value) => value + step)
            await session.run({ ...data.inputs, images })
          }
          const ofBatch = ['b3/batchMean', 'b3/batchVariance']
          const names = [...Object.keys(data.parameters), ...ofBatch]
          return Object.fromEntries(names.map((name) => [name, session.read(name)]))
        }
        const [truth, found] = [await trained('reference'), await trained('engine')]
        for (const [name, values] of Object.entries(found)) {
          expect(relativeError(values, truth[name]!), name).toBeLessThan(20 * tolerance)
          const isFrozen = /^(b1|a2)\//.test(name)
          const given = data.parameters[name]
          if (given)
            expect(
              values.every((value, i) => value === given[i]),
              name,
            ).toBe(isFrozen)
        }
      },
    )

    for (const each of NETWORKS_OF_EXTREMES.filter((_, index) => index % oneExtremeIn === 0)) {
      const { network, pass = 'forward-backward', gradient, overflowsFrom = Infinity } = each
      conforms(
        'extremes',
        `${network.name}: NaN, infinities and what float32 can't square come through`,
        async () => {
          const { inputs, parameters } = dataFor(network, 1)
          const tensors = network.layers
            .filter(({ isLoss }) => !isLoss || pass !== 'forward')
            .map(({ layer }) => layer.name)
          if (gradient) tensors.push(gradient)
          await using session = await open(network, {
            batch: 1,
            keep: 'all',
            pass,
            algorithm: 'direct',
          })
          session.write(parameters)
          for (const extreme of EXTREMES) {
            const images = inputs.images!.slice()
            plant(images, extreme, network.inputs.images!.at(-1)!)
            const given = { ...inputs, images }
            await session.run(given)
            const truths = [runPlainly(network, 1, given, parameters, pass)]
            if (Math.abs(extreme) < SMALLEST_NORMAL) {
              // x64 takes a denormal for a 0 of its sign (docs/method.md), of which a root or a quotient is another value
              plant(images, 0 * extreme, network.inputs.images!.at(-1)!)
              truths.push(runPlainly(network, 1, given, parameters, pass))
            }
            const mayOverflow = Math.abs(extreme) >= overflowsFrom
            for (const tensor of tensors) {
              const found = session.read(tensor)
              const differences = truths.map((truth) => firstDifference(found, truth[tensor]!, mayOverflow))
              expect(differences.includes(null) ? null : differences[0], `${extreme}: ${tensor}`).toBeNull()
            }
          }
        },
      )
    }

    for (const { from, what, network, batch = 1, inputs, parameters = {}, expected } of REPORTS) {
      conforms('reports', `${what} (${from})`, () =>
        using(network, batch, async (session) => {
          const floats = (values: Readonly<Record<string, readonly number[]>>) =>
            Object.fromEntries(Object.entries(values).map(([name, each]) => [name, Float32Array.from(each)]))
          session.write(floats(parameters))
          await session.run(floats(inputs))
          for (const [tensor, values] of Object.entries(expected)) {
            expect(session.read(tensor), tensor).toHaveLength(values.length)
            expect(firstDifference(session.read(tensor), values), tensor).toBeNull()
          }
        }),
      )
    }

    const normed = defineNetwork('normed', {
      inputs: { images: [28, 28, 5] },
      layers: [batchNorm('bn'), l2Loss('loss')],
    })
    const shift = Float32Array.of(0, 1, -2, 3, 4)
    const normalized = async (images: Float32Array, use: (session: Session, truth: Float64Array) => void) => {
      const given = { ...dataFor(normed, 3).parameters, 'bn/scale': shift.map(() => 1), 'bn/shift': shift }
      await using(normed, 3, async (session) => {
        session.write(given)
        await session.run({ images })
        use(session, runPlainly(normed, 3, { images }, given).bn as Float64Array)
      })
    }
    const length = 3 * 28 * 28 * 5

    // BVLC/caffe#3963, pytorch/pytorch#5410
    conforms('extremes', 'batch norm: a channel of one value is its shift, however large the value', () => {
      const channels = [3.3, 100, 123456.7, -1e10, 0.1]
      return normalized(
        Float32Array.from({ length }, (_, i) => channels[i % 5]!),
        (session) => {
          expect([...new Set(session.read('bn'))]).toEqual([...shift])
          expect([...session.read('bn/batchVariance')].every((variance) => variance >= 0)).toBe(true)
        },
      )
    })

    // tensorflow/tensorflow#3290, tenstorrent/tt-metal#45968
    conforms(
      'extremes',
      'batch norm: a mean of a thousand deviations costs what float32 does not hold of it',
      () => {
        const images = new Float32Array(length)
        normal(images, { seed: 11, tensor: 'images', sd: 1 })
        return normalized(
          images.map((value) => 1000 + value),
          (session, truth) => {
            expect(relativeError(session.read('bn'), truth)).toBeLessThan(2 ** -15)
          },
        )
      },
    )

    // microsoft/onnxruntime#12043
    conforms(
      'forward',
      'sums of very many equal values do not drift: an average, the gradient of biases',
      async () => {
        const many = defineNetwork('many', {
          inputs: { images: [300, 310, 1] },
          layers: [
            conv('conv', { filters: 3, kernel: 1, activation: 'relu' }),
            l2Loss('loss'),
            globalAveragePool('mean', { inputs: ['conv'] }),
            averagePool('nearly', { kernel: [299, 308], inputs: ['conv'] }),
            l2Loss('nearlyLoss'),
            l2Loss('meanLoss', { inputs: ['mean'] }),
          ],
        })
        const given = { 'conv/weights': new Float32Array(3), 'conv/biases': Float32Array.of(0.1, 3.3, 7.7) }
        const images = { images: new Float32Array(2 * 300 * 310) }
        await using(many, 2, async (session) => {
          session.write(given)
          await session.run(images)
          const truth = runPlainly(many, 2, images, given)
          for (const tensor of ['mean', 'nearly', 'loss', 'conv/biases.gradient'])
            expect(relativeError(session.read(tensor), truth[tensor]!), tensor).toBeLessThan(2e-5)
        })
      },
    )

    conforms(
      'gradients',
      'sums of very many equal values do not drift: gradients of what is broadcast, of a scale and a shift',
      async () => {
        const many = defineNetwork('many', {
          inputs: { images: [300, 310, 3], pixels: [1, 1, 3] },
          layers: [
            conv('gate', { filters: 3, kernel: 1, inputs: ['pixels'] }),
            dense('number', { units: 1, inputs: ['pixels'] }),
            multiply('product', { inputs: ['images', 'gate', 'number'] }),
            conv('term', { filters: 3, kernel: 1, inputs: ['pixels'] }),
            add('sum', { inputs: ['product', 'term'] }),
            scale('scaled'),
            l2Loss('loss'),
          ],
        })
        const given = Object.fromEntries(
          Object.entries(parametersOf(many)).map(([name, { shape, role }]) => [
            name,
            new Float32Array(elementCount(shape)).fill(role === 'weights' ? 0 : 1.1),
          ]),
        )
        const images = Float32Array.from({ length: 2 * 300 * 310 * 3 }, (_, i) => [0.1, 3.3, 7.7][i % 3]!)
        const inputs = { images, pixels: new Float32Array(6).fill(1) }
        await using(many, 2, async (session) => {
          session.write(given)
          await session.run(inputs)
          const truth = runPlainly(many, 2, inputs, given)
          for (const layer of [
            'gate/biases',
            'number/biases',
            'term/biases',
            'scaled/scale',
            'scaled/shift',
          ]) {
            const tensor = `${layer}.gradient`
            expect(relativeError(session.read(tensor), truth[tensor]!), tensor).toBeLessThan(2e-5)
          }
        })
      },
    )

    conforms('abort', 'ends a run whose signal is aborted before it', () =>
      using(network, 2, async (session) => {
        session.write({ ...parameters, ...inputs })
        await expect(session.run({}, { signal: AbortSignal.abort() })).rejects.toThrow('interrupted')
      }),
    )
  })
}
