import { describe, expect, it } from 'vitest'
import {
  add,
  batchNorm,
  conv,
  dense,
  flatten,
  globalAveragePool,
  type Layer,
  l2Loss,
  relu,
  scale,
  softmax,
  softmaxLoss,
} from '../layers/index.ts'
import { networkNamed } from '../networks/index.ts'
import { initializeForTraining } from '../networks/initialize.ts'
import { defineNetwork, type Network, parametersOf } from '../networks/network.ts'
import { headAndBody, replaceHead } from './head.ts'
import { logitsOf } from './logits.ts'

const classifier = (...layers: readonly Layer[]): Network =>
  defineNetwork('tried', {
    inputs: { labels: [], images: [6, 6, 2] },
    layers: [
      conv('stem', { filters: 4, kernel: 3, inputs: ['images'] }),
      ...layers,
      softmaxLoss('loss', { inputs: [layers.at(-1)!.name, 'labels'] }),
    ],
  })

/** As if the network had learned them: other values than any seed's. */
const learned = (network: Network) =>
  Object.fromEntries(
    Object.entries(initializeForTraining(network, { seed: 1 })).map(([name, values]) => [
      name,
      values.map((value) => value + 3),
    ]),
  )

const replaced = (network: Network, classes = 3, head?: string) =>
  replaceHead(network, { classes, head, parameters: learned(network) })

describe('the head', () => {
  it.each([
    ['lenet', 'fc4'],
    ['alexnet-torchvision', 'fc8'],
    ['vgg-a', 'classifier.6'],
    ['resnet18', 'fc'],
    ['googlenet', 'fc'],
    ['densenet121', 'classifier'],
    ['squeezenet', 'classifier.1'],
    ['mobilenet-v2', 'classifier.1'],
    ['mobilenet-v3-large', 'classifier.3'],
    ['efficientnet-b0', 'classifier.1'],
    ['shufflenet-v2', 'fc'],
    ['convnext-tiny', 'classifier.2'],
    ['resnet20-cifar', 'fc'],
  ])('of %s is %s', (name, head) => {
    const { body, ...found } = headAndBody(networkNamed(name))
    expect(found.head).toEqual([head])
    expect(body).not.toContain(head)
  })

  it.each([
    ['a dense layer', [dense('fc', { units: 5 })], ['fc']],
    ['before its activation and a softmax', [dense('fc', { units: 5 }), relu('r'), softmax('s')], ['fc']],
    ['a convolution', [conv('c', { filters: 5, kernel: 1 }), globalAveragePool('p'), flatten('f')], ['c']],
    [
      'with its batch norm',
      [conv('c', { filters: 5, kernel: 1 }), batchNorm('bn'), globalAveragePool('p')],
      ['c', 'bn'],
    ],
  ])('%s', (_, layers, head) => {
    const network = classifier(...layers)
    const made = replaced(network)
    expect(made).toMatchObject({ head, body: ['stem'] })
    expect(logitsOf(made.network)).toMatchObject({ classes: 3 })
    expect(made.network.layers.map(({ layer }) => layer.name)).toEqual(
      network.layers.map(({ layer }) => layer.name),
    )
  })

  // lightly-ai/lightly-train#982: a new head that began with the old classes' first rows
  it('is new, as in any training, and all else is what it was', () => {
    const network = classifier(conv('c', { filters: 5, kernel: 1 }), batchNorm('bn'), globalAveragePool('p'))
    const parameters = learned(network)
    const made = replaceHead(network, { classes: 5, parameters, seed: 4 })
    const first = initializeForTraining(made.network, { seed: 4 })
    expect(Object.keys(made.parameters)).toEqual(Object.keys(parametersOf(network)))
    for (const [name, values] of Object.entries(made.parameters)) {
      if (name.startsWith('stem')) expect(values).toBe(parameters[name])
      else expect(values, name).toEqual(first[name])
    }
    expect(replaceHead(network, { classes: 5, parameters, seed: 5 }).parameters['c/weights']).not.toEqual(
      made.parameters['c/weights'],
    )
    // Without a seed, the seed of a training
    expect(replaced(network, 5).parameters['c/weights']).toEqual(
      initializeForTraining(made.network, { seed: 7 })['c/weights'],
    )
  })

  it('may be named', () => {
    const network = classifier(dense('fc', { units: 4 }), add('sum', { inputs: ['fc', 'fc'] }))
    expect(() => headAndBody(network)).toThrow(
      "tried: 'sum' makes its scores of fc, fc; say which layer is its head",
    )
    expect(replaced(network, 3, 'fc')).toMatchObject({ head: ['fc'], body: ['stem'] })
  })
})

describe('no head', () => {
  const two = classifier(dense('hidden', { units: 4 }), relu('active'), dense('fc', { units: 4 }))

  it.each<[string, Network, string | undefined, string]>([
    [
      'without classes',
      defineNetwork('none', {
        inputs: { x: [2, 2, 3] },
        layers: [dense('fc', { units: 2 }), l2Loss('loss')],
      }),
      undefined,
      'none: it has no classes, so it has no head',
    ],
    [
      'without weights',
      defineNetwork('bare', {
        inputs: { images: [2, 2, 3], labels: [] },
        layers: [globalAveragePool('pool'), softmaxLoss('loss', { inputs: ['pool', 'labels'] })],
      }),
      undefined,
      'bare: its scores are made by no layer with weights, so it has no head',
    ],
    ['misspelt', two, 'fcc', "head: unknown layer 'fcc'; did you mean 'fc'? (stem, hidden, fc)"],
    ['without outputs', two, 'active', "head: 'active' has no weights; these layers have: stem, hidden, fc"],
    [
      'not the last',
      two,
      'hidden',
      "tried: 'hidden' is not its head: with 8 outputs the network has 4 classes",
    ],
    [
      'of pixels',
      classifier(conv('c', { filters: 5, kernel: 1 }), flatten('f')),
      undefined,
      "tried: 'c' is not its head: with 4 outputs the network has 64 classes",
    ],
    [
      'after which are constants',
      classifier(dense('fc', { units: 5 }), scale('constants', { trained: false })),
      undefined,
      "tried: after its head, 'constants/scale' has a constant for each class, which is not known of other classes",
    ],
    [
      'in groups',
      classifier(conv('c', { filters: 6, kernel: 1, groups: 2 }), globalAveragePool('p')),
      'c',
      "tried: 'c' can't have 3 outputs: c: groups 2 must divide both its 4 input channels and its 3 filters",
    ],
  ])('%s', (name, network, head, message) => {
    const classes = name === 'in groups' ? 3 : 4
    expect(() => replaced(network, classes, head)).toThrow(message)
  })

  it('if parameters are missing', () => {
    expect(() => replaceHead(two, { classes: 3, parameters: {} })).toThrow(
      "tried: the parameter 'stem/weights' is missing; give all of them",
    )
  })
})
