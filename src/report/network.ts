import { formatFixed } from '../digits.ts'
import type { LayerCounts, NetworkSize } from '../networks/counts.ts'
import type { Network } from '../networks/network.ts'
import { inOneLine, shortened } from '../plain-text.ts'
import { formatCount } from './format.ts'
import type { Palette } from './palette.ts'
import { type Alignment, alignColumns, withinColumn } from './table.ts'

/** The figures that the article gives for its network. */
const ARTICLE = { connections: '630 million', parameters: '60 million', neurons: '650 thousand' }

/** Counts that are no parameters: a column exists only if the network has any, and then the sentence. */
const OTHERS = [
  {
    kind: 'statistics',
    sentence: 'Statistics are the running means and variances of batch norms, which are no parameters.',
  },
  {
    kind: 'constants',
    sentence: 'Constants are numbers of the model that training never changes, which are no parameters.',
  },
] as const

const othersOf = (total: LayerCounts) => OTHERS.filter(({ kind }) => total[kind] > 0)

/** A network's counts, for a column beside the article's. */
export interface NamedCounts {
  readonly name: string
  readonly total: LayerCounts
}

interface Counts {
  readonly layers: readonly LayerCounts[]
  readonly total: LayerCounts
}

/** The header, a line for each input and layer, and one for all. */
function layerTable(network: Network, counts: Counts): string[] {
  const { layers, total } = counts
  const others = othersOf(total)
  const row = (name: string, kind: string, shape: string, of: LayerCounts): string[] => [
    name,
    kind,
    shape,
    formatCount(of.parameters),
    ...others.map(({ kind }) => formatCount(of[kind])),
    ...[of.connections, of.neurons].map(formatCount),
    formatMegaflops(of.forward),
    formatMegaflops(of['forward-backward']),
  ]
  const rows = [
    [
      ...['layer', 'kind', 'output', 'parameters', ...others.map(({ kind }) => kind)],
      ...['connections', 'neurons', 'MFLOP forward', 'forward-backward'],
    ],
    ...Object.entries(network.inputs).map(([name, shape]) => [name, 'input', formatBatchShape(shape)]),
    ...network.layers.map((layer, i) => {
      const shape = layer.isLoss ? '[]' : formatBatchShape(layer.outputShape)
      return row(layer.layer.name, layer.layer.kind, shape, layers[i]!)
    }),
    row('all', '', '', total),
  ]
  return alignColumns(
    rows,
    rows[0]!.map((_, column): Alignment => (column < 3 ? 'left' : 'right')),
  )
}

/** `info <network>`: its layers, and the counts of several networks beside the article's. */
export function networkLines(
  network: Network,
  counts: Counts,
  compared: readonly NamedCounts[],
  palette: Palette,
): string[] {
  const lines = layerTable(network, counts)
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
    ...othersOf(counts.total).map(({ sentence }) => sentence),
    'Backward has the gradients of weights and of activations, without those of the images.',
    "The article's figures are those of the whole AlexNet of 2012, with its three fully connected layers, which",
    'hold 58.6 million of the parameters. Its code builds the five convolutions only, and with the filters of the',
    'one-column variant of 2014. alexnet is what the code builds; alexnet-full has the fully connected layers too.',
  ]
}

type OperatorCounts = Readonly<Record<string, number>>

interface TensorNote {
  readonly name: string
  readonly tensor: string
  readonly shape: string
  readonly type: string | null
  readonly layout: string | null
}

/** What is shown of an import's notes. */
interface FileNotes {
  readonly inputs: readonly TensorNote[]
  readonly outputs: readonly TensorNote[]
  readonly losses: readonly string[]
  readonly inTrainingMode: OperatorCounts
  readonly remarks: readonly string[]
  readonly nodes: Readonly<Record<'layers' | 'fused' | 'views' | 'folded', OperatorCounts>>
}

/** A node that can't be imported. */
interface RefusedNode {
  readonly operator: string
  readonly node: string
  readonly why: string
}

/** A file that has a network, for `info`. */
export interface DescribedFile {
  /** What it is, in one line. */
  readonly head: string
  readonly notes: FileNotes | null
}

/** `info <file>`: what the file has, what became of it, and its layers in a table of at most `columns`. */
export function fileLines(
  network: Network,
  counts: Counts,
  { head, notes }: DescribedFile,
  columns: number,
  palette: Palette,
): string[] {
  const [header, ...rows] = fileTable(network, counts, columns)
  const { total } = counts
  return [
    palette.bold(network.name),
    head,
    ...(notes ? noteLines(notes) : []),
    '',
    palette.dim(header!),
    ...rows.slice(0, -1),
    palette.bold(rows.at(-1)!),
    '',
    `per image: ${formatGigaflops(total.forward)} GFLOP forward, ${formatGigaflops(total['forward-backward'])} forward-backward; a multiply-add is 2`,
    ...othersOf(total).map(({ kind, sentence }) => `${formatCount(total[kind])} ${kind}. ${sentence}`),
    ...(notes?.remarks ?? []).map((remark) => palette.yellow(`warning: ${remark}`)),
  ]
}

