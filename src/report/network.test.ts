import { expect, it } from 'vitest'
import { batchNorm, conv, dense } from '../layers/index.ts'
import {
  alexnet,
  alexnetFull,
  defineNetwork,
  layerCounts,
  type Network,
  networkCounts,
  networkSize,
} from '../networks/index.ts'
import { networkLines, networksLines } from './network.ts'
import { PLAIN } from './palette.ts'

it('counts alexnet', () => {
  const counts = networkCounts(alexnet())
  expect(counts).toMatchObject({ parameters: 2_469_696, connections: 658_145_280, neurons: 492_096 })
  expect((counts.forward / 1e9).toFixed(3)).toBe('1.316')
  expect((counts['forward-backward'] / 1e9).toFixed(3)).toBe('3.803')
})

it('puts the counts beside those of the article', () => {
  const network = alexnet()
  const compared = [network, alexnetFull()].map((each) => ({ name: each.name, total: networkCounts(each) }))
  const layers = network.layers.map((layer) => layerCounts(network, layer))
  const lines = networkLines(network, { layers, total: networkCounts(network) }, compared, PLAIN)
  expect(lines).toContain(
    'conv1   conv      [B, 56, 56, 64]       23,296   72,855,552  200,704          145.7             291.4',
  )
  const cells = lines.map((line) => line.split(/ {2,}/))
  expect(cells).toContainEqual(['connections', '658,145,280', '716,767,232', '630 million'])
  expect(cells).toContainEqual(['parameters', '2,469,696', '61,100,840', '60 million'])
  expect(cells).toContainEqual(['neurons', '492,096', '501,288', '650 thousand'])
})

it('shows an input of one number an image', () => {
  const network = alexnetFull()
  const layers = network.layers.map((layer) => layerCounts(network, layer))
  const lines = networkLines(network, { layers, total: networkCounts(network) }, [], PLAIN)
  expect(lines.some((line) => /^labels +input +\[B\]$/.test(line))).toBe(true)
})

const normalized = defineNetwork('normalized', {
  inputs: { images: [4, 4, 1] },
  layers: [conv('a', { filters: 5, kernel: 1, biases: false }), batchNorm('b'), dense('c', { units: 2 })],
})

it('has a column of statistics where there are any', () => {
  const layers = normalized.layers.map((layer) => layerCounts(normalized, layer))
  const lines = networkLines(normalized, { layers, total: networkCounts(normalized) }, [], PLAIN)
  const cells = lines.map((line) => line.split(/ {2,}/))
  expect(cells[1]!.slice(3, 6)).toEqual(['parameters', 'statistics', 'connections'])
  expect(cells).toContainEqual(['b', 'batch-norm', '[B, 4, 4, 5]', '10', '10', '0', '0', '0.0', '0.0'])
  expect(lines.some((line) => line.startsWith('Statistics are'))).toBe(true)
})

it('shows how large networks are, one a line', () => {
  const sized = (network: Network) => ({
    name: network.name,
    total: networkCounts(network),
    size: networkSize(network),
  })
  const lines = networksLines([alexnetFull(), normalized].map(sized), PLAIN)
  expect(lines.slice(0, 3)).toEqual([
    'network       depth  layers  parameters  statistics  GFLOP forward  largest activation  of',
    'alexnet-full      8       8  61,100,840           -          1.434             200,704  conv1',
    'normalized        2       3         177          10          0.000                  80  a',
  ])
})
