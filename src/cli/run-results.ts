// The results of `run`: which tensors they are, their values, and what must be said of these.
import type { MemoryBeside } from '../engines/engine.ts'
import { ConvmarkError } from '../errors.ts'
import type { Tensor } from '../formats/safetensors.ts'
import type { Plan } from '../plan/plan.ts'
import { readsOf } from '../plan/steps.ts'
import type { Session } from '../session.ts'
import { elementCount, firstNotFinite } from '../tensor.ts'
import { type FileLayout, fileShape, fileTensor, toFile } from './file-layout.ts'
import type { NetworkSource } from './network-source.ts'

export type Written = Tensor & { readonly data: Float32Array }

/**
 * The printed activations, or those at which an ONNX file ends, and the outputs; with gradients also the loss and the
 * gradients.
 */
export async function resultsOf(
  session: Session,
  { network, notes }: NetworkSource,
  layout: FileLayout | undefined,
): Promise<Record<string, Written>> {
  const { plan } = session
  const noted = (notes?.outputs ?? []).map((note) => fileTensor(network, note.tensor, note, layout))
  const isNoted = new Set(noted.map(({ tensor }) => tensor))
  const others = [...new Set([...(notes ? [] : network.printed), ...plan.outputs])].filter(
    (name) => !isNoted.has(name),
  )
  const layers = new Set(network.layers.filter(({ isLoss }) => !isLoss).map(({ layer }) => layer.name))
  const isActivation = (name: string) => layers.has(name)
  const placed = others.filter(isActivation).map((name) => fileTensor(network, name, null, layout))
  const tensors: Record<string, Written> = {}
  for (const each of [...noted, ...placed]) {
    const data = toFile(each, await read(session, each.tensor))
    tensors[each.name] = { shape: fileShape(each, plan.batch), data }
  }
  for (const name of others.filter((name) => !isActivation(name)))
    tensors[name] = { shape: plan.tensors[name]!.shape, data: await read(session, name) }
  return tensors
}

/** Rejects with ConvmarkError if it is not finite. */
async function read(session: Session, name: string): Promise<Float32Array> {
  const data = await session.fetch(name)
  const bad = firstNotFinite(data)
  if (bad < 0) return data
  throw new ConvmarkError(
    `${name}: value ${bad} of ${data.length} is ${data[bad]}; these weights and images leave float32's range`,
  )
}

export interface LookedAt {
  readonly engine: string
  /** Images and activations that some step reads by Winograd's algorithm. */
  readonly byWinograd: ReadonlySet<string>
}

export function lookedAt({ engine, prepared, plan }: Session): LookedAt {
  const steps = prepared.steps.filter(({ algorithm }) => algorithm === 'winograd')
  const read = steps.flatMap(({ step }) => readsOf(step).map(({ tensor }) => tensor))
  const isImage = (name: string) => ['input', 'activation'].includes(plan.tensors[name]?.role ?? '')
  return { engine: engine.name, byWinograd: new Set(read.filter(isImage)) }
}

/** Warnings about the values that were read and computed. */
export async function warningsOf(
  { engine, byWinograd }: LookedAt,
  tensors: Readonly<Record<string, Float32Array>>,
): Promise<string[]> {
  const { denormalWarning, rangeWarning } = await import('../bench/value-warnings.ts')
  return Object.entries(tensors)
    .flatMap(([name, values]) => [
      denormalWarning(name, values, engine),
      byWinograd.has(name) ? rangeWarning(name, values) : null,
    ])
    .filter((warning) => warning !== null)
}

/** The results, and the bytes of their file; the input was read before. */
export const resultsBeside = ({ tensors }: Plan): MemoryBeside => {
  const read = Object.values(tensors).filter(
    ({ role, isKept }) => isKept && (role === 'activation' || role === 'gradient'),
  )
  const values = read.reduce((sum, { shape }) => sum + elementCount(shape), 0)
  return { bytes: 2 * values * Float32Array.BYTES_PER_ELEMENT }
}
