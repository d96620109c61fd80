import { formatFixed } from '../digits.ts'
import type { LayerCounts, NetworkSize } from '../networks/counts.ts'
import type { Network } from '../networks/network.ts'
import { formatCount } from './format.ts'
import type { Palette } from './palette.ts'
import { type Alignment, alignColumns } from './table.ts'

/** What the article says of its network. */
const ARTICLE = { connections: '630 million', parameters: '60 million', neurons: '650 thousand' }

const STATISTICS = 'Statistics are the running means and variances of batch norms, which are no parameters.'

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
  const { layers, total } = counts
  // Only networks with batch norm have that column, of zeros in others.
  const hasStatistics = total.statistics > 0
  const row = (name: string, kind: string, shape: string, of: LayerCounts): string[] => [
    name,
    kind,
    shape,
    formatCount(of.parameters),
    ...(hasStatistics ? [formatCount(of.statistics)] : []),
    ...[of.connections, of.neurons].map(formatCount),
    formatMegaflops(of.forward),
    formatMegaflops(of['forward-backward']),
  ]
  const rows = [
    [
      ...['layer', 'kind', 'output', 'parameters', ...(hasStatistics ? ['statistics'] : [])],
      ...['connections', 'neurons', 'MFLOP forward', 'forward-backward'],
    ],
    ...Object.entries(network.inputs).map(([name, shape]) => [name, 'input', formatBatchShape(shape)]),
    ...network.layers.map((layer, i) => {
      const shape = layer.isLoss ? '[]' : formatBatchShape(layer.outputShape)
      return row(layer.layer.name, layer.layer.kind, shape, layers[i]!)
    }),
    row('all', '', '', total),
  ]
  const lines = alignColumns(
    rows,
    rows[0]!.map((_, column): Alignment => (column < 3 ? 'left' : 'right')),
  )

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
    ...(hasStatistics ? [STATISTICS] : []),
    'Backward has the gradients of weights and of activations, without those of the images.',
    "The article's figures are those of the whole AlexNet of 2012, with its three fully connected layers, which",
    'hold 58.6 million of the parameters. Its code builds the five convolutions only, and with the filters of the',
    'one-column variant of 2014. alexnet is what the code builds; alexnet-full has the fully connected layers too.',
  ]
}

/** A network's row in the table of all. */
export interface SizedNetwork extends NamedCounts {
  readonly size: NetworkSize
}

/** `info --networks`: how large each is. */
export function networksLines(networks: readonly SizedNetwork[], palette: Palette): string[] {
  const rows = networks.map(({ name, total, size }) => [
    name,
    String(size.depth),
    String(size.layers),
    formatCount(total.parameters),
    total.statistics > 0 ? formatCount(total.statistics) : '-',
    formatGigaflops(total.forward),
    formatCount(size.largest.values),
    size.largest.name,
  ])
  const columns: readonly (readonly [title: string, alignment: Alignment])[] = [
    ['network', 'left'],
    ['depth', 'right'],
    ['layers', 'right'],
    ['parameters', 'right'],
    ['statistics', 'right'],
    ['GFLOP forward', 'right'],
    ['largest activation', 'right'],
    ['of', 'left'],
  ]
  const lines = alignColumns(
    [columns.map(([title]) => title), ...rows],
    columns.map(([, alignment]) => alignment),
  )
  return [
    palette.dim(lines[0]!),
    ...lines.slice(1),
    '',
    'Depth: the most convolutions and dense layers that an image goes through; layers: all that have parameters.',
    STATISTICS,
    "GFLOP and activation: of one image of the network's own size. An activation's values take 4 bytes each.",
  ]
}

const formatBatchShape = (shape: readonly number[]): string => `[${['B', ...shape].join(', ')}]`
const formatMegaflops = (flops: number): string => formatFixed(flops / 1e6, 1)
const formatGigaflops = (flops: number): string => formatFixed(flops / 1e9, 3)