/** The least that is left of a long name. */
const MIN_NAME = 12
const GAP = 2

/** Names are shortened until the numbers are in view. */
function fileTable(network: Network, { layers, total }: Counts, columns: number): string[] {
  const row = (kind: string, shape: string, of: LayerCounts): string[] => [
    ...[kind, shape, formatCount(of.parameters), formatMegaflops(of.forward)],
  ]
  const named: [name: string, cells: string[]][] = [
    ['layer', ['kind', 'output', 'parameters', 'MFLOP']],
    ...Object.entries(network.inputs).map(([name, shape]): [string, string[]] => [
      name,
      ['input', formatBatchShape(shape)],
    ]),
    ...network.layers.map((layer, i): [string, string[]] => {
      const shape = layer.isLoss ? '[]' : formatBatchShape(layer.outputShape)
      return [layer.layer.name, row(layer.layer.kind, shape, layers[i]!)]
    }),
    ['all', row('', '', total)],
  ]
  const others = [0, 1, 2, 3].map((column) =>
    Math.max(...named.map(([, cells]) => (cells[column] ?? '').length)),
  )
  const left = columns - others.reduce((sum, width) => sum + width + GAP, 0)
  return alignColumns(
    named.map(([name, cells]) => [withinColumn(name, Math.max(MIN_NAME, left)), ...cells]),
    ['left', 'left', 'left', 'right', 'right'],
  )
}

function noteLines({ inputs, outputs, losses, nodes, inTrainingMode }: FileNotes): string[] {
  const tensorText = ({ name, tensor, shape, type, layout }: TensorNote): string =>
    [
      `${shortened(name, 40)} ${shape}`,
      ...(type === null || type === 'float32' ? [] : [type]),
      ...(layout === null ? [] : [layout]),
      ...(tensor === name ? [] : [`here ${shortened(tensor, 40)}`]),
    ].join(', ')
  const rows: (readonly [title: string, lines: readonly string[]])[] = [
    ['input', inputs.map(tensorText)],
    ['output', outputs.map(tensorText)],
    ['loss', losses],
    ['layers', [countsText(nodes.layers)]],
    ['fused', [countsText(nodes.fused)]],
    ['views', [countsText(nodes.views)]],
    ['folded', [countsText(nodes.folded)]],
    ['training', trainingLines(inTrainingMode)],
  ]
  return alignColumns(
    rows.flatMap(([title, lines]) => lines.filter((line) => line !== '').map((line) => [title, line])),
    ['left', 'left'],
  )
}

/** What another runtime makes of nodes in training mode. */
const TRAINING_EFFECTS: readonly (readonly [operator: string, effect: string])[] = [
  ['BatchNormalization', 'normalizes by the batch'],
  ['Dropout', 'drops values'],
]

/** Says of nodes in training mode what other runtimes do in them; none without such nodes. */
function trainingLines(counts: OperatorCounts): string[] {
  const effects = TRAINING_EFFECTS.flatMap(([operator, effect]) => (counts[operator] ? [effect] : []))
  if (effects.length === 0) return []
  return [`${countsText(counts)}: another runtime ${effects.join(' and ')} there, convmark not in forward`]
}

/** `53 Conv, 49 Relu`; the most frequent first. */
const countsText = (counts: OperatorCounts): string =>
  Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .map(([operator, count]) => `${count} ${operator}`)
    .join(', ')

/** What `info` prints of a file that can't be imported: every node that has no layer. */
export function refusalLines(head: string, refusals: readonly RefusedNode[], palette: Palette): string[] {
  const [header, ...rows] = alignColumns(
    [
      ['operator', 'node', 'why it is not supported'],
      ...refusals.map(({ operator, node, why }) => [operator, node, why].map(inOneLine)),
    ],
    ['left', 'left', 'left'],
  )
  const nodes = refusals.length === 1 ? 'a node has' : `${refusals.length} nodes have`
  return [
    palette.bold(`${head}: it can't be imported, since ${nodes} no layer`),
    palette.dim(header!),
    ...rows,
  ]
}

/** A network's row in the table of all networks. */
export interface SizedNetwork extends NamedCounts {
  readonly size: NetworkSize
}

/** `info --networks`: the sizes of all networks. */
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
    OTHERS[0].sentence,
    "GFLOP and activation: of one image of the network's own size. An activation's values take 4 bytes each.",
  ]
}

const formatBatchShape = (shape: readonly number[]): string => `[${['B', ...shape].join(', ')}]`
const formatMegaflops = (flops: number): string => formatFixed(flops / 1e6, 1)
const formatGigaflops = (flops: number): string => formatFixed(flops / 1e9, 3)
