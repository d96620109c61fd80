// Layers that were made of several nodes and are one in a network: activations, and constants that follow a normalization.
import { type Activation, definitionOf, isActivation } from '../../../layers/index.ts'
import type { BuiltLayer } from './builder.ts'

/**
 * What two layers are together, the second of which alone reads the first; null if they stay two. It has the second
 * one's name.
 */
type Merger = (before: BuiltLayer, after: BuiltLayer) => BuiltLayer | null

const named = (before: BuiltLayer, after: BuiltLayer, options: object, parameters = before.parameters) =>
  ({ layer: { ...before.layer, name: after.layer.name, options }, parameters }) as BuiltLayer

const hasActivation = ({ layer }: BuiltLayer): boolean =>
  'activation' in layer.options && layer.options.activation !== undefined

/** A layer of sums computes the activation too. */
const activated: Merger = (before, after) => {
  const { kind, options } = after.layer
  const takesActivation = Object.hasOwn(definitionOf(before.layer).rules, 'activation')
  if (!isActivation(kind) || !takesActivation || hasActivation(before)) return null
  return named(before, after, { ...before.layer.options, activation: { kind, ...options } as Activation })
}

const isAll = (values: Float32Array | undefined, value: number): boolean =>
  values === undefined || values.every((each) => each === value)

/** Constants of a model, which training leaves as they are, stay apart from what it changes. */
const isTrained = ({ layer }: BuiltLayer): boolean =>
  (layer.options as { readonly trained?: boolean }).trained !== false

/** What has a scale of its own: a channel by default. */
const perOf = ({ layer }: BuiltLayer): string => (layer.options as { readonly per?: string }).per ?? 'channel'

/** A multiplication and an addition are one layer, and so is either with a normalization that has only ones and zeros. */
const scaled: Merger = (before, after) => {
  const [first, second] = [before.parameters, after.parameters]
  const hasScale = first.scale !== undefined && !hasActivation(before)
  if (after.layer.kind !== 'scale' || !hasScale || isTrained(before) !== isTrained(after)) return null
  if (perOf(before) !== perOf(after)) return null
  const isPlain = isAll(first.scale, 1) && isAll(first.shift, 0)
  const isSum = isAll(first.shift, 0) && isAll(second.scale, 1)
  if (!isPlain && !isSum) return null
  const shift = second.shift ?? first.shift
  const { shift: _, ...options } = before.layer.options as { readonly shift?: boolean }
  const scale = isPlain ? second.scale! : first.scale!
  const isWithout = shift === undefined ? { shift: false } : {}
  return named(before, after, { ...options, ...isWithout }, { ...first, scale, ...(shift && { shift }) })
}

const mergers: readonly Merger[] = [scaled, activated]

interface Merged {
  readonly layers: readonly BuiltLayer[]
  /** The tensors that are gone, each with the layer that stands for it. */
  readonly gone: ReadonlyMap<string, string>
  /** The layers that others took in, by the names that they had: the other layer has the name now. */
  readonly takenIn: ReadonlySet<string>
}

/** Merges layers whose sums nothing else reads and that are none of `outputs`. */
export function merged(layers: readonly BuiltLayer[], outputs: ReadonlySet<string>): Merged {
  const readers = new Map<string, number>()
  for (const { layer } of layers)
    for (const input of layer.inputs) readers.set(input, (readers.get(input) ?? 0) + 1)
  const kept = new Map<string, BuiltLayer>()
  const gone = new Map<string, string>()
  const takenIn = new Set<string>()
  for (const built of layers) {
    const { name, inputs } = built.layer
    const input = inputs[0]!
    const before = kept.get(input)
    const isAlone = inputs.length === 1 && readers.get(input) === 1 && !outputs.has(input)
    const one = before && isAlone ? mergers.map((merge) => merge(before, built)).find((made) => made) : null
    if (one) {
      kept.delete(input)
      takenIn.add(name)
      gone.set(input, name)
      for (const [old, now] of gone) if (now === input) gone.set(old, name)
    }
    kept.set(name, one ?? built)
  }
  return { layers: [...kept.values()], gone, takenIn }
}
