import { formatFixed } from '../digits.ts'
import type { LayerCounts } from '../networks/counts.ts'
import type { Network } from '../networks/network.ts'
import { formatCount } from './format.ts'
import type { Palette } from './palette.ts'
import { type Alignment, alignColumns } from './table.ts'

/** What the article says of its network. */
const ARTICLE = { connections: '630 million', parameters: '60 million', neurons: '650 thousand' }

/** A network's counts, for its column beside the article's. */
export interface NamedCounts {
  readonly name: string
  readonly total: LayerCounts
}

/** `info <network>`: its layers, and the counts of all networks beside the article's. */
export function networkLines(
  network: Network,
  counts: { readonly layers: readonly LayerCounts[]; readonly total: LayerCounts },
  compared: readonly NamedCounts[],
  palette: Palette,
): string[] {
  const row = (name: string, kind: string, shape: string, of: LayerCounts): string[] => [
    name,
    kind,
    shape,
    ...[of.parameters, of.connections, of.neurons].map(formatCount),
    formatMegaflops(of.forward),
    formatMegaflops(of['forward-backward']),
  ]
  const { layers, total } = counts
  const rows = [
    ['layer', 'kind', 'output', 'parameters', 'connections', 'neurons', 'MFLOP forward', 'forward-backward'],
    ...Object.entries(network.inputs).map(([name, shape]) => [name, 'input', formatBatchShape(shape)]),
    ...network.layers.map((layer, i) => {
      const shape = layer.isLoss ? '[]' : formatBatchShape(layer.outputShape)
      return row(layer.layer.name, layer.layer.kind, shape, layers[i]!)
    }),
    row('all', '', '', total),
  ]
  const alignments: Alignment[] = ['left', 'left', 'left', 'right', 'right', 'right', 'right', 'right']
  const lines = alignColumns(rows, alignments)

  const each = (format: (of: LayerCounts) => string) => compared.map((other) => format(other.total))
  const comparison = alignColumns(
    [
      ['', ...compared.map(({ name }) => name), 'article'],
      ['connections', ...each((of) => formatCount(of.connections)), ARTICLE.connections],
      ['parameters', ...each((of) => formatCount(of.parameters)), ARTICLE.parameters],
      ['neurons', ...each((of) => formatCount(of.neurons)), ARTICLE.neurons],
      ['GFLOP an image, forward', ...each((of) => formatGigaflops(of.forward)), '-'],
      ['GFLOP an image, forward-backward', ...each((of) => formatGigaflops(of['forward-backward'])), '-'],
    ],
    ['left', ...compared.map((): Alignment => 'right'), 'right'],
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
    'one-column variant of 2014. alexnet is what the code builds; alexnet-full has the fully connected layers too.',
  ]
}

const formatBatchShape = (shape: readonly number[]): string => `[${['B', ...shape].join(', ')}]`
const formatMegaflops = (flops: number): string => formatFixed(flops / 1e6, 1)
const formatGigaflops = (flops: number): string => formatFixed(flops / 1e9, 3)
