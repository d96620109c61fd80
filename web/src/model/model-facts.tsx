import { networkCounts } from 'convmark'
import type { OnnxNotes, OnnxTensorNote } from 'convmark/formats'
import { formatCount } from 'convmark/report'
import { useTexts } from '../texts/index.ts'
import { FactList } from '../ui/fact-list.tsx'
import type { Model } from './model.ts'

/** In a line. */
export function ModelSummary({ model }: { readonly model: Model }) {
  const { model: texts } = useTexts()
  const { network, notes, byteLength } = model
  const layers = network.layers.filter(({ isLoss }) => !isLoss).length
  return (
    <>
      {texts.summary(
        megabytes(byteLength),
        texts.producer(notes.producer, notes.opset),
        layers,
        formatCount(networkCounts(network).parameters),
      )}
    </>
  )
}

/** What the file says of itself, and what the network made of it has. */
export function ModelFacts({ model }: { readonly model: Model }) {
  const { model: texts } = useTexts()
  const { network, notes } = model
  const { facts } = texts
  const training = Object.keys(notes.inTrainingMode)
  const { parameters, statistics, forward } = networkCounts(network)
  return (
    <FactList
      facts={[
        [facts.inputs, <Tensors notes={notes.inputs} />],
        [facts.outputs, <Tensors notes={notes.outputs} />],
        [facts.layers, kindsText(model)],
        [facts.parameters, texts.parameters(formatCount(parameters), formatCount(statistics))],
        [facts.flops, formatCount(forward)],
        [facts.losses, texts.losses(notes.losses.join(', '))],
        ...(training.length > 0 ? [[facts.training, texts.training(training)] as const] : []),
        ...(notes.remarks.length > 0 ? [[facts.remarks, notes.remarks.join(' ')] as const] : []),
      ]}
    />
  )
}

const FATES = ['layers', 'fused', 'views', 'folded'] as const

/** What became of the file's nodes, by operator. */
export function NodeFates({ nodes }: Pick<OnnxNotes, 'nodes'>) {
  const { model: texts } = useTexts()
  const facts = FATES.map((fate) => [texts.fates[fate], countsText(Object.entries(nodes[fate]))] as const)
  return (
    <details class="fates">
      <summary>{texts.fates.heading}</summary>
      <FactList facts={facts.filter(([, counts]) => counts !== '')} />
    </details>
  )
}

function Tensors({ notes }: { readonly notes: readonly OnnxTensorNote[] }) {
  return (
    <ul>
      {notes.map(({ name, shape, layout }) => (
        <li key={name}>
          <code>{name}</code> {shape}
          {layout && `, ${layout}`}
        </li>
      ))}
    </ul>
  )
}

/** `99 (52 conv, 35 clip, 10 add, ...)`, the most frequent first. */
function kindsText({ network }: Model): string {
  const layers = network.layers.filter(({ isLoss }) => !isLoss)
  const counts = new Map<string, number>()
  for (const { layer } of layers) counts.set(layer.kind, (counts.get(layer.kind) ?? 0) + 1)
  return `${layers.length} (${countsText([...counts])})`
}

/** `52 conv, 35 clip`, the most frequent first. */
const countsText = (counts: readonly (readonly [what: string, count: number])[]): string =>
  counts
    .toSorted((a, b) => b[1] - a[1])
    .map(([what, count]) => `${count} ${what}`)
    .join(', ')

const megabytes = (bytes: number): string => (bytes / 1e6).toPrecision(3)
