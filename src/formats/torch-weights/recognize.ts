// Whose weights a file's tensors are: by their names alone, and then by their shapes.
import { labelClasses, type Network, networkNamed } from '../../networks/index.ts'
import { NETWORK_NAMES } from '../../networks/names.ts'
import { isPositiveInteger, type Shape, sameShape } from '../../tensor.ts'
import type { StoredTensor } from '../safetensors.ts'
import { type Counterpart, counterparts } from './counterparts.ts'
import { torchNamesOf, torchNaming, type WeightNames } from './names.ts'

export type Tensors = ReadonlyMap<string, StoredTensor>

/** A named network whose weights a file has. */
export interface RecognizedWeights {
  /** Its name in convmark. */
  readonly network: string
  /** As many as its last layer has outputs, whatever the network was published with; null for one without classes. */
  readonly classes: number | null
  /** Whose names the tensors have; torchvision's, where timm has the same. */
  readonly names: WeightNames
}

/** How a file's tensors compare with those that a network has in some library's names. */
export interface Comparison {
  readonly names: WeightNames
  readonly counterparts: readonly Counterpart[]
  /** By the names that the network's weights have there, without what the file has before all names. */
  readonly tensors: Tensors
  /** Names of tensors that the file lacks, and of those that it has beside. */
  readonly missing: readonly string[]
  readonly leftOver: readonly string[]
  readonly reshaped: readonly { readonly name: string; readonly found: Shape; readonly expected: Shape }[]
}

/**
 * The named network whose weights these are, in convmark's names, torchvision's or timm's; null if they are no named network's. A
 * network with another number of classes is recognized too, with its images of the published size. As in `weightsOf`, there may be a
 * prefix before all names, and some tensors beside the weights. Types and values are not looked at.
 */
export function recognizeWeights(tensors: Tensors): RecognizedWeights | null {
  for (const network of NETWORK_NAMES) {
    const found = recognizedAs(network, tensors)
    if (found === null) continue
    const { names, classes } = found
    const whole = networkNamed(network, { ...(classes !== null && { classes }) })
    if (compared(tensors, whole, names)!.reshaped.length === 0) return found
  }
  return null
}

/**
 * As `recognizeWeights`, but whether they are this named network's, by their names alone: the shapes may be those for images of another
 * size.
 */
export function recognizedAs(network: string, tensors: Tensors): RecognizedWeights | null {
  const published = networkNamed(network)
  for (const names of namesOf(network)) {
    const classes = classesIn(tensors, published, names)
    if (classes !== undefined) return { network, classes, names }
  }
  return null
}

/** How the tensors compare with the weights of the named network that they are nearest to; null if not even half of them is there. */
export function nearestNetwork(tensors: Tensors): (Comparison & { readonly network: string }) | null {
  const near = NETWORK_NAMES.flatMap((network) => {
    const published = networkNamed(network)
    return namesOf(network).map((names) => ({ network, ...compared(tensors, published, names)! }))
  })
  const found = near.filter(({ counterparts, missing }) => 2 * missing.length < counterparts.length)
  return found.toSorted((a, b) => faultsOf(a) - faultsOf(b))[0] ?? null
}

/** Tensors that are missing, left over or of another shape. */
export const faultsOf = ({ missing, leftOver, reshaped }: Comparison): number =>
  missing.length + leftOver.length + reshaped.length

/** Whose names the weights of a network of this name may have. */
export const namesOf = (network: string): readonly WeightNames[] => ['convmark', ...torchNamesOf(network)]

/** Undefined if the names are others. */
function classesIn(tensors: Tensors, network: Network, names: WeightNames): number | null | undefined {
  const { missing, leftOver, ...found } = compared(tensors, network, names)!
  if (missing.length + leftOver.length > 0) return undefined
  if (Object.keys(labelClasses(network)).length === 0) return null
  // The last layer's biases are the last parameter
  const [classes] = found.tensors.get(found.counterparts.at(-1)!.stored)!.shape
  return isPositiveInteger(classes) ? classes : undefined
}

/** Null if the network has no such names. */
export function compared(tensors: Tensors, network: Network, names: WeightNames): Comparison | null {
  const expected = counterparts(network, names)
  if (expected === null) return null
  const naming = names === 'convmark' ? null : torchNaming(network.name, names)
  const plain = naming === null ? tensors : withoutPrefix(tensors, naming.renameOld)
  const isUnused = (name: string): boolean =>
    naming !== null && (COUNTERS.test(name) || (naming.unused?.test(name) ?? false))
  const stored = new Set(expected.map(({ stored }) => stored))
  const missing = expected.filter(({ stored }) => !plain.has(stored)).map(({ stored }) => stored)
  const leftOver = [...plain.keys()].filter((name) => !stored.has(name) && !isUnused(name))
  const reshaped = expected.flatMap(({ stored: name, shapes }) => {
    const found = plain.get(name)?.shape
    const isOther = found && !shapes.some((shape) => sameShape(shape, found))
    return isOther ? [{ name, found, expected: shapes[0]! }] : []
  })
  return { names, counterparts: expected, tensors: plain, missing, leftOver, reshaped }
}

/** How many batches batch norm's statistics are of: PyTorch keeps it, and uses it only if momentum is None. */
const COUNTERS = /\.num_batches_tracked$/

/** What DataParallel, Lightning and others put before all names. */
const PREFIX = /^(?:module|model|backbone|net|network|state_dict)\./
/** What torch.compile puts before the names of the module that it compiled, which may be a part of the network. */
const COMPILED = /(?<=^|\.)_orig_mod\./g

/** The tensors by their names in the library itself. */
function withoutPrefix(tensors: Tensors, renameOld: (name: string) => string = (name) => name): Tensors {
  const names = [...tensors.keys()].map((name) => name.replace(COMPILED, ''))
  let length = 0
  for (;;) {
    const [prefix] = PREFIX.exec(names[0]?.slice(length) ?? '') ?? []
    if (prefix === undefined || !names.every((name) => name.startsWith(prefix, length))) break
    length += prefix.length
  }
  return new Map([...tensors.values()].map((tensor, i) => [renameOld(names[i]!.slice(length)), tensor]))
}
