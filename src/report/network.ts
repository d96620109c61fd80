import type { Network, ResolvedLayer } from '../networks/network.ts'
import { formatCount } from './format.ts'
import type { Palette } from './palette.ts'
import { type Alignment, alignColumns } from './table.ts'

/** A layer's counts, of one image. */
export interface LayerCounts {
  readonly parameters: number
  /** Multiply-adds: every use of a weight. */
  readonly connections: number
  /** Outputs of layers with weights. */
  readonly neurons: number
  readonly forwardFlops: number
  readonly forwardBackwardFlops: number
}

/** What the article says of its network. */
const ARTICLE = { connections: '630 million', parameters: '60 million', neurons: '650 thousand' }
const FLOPS_PER_CONNECTION = 2

const elementCount = (shape: readonly number[]): number => shape.reduce((count, extent) => count * extent, 1)

export function layerCounts(network: Network, layer: ResolvedLayer): LayerCounts {
  const { forward, parametersGradient, inputGradient } = layer.flops
  const parameters = Object.values(layer.parameters)
  // The images' own gradients are nobody's business: the first layer does without that work.
  const readsInput = layer.inputs.every((input) => input in network.inputs)
  return {
    parameters: parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    connections: forward / FLOPS_PER_CONNECTION,
    neurons: parameters.length > 0 ? elementCount(layer.outputShape) : 0,
    forwardFlops: forward,
    forwardBackwardFlops: forward + parametersGradient + (readsInput ? 0 : inputGradient),
  }
}

export function networkCounts(network: Network): LayerCounts {
  const counts = network.layers.map((layer) => layerCounts(network, layer))
  const sum = (name: keyof LayerCounts) => counts.reduce((total, layer) => total + layer[name], 0)
  return {
    parameters: sum('parameters'),
    connections: sum('connections'),
    neurons: sum('neurons'),
    forwardFlops: sum('forwardFlops'),
    forwardBackwardFlops: sum('forwardBackwardFlops'),
  }
}

/** `info <network>`: its layers and counts, beside the article's. */
export function networkLines(network: Network, palette: Palette): string[] {
  const row = (name: string, kind: string, shape: string, counts: LayerCounts): string[] => [
    name,
    kind,
    shape,
    ...[counts.parameters, counts.connections, counts.neurons].map(formatCount),
    formatMegaflops(counts.forwardFlops),
    formatMegaflops(counts.forwardBackwardFlops),
  ]
  const total = networkCounts(network)
  const rows = [
    ['layer', 'kind', 'output', 'parameters', 'connections', 'neurons', 'MFLOP forward', 'forward-backward'],
    ...Object.entries(network.inputs).map(([name, shape]) => [name, 'input', formatBatchShape(shape)]),
    ...network.layers.map((layer) => {
      const shape = layer.isLoss ? '[]' : formatBatchShape(layer.outputShape)
      return row(layer.layer.name, layer.layer.kind, shape, layerCounts(network, layer))
    }),
    row('all', '', '', total),
  ]
  const alignments: Alignment[] = ['left', 'left', 'left', 'right', 'right', 'right', 'right', 'right']
  const lines = alignColumns(rows, alignments)

  const comparison = alignColumns(
    [
      ['', network.name, 'article'],
      ['connections', formatCount(total.connections), ARTICLE.connections],
      ['parameters', formatCount(total.parameters), ARTICLE.parameters],
      ['neurons', formatCount(total.neurons), ARTICLE.neurons],
      ['GFLOP an image, forward', formatGigaflops(total.forwardFlops), '-'],
      ['GFLOP an image, forward-backward', formatGigaflops(total.forwardBackwardFlops), '-'],
    ],
    ['left', 'right', 'right'],
  )
  return [
    palette.bold(network.name),
    palette.dim(lines[0]!),
    ...lines.slice(1, -1),
    palette.bold(lines.at(-1)!),
    '',
    palette.dim(comparison[0]!),
    ...comparison.slice(1),
    '',
    'Per image: a connection is a multiply-add, which is 2 FLOPs; a neuron is an output of a layer with weights.',
    'Backward has the gradients of weights and of activations, without those of the images.',
    "The article's figures are those of the whole network of 2012, with its three fully connected layers, which",
    'hold 58.6 million of the parameters. Its code builds the five convolutions only, and with the filters of the',
    'one-column variant of 2014. convmark builds what the code builds.',
  ]
}

const formatBatchShape = (shape: readonly number[]): string => `[B, ${shape.join(', ')}]`
const formatMegaflops = (flops: number): string => (flops / 1e6).toFixed(1)
const formatGigaflops = (flops: number): string => (flops / 1e9).toFixed(3)
