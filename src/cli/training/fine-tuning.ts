// What of a network is made new for the data's classes, and what stays as it is.
import type { Dataset } from '../../data/index.ts'
import { UsageError } from '../../errors.ts'
import { frozenLayers } from '../../networks/freeze.ts'
import { type HeadAndBody, headAndBody, replaceHead } from '../../train/head.ts'
import type { AskedNetwork } from './classifier.ts'
import type { TrainOptions } from './options.ts'

/** The word of `--freeze` for all layers but the head's. */
export const ALL_BUT_HEAD = 'all-but-head'

/** A network's head, and whether its parameters are made anew. */
export interface Head extends HeadAndBody {
  readonly isNew: boolean
}

type HeadOptions = Pick<TrainOptions, 'head' | 'headRate' | 'freeze' | 'seed'>

const freezesBody = ({ freeze = [] }: HeadOptions): boolean => freeze.includes(ALL_BUT_HEAD)

/** Whether an option speaks of the head. */
export const asksForHead = (options: HeadOptions): boolean =>
  options.head !== undefined || options.headRate !== undefined || freezesBody(options)

/** Throws UsageError for what can be seen to be wrong before the data are read. */
export function requireFineTuning({ network, source }: AskedNetwork, options: HeadOptions): void {
  const { head, freeze = [] } = options
  if (!asksForHead(options)) return void frozenLayers(network, freeze)
  if (source.parameters === null && (head !== undefined || freezesBody(options)))
    throw new UsageError(
      `${network.name}: it has learned nothing yet, so nothing of it is worth keeping; leave ${head === undefined ? `--freeze ${ALL_BUT_HEAD}` : '--head'} out`,
    )
  headAndBody(network, head)
  if (!freezesBody(options)) return void frozenLayers(network, freeze)
  if (freeze.length > 1)
    throw new UsageError(`--freeze ${ALL_BUT_HEAD} stands alone; it names all other layers`)
}

/**
 * The network with its head for the data's classes: a new one, unless it is known to have learned these very classes and `--head` names
 * none. A network without parameters is made for the classes by its factory instead.
 */
export function withHead(
  asked: AskedNetwork,
  { classNames }: Pick<Dataset, 'classNames'>,
  options: HeadOptions,
): AskedNetwork & { readonly head: Head } {
  const { network, parameters, source } = asked
  const { head, seed } = options
  const knows = source.model?.classNames
  const knowsAll = knows?.length === classNames.length && differentClass(knows, classNames) < 0
  if (parameters === null || (knowsAll && head === undefined))
    return { ...asked, head: { ...headAndBody(network, head), isNew: false } }
  const {
    network: other,
    parameters: others,
    ...layers
  } = replaceHead(network, {
    classes: classNames.length,
    head,
    parameters,
    seed,
  })
  return { ...asked, network: other, parameters: others, head: { ...layers, isNew: true } }
}

/** The first index at which the classes have other names; -1 if there is none. */
export const differentClass = (names: readonly string[], others: readonly string[]): number =>
  names.findIndex((name, i) => name !== others[i])

/** The layers that are frozen, and the rates of single layers, as `train` takes them. */
export function layerSettings(
  { freeze, headRate }: Pick<TrainOptions, 'freeze' | 'headRate'>,
  head: HeadAndBody | null,
): { readonly freeze?: readonly string[]; readonly rates?: Readonly<Record<string, number>> } {
  const frozen = head && freeze?.includes(ALL_BUT_HEAD) ? head.body : freeze
  return {
    ...(frozen && { freeze: frozen }),
    ...(head &&
      headRate !== undefined && { rates: Object.fromEntries(head.head.map((name) => [name, headRate])) }),
  }
}
