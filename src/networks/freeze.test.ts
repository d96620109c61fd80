import { describe, expect, it } from 'vitest'
import { UsageError } from '../errors.ts'
import { batchNorm, conv, dense, l2Loss, relu } from '../layers/index.ts'
import { frozenLayers, trainedParametersOf } from './freeze.ts'
import { defineNetwork } from './network.ts'

const network = defineNetwork('blocks', {
  inputs: { images: [6, 6, 3] },
  layers: [
    conv('conv1', { filters: 2, kernel: 3 }),
    conv('block1.conv1', { filters: 2, kernel: 1, biases: false }),
    batchNorm('block1.bn1'),
    relu('block1.relu'),
    conv('block10.conv1', { filters: 2, kernel: 1, biases: false }),
    dense('fc', { units: 2 }),
    l2Loss('loss'),
  ],
})

describe('the layers that patterns name', () => {
  it.each<[readonly string[] | undefined, readonly string[]]>([
    [undefined, []],
    [[], []],
    [['conv1'], ['conv1']],
    [['block1.*'], ['block1.conv1', 'block1.bn1']],
    [['block1*'], ['block1.conv1', 'block1.bn1', 'block10.conv1']],
    [['*.conv1'], ['block1.conv1', 'block10.conv1']],
    [['b*.conv*'], ['block1.conv1', 'block10.conv1']],
    [
      ['fc', 'block1.bn1', 'fc'],
      ['fc', 'block1.bn1'],
    ],
    [['*'], ['conv1', 'block1.conv1', 'block1.bn1', 'block10.conv1', 'fc']],
  ])('%j', (freeze, names) => {
    expect([...frozenLayers(network, freeze)]).toEqual(names)
  })

  it.each<[string, string]>([
    // A dot matches only a dot, and a name must match completely
    ['block1xconv1', "freeze: unknown layer 'block1xconv1'; did you mean 'block1.conv1'?"],
    ['block1', "freeze: unknown layer 'block1'; did you mean 'block"],
    ['onv1', "freeze: unknown layer 'onv1'; did you mean 'conv1'?"],
    ['block1.relu', "freeze: unknown layer 'block1.relu'"],
    ['block2.*', "freeze: unknown layer 'block2.*'"],
    ['(', "freeze: unknown layer '('"],
    ['', "freeze: unknown layer ''"],
  ])('%j is refused', (pattern, message) => {
    expect(() => frozenLayers(network, ['conv1', pattern])).toThrow(UsageError)
    expect(() => frozenLayers(network, ['conv1', pattern])).toThrow(message)
  })
})

it('what is trained: all but the frozen layers’ and statistics, in the network’s order', () => {
  expect(trainedParametersOf(network, new Set())).toEqual([
    'conv1/weights',
    'conv1/biases',
    'block1.conv1/weights',
    'block1.bn1/scale',
    'block1.bn1/shift',
    'block10.conv1/weights',
    'fc/weights',
    'fc/biases',
  ])
  expect(trainedParametersOf(network, new Set(['conv1', 'block1.bn1', 'fc']))).toEqual([
    'block1.conv1/weights',
    'block10.conv1/weights',
  ])
})
