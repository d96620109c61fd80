import { arrayOfText, optional, positiveInteger, type Rules, requireOptions } from '../check-options.ts'
import { UsageError, unknownName } from '../errors.ts'
import { type Activation, activationRule, definitionOf, type Layer } from '../layers/index.ts'

/** What can be left out of a network, to see what it is worth; without `overlap`, poolings are 2 x 2 in steps of 2. */
export const REMOVABLE_PARTS = ['lrn', 'dropout', 'overlap'] as const
export type RemovablePart = (typeof REMOVABLE_PARTS)[number]

/** Variations of a network from the table. */
export interface NetworkOptions {
  /** Height and width of the images; by default the network's own. */
  readonly imageSize?: number | undefined
  /** How many classes there are; by default the classifier's own number. */
  readonly classes?: number | undefined
  /** Replaces every ReLU, or what a network has in its place (ReLU6, hard swish, SiLU, GELU), but not the gates. */
  readonly activation?: Activation | undefined
  /** Parts to leave out: 'lrn', 'dropout', or 'overlap' (poolings are then 2 x 2 in steps of 2). */
  readonly without?: readonly RemovablePart[] | undefined
}

const rules: Rules<NetworkOptions> = {
  imageSize: optional(positiveInteger),
  classes: optional(positiveInteger),
  activation: optional(activationRule),
  without: optional(arrayOfText),
}

/** The options unchanged. Throws UsageError for those that no network has, and for invalid values. */
export function checked(network: string, options: NetworkOptions): NetworkOptions {
  requireOptions(network, options, rules)
  return options
}

const hasPart = (layer: Layer, part: RemovablePart): boolean => {
  const { removable } = definitionOf(layer)
  return removable?.part === part && removable.has(layer.options)
}

/** Null if the whole layer is removed. */
function without<L extends Layer>(layer: L): L | null {
  const options = definitionOf(layer).removable!.without(layer.options)
  return options === null ? null : { ...layer, options }
}

/**
 * The layers without those parts. Throws UsageError for a part that is unknown or that the network does not have, since
 * leaving it out would change nothing.
 */
export function leaveOut<L extends Layer>(
  network: string,
  layers: readonly L[],
  parts: readonly RemovablePart[] = [],
): readonly L[] {
  return parts.reduce<readonly L[]>((left, part) => {
    if (!REMOVABLE_PARTS.includes(part))
      throw new UsageError(unknownName('part to leave out', part, REMOVABLE_PARTS))
    if (!layers.some((layer) => hasPart(layer, part))) {
      const own = REMOVABLE_PARTS.filter((other) => layers.some((layer) => hasPart(layer, other)))
      throw new UsageError(
        `${network}: it has no ${part} to leave out; it has ${own.join(' and ') || 'nothing that can be left out'}`,
      )
    }
    return left.flatMap((layer) => {
      const other = hasPart(layer, part) ? without(layer) : layer
      return other === null ? [] : [other]
    })
  }, layers)
}
