import { expect, it } from 'vitest'
import { alexnet, alexnetFull, layerCounts, networkCounts } from '../networks/index.ts'
import { networkLines } from './network.ts'
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
