import { describe, expect, it } from 'vitest'
import { NetworkError, UsageError } from '../errors.ts'
import {
  add,
  batchNorm,
  conv,
  dense,
  dropout,
  globalAveragePool,
  type Layer,
  relu,
  scale,
  softmaxLoss,
} from '../layers/index.ts'
import { frozenLayers, layersWithParameters } from './freeze.ts'
import { networkNamed } from './index.ts'
import { lenet } from './lenet.ts'
import { defineNetwork, type Network, parametersOf } from './network.ts'
import { resnet18 } from './resnet18.ts'
import { lastFixedTensor, splitNetwork } from './split.ts'

const classifier = (...layers: readonly Layer[]): Network =>
  defineNetwork('tried', {
    inputs: { labels: [], images: [8, 8, 3] },
    layers: [
      conv('stem', { filters: 4, kernel: 3, inputs: ['images'] }),
      ...layers,
      softmaxLoss('loss', { inputs: [layers.at(-1)!.name, 'labels'] }),
    ],
  })

const namesOf = ({ layers }: Network) => layers.map(({ layer }) => layer.name)
const allBut = (network: Network, ...trained: readonly string[]) =>
  new Set(layersWithParameters(network).filter((name) => !trained.includes(name)))

describe('a network in two', () => {
  it('has its layers and parameters in one part or the other', () => {
    const network = lenet()
    const { trunk, rest, input } = splitNetwork(network, 'pool2')
    expect(namesOf(trunk)).toEqual(['conv1', 'pool1', 'conv2', 'pool2'])
    expect(namesOf(rest)).toEqual(['fc3', 'dropout4', 'fc4', 'loss'])
    expect([trunk.inputs, rest.inputs]).toEqual([{ images: [28, 28, 1] }, { pool2: [7, 7, 64], labels: [] }])
    expect(input).toBe('pool2')
    expect({ ...parametersOf(trunk), ...parametersOf(rest) }).toEqual(parametersOf(network))
    expect([trunk.printed, rest.printed]).toEqual([
      ['conv1', 'pool1', 'conv2', 'pool2'],
      ['fc3', 'fc4'],
    ])
  })

  it('begins with a vector as an image of one pixel, under another name', () => {
    const { rest, input } = splitNetwork(lenet(), 'fc3')
    expect(input).toBe('fc3.values')
    expect(rest.inputs).toEqual({ 'fc3.values': [1, 1, 512], labels: [] })
    expect(rest.layers.map(({ layer, outputShape }) => [layer.name, outputShape])).toEqual([
      ['fc3', [512]],
      ['dropout4', [512]],
      ['fc4', [10]],
      ['loss', []],
    ])
    const taken = classifier(dense('values', { units: 5 }), relu('values.values'), dense('fc', { units: 2 }))
    expect(splitNetwork(taken, 'values').input).toBe('values.values_')
  })

  it('is refused where a layer reads past the tensor, and where there is none', () => {
    const residual = classifier(
      conv('inner', { filters: 4, kernel: 1 }),
      add('sum', { inputs: ['inner', 'stem'] }),
      dense('fc', { units: 2 }),
    )
    expect(() => splitNetwork(residual, 'inner')).toThrow(
      new UsageError("tried: it can't be divided at 'inner': 'sum' comes after it and reads 'stem'"),
    )
    expect(() => splitNetwork(residual, 'images')).toThrow("at 'images': it is an input")
    expect(() => splitNetwork(residual, 'summ')).toThrow(NetworkError)
    expect(namesOf(splitNetwork(residual, 'sum').rest)).toEqual(['fc', 'loss'])
  })
})

describe('the last tensor that a training leaves as it is', () => {
  it.each<[string, readonly string[], string]>([
    // A dropout acts in training, so it is not before the tensor
    ['squeezenet', ['classifier.1'], 'features.12.concat'],
    ['lenet', ['fc4'], 'fc3'],
    ['lenet', ['fc3', 'fc4'], 'pool2'],
    ['alexnet-torchvision', ['fc8'], 'pool5'],
    ['resnet18', ['fc'], 'avgpool'],
    ['mobilenet-v2', ['classifier.1'], 'avgpool'],
    ['densenet121', ['classifier'], 'avgpool'],
  ])('of %s, if %s is trained', (name, trained, tensor) => {
    const network = networkNamed(name)
    expect(lastFixedTensor(network, allBut(network, ...trained))).toBe(tensor)
  })

  it('is before a block of which a part is trained', () => {
    const network = resnet18({ imageSize: 32 })
    const freeze = ['conv1', 'bn1', 'layer1.*', 'layer2.*', 'layer3.0.*', 'layer3.1.conv1', 'layer4.0.conv1']
    expect(lastFixedTensor(network, frozenLayers(network, freeze))).toBe('layer3.0.add')
  })

  it('is after running statistics only if they are frozen, and after constants always', () => {
    const network = classifier(
      batchNorm('bn'),
      scale('constants', { trained: false }),
      globalAveragePool('pool'),
      dropout('drop'),
      dense('fc', { units: 2 }),
    )
    expect(lastFixedTensor(network, new Set(['stem', 'bn']))).toBe('pool')
    expect(lastFixedTensor(network, new Set(['stem']))).toBe('stem')
    expect(lastFixedTensor(network, new Set(['bn']))).toBeNull()
  })
})
