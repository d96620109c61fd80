import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine, EngineOptions } from '../../src/engines/engine.ts'
import {
  conv,
  dense,
  dropout,
  l2Loss,
  lrn,
  maxPool,
  relu,
  sigmoid,
  softmaxLoss,
  tanh,
} from '../../src/layers/index.ts'
import { initializeImages } from '../../src/networks/initialize.ts'
import { defineNetwork, type Network, parametersOf } from '../../src/networks/network.ts'
import { sgd } from '../../src/optimizers/index.ts'
import { NORM_TENSOR, RATES_TENSOR, type Training, TURN_TENSOR } from '../../src/plan/training.ts'
import { normal } from '../../src/random.ts'
import type { Tuning } from '../../src/runtime/tuning.ts'
import type { Session, SessionOptions } from '../../src/session.ts'
import { elementCount } from '../../src/tensor.ts'
import { built } from '../support/built.ts'
import { relativeError } from '../support/finite-differences.ts'
import { runPlainly } from '../support/plain-network.ts'
import { EXTREMES, firstDifference, NETWORKS_OF_EXTREMES, plant } from './extremes.ts'

const { openSession } = await built<typeof import('../../src/session.ts')>('session.js')

/** What a case is called; `skip` names cases by it. */
type CaseName =
  | 'forward'
  | 'gradients'
  | 'same bits'
  | 'keep'
  | 'rewriting'
  | 'training'
  | 'abort'
  | 'extremes'
  | 'one run at a time'

export interface Conformance {
  readonly name: string
  open(options: EngineOptions): Promise<Engine>
  /** Why this machine does not have it; then nothing is run. */
  readonly missing?: string
  /** What the engine can't do, each with the reason. */
  readonly skip?: readonly { readonly reason: string; readonly tests: readonly CaseName[] }[]
  /** Of outputs against float64; gradients get ten times as much. */
  readonly tolerance?: number
}

/** Small networks that hold every layer kind, odd sizes, one channel, a stride over the kernel, branches. */
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
]

export function dataFor(network: Network, batch: number) {
  const make = (name: string, length: number, sd: number) => {
    const values = new Float32Array(length)
    normal(values, { seed: 11, tensor: name, sd })
    return values
  }
  const parameters = Object.entries(parametersOf(network)).map(([name, { shape }]) => [
    name,
    make(name, elementCount(shape), 1 / Math.sqrt(elementCount(shape.slice(0, -1)) || 1)),
  ])
  return {
    inputs: initializeImages(network, batch, { seed: 11, sd: 1 }),
    parameters: Object.fromEntries(parameters) as Record<string, Float32Array>,
  }
}

/** The suite that every engine goes through, convmark's own and any adapter. */
export function engineConformance(conformance: Conformance): void {
  const { name, missing, skip = [], tolerance = 2e-6 } = conformance
  const test = (kind: CaseName, what: string, run: () => Promise<void>): void => {
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
    /** Tiles are measured when they are first needed, and taken from then on: most of a small session is tuning. */
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

    for (const network of NETWORKS) {
      for (const batch of [1, 3]) {
        const { inputs, parameters } = dataFor(network, batch)
        const activations = network.layers.filter(({ isLoss }) => !isLoss).map(({ layer }) => layer.name)

        test('forward', `${network.name}, batch ${batch}: every activation agrees with float64`, () =>
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

        test('gradients', `${network.name}, batch ${batch}: losses and gradients agree with float64`, () =>
          using(network, batch, async (session) => {
            session.write(parameters)
            await session.run(inputs)
            const truth = runPlainly(network, batch, inputs, parameters)
            const losses = network.layers.filter(({ isLoss }) => isLoss).map(({ layer }) => layer.name)
            const gradients = Object.keys(parameters).map((parameter) => `${parameter}.gradient`)
            for (const tensor of [...losses, ...gradients]) {
              expect(relativeError(session.read(tensor), truth[tensor]!), tensor).toBeLessThan(10 * tolerance)
            }
          }),
        )
      }
    }

    const network = NETWORKS[0]!
    const { inputs, parameters } = dataFor(network, 2)

    test('same bits', 'gives the same bits run after run', () =>
      using(network, 2, async (session) => {
        session.write(parameters)
        await session.run(inputs)
        const first = session.plan.outputs.map((output) => session.read(output))
        for (let run = 0; run < 5; run++) await session.run()
        expect(session.plan.outputs.map((output) => session.read(output))).toEqual(first)
      }),
    )

    test('rewriting', 'follows parameters and inputs that are written again', () =>
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

    test('keep', 'reads what is kept and refuses the rest', async () => {
      const session = await open(network, { batch: 1, keep: ['b'] })
      try {
        expect(session.view('b').shape).toEqual([1, 12, 10, 10])
        expect(() => session.read('a')).toThrow("keep: ['a']")
      } finally {
        await session.dispose()
      }
    })

    test('one run at a time', 'refuses a second run while one is under way', () =>
      using(network, 2, async (session) => {
        session.write({ ...parameters, ...inputs })
        const running = session.run()
        await expect(session.run()).rejects.toThrow('is running')
        await running
      }),
    )

    const classifier = NETWORKS.find(({ name }) => name === 'classes')!
    test(
      'training',
      'trains as float64 does: updates in place, a batch in parts, and other values dropped in every turn',
      async () => {
        const data = dataFor(classifier, 4)
        const training: Training = {
          optimizer: sgd({ momentum: 0.7 }),
          decays: { 'a/weights': 0.01 },
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
              for (let part = 0; part < 2; part++) {
                session.write({
                  [TURN_TENSOR]: Float32Array.of(2 * step + part),
                  [RATES_TENSOR]: Float32Array.of(0.1, 1),
                })
                const inputs = Object.entries(data.inputs).map(([name, values]) => {
                  const half = values.length / 2
                  return [name, values.subarray(part * half, (part + 1) * half)]
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

    for (const network of NETWORKS_OF_EXTREMES) {
      test(
        'extremes',
        `${network.name}: NaN, infinities and what float32 can't square come through`,
        async () => {
          const { inputs, parameters } = dataFor(network, 1)
          const tensors = network.layers.map(({ layer }) => layer.name)
          await using session = await open(network, {
            batch: 1,
            keep: 'all',
            pass: 'forward-backward',
            algorithm: 'direct',
          })
          session.write(parameters)
          for (const extreme of EXTREMES) {
            const images = inputs.images!.slice()
            plant(images, extreme, network.inputs.images!.at(-1)!)
            const given = { ...inputs, images }
            await session.run(given)
            const truth = runPlainly(network, 1, given, parameters)
            for (const tensor of tensors)
              expect(
                firstDifference(session.read(tensor), truth[tensor]!),
                `${extreme}: ${tensor}`,
              ).toBeNull()
          }
        },
      )
    }

    test('abort', 'ends a run whose signal is aborted before it', () =>
      using(network, 2, async (session) => {
        session.write({ ...parameters, ...inputs })
        await expect(session.run({}, { signal: AbortSignal.abort() })).rejects.toThrow('interrupted')
      }),
    )
  })
}
