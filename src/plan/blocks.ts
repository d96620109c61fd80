// Where activations are made again in backward: the layers in blocks, between which one tensor alone is needed.
import type { ResolvedLayer } from '../networks/network.ts'
import { elementCount } from '../tensor.ts'

/** Consecutive layers. Of what they make, later layers read `output` alone; the last block has none. */
export interface Block {
  readonly layers: readonly ResolvedLayer[]
  readonly output: string | null
}

/** Block sizes that are compared. */
const COMPARED_SIZES = 32

/**
 * Cuts the layers so that little memory is needed if each block's activations are made again just before its gradients: many
 * small blocks keep many tensors between them, and few large ones much within one.
 */
export function blocksOf(layers: readonly ResolvedLayer[]): readonly Block[] {
  const smallest = smallestBlocks(layers)
  const all = lengthOf(smallest)
  let best: readonly Block[] = [{ layers, output: null }]
  for (let i = 0; i < COMPARED_SIZES; i++) {
    const joined = joinedUpTo(all / 2 ** (i / 4), smallest)
    if (largestLive(joined) < largestLive(best)) best = joined
  }
  return best
}

/** A block ends wherever a single tensor is needed of all that was made before. */
function smallestBlocks(layers: readonly ResolvedLayer[]): readonly Block[] {
  const lastReader = new Map<string, number>()
  for (const [index, { inputs }] of layers.entries()) for (const input of inputs) lastReader.set(input, index)
  const blocks: Block[] = []
  const live = new Set<string>()
  let first = 0
  for (const [index, { layer }] of layers.entries()) {
    live.add(layer.name)
    for (const tensor of live) if ((lastReader.get(tensor) ?? -1) <= index) live.delete(tensor)
    if (live.size !== 1) continue
    blocks.push({ layers: layers.slice(first, index + 1), output: [...live][0]! })
    first = index + 1
  }
  return first < layers.length ? [...blocks, { layers: layers.slice(first), output: null }] : blocks
}

/** Joins neighbors while their activations have no more values than this. */
function joinedUpTo(most: number, blocks: readonly Block[]): readonly Block[] {
  const joined: Block[] = []
  let length = 0
  for (const block of blocks) {
    const last = joined.at(-1)
    const own = lengthOf([block])
    if (last && length + own <= most) {
      joined[joined.length - 1] = { layers: [...last.layers, ...block.layers], output: block.output }
      length += own
    } else {
      joined.push(block)
      length = own
    }
  }
  return joined
}

const outputLength = ({ isLoss, outputShape }: ResolvedLayer): number =>
  isLoss ? 0 : elementCount(outputShape)

const lengthOf = (blocks: readonly Block[]): number =>
  blocks.reduce((sum, { layers }) => layers.reduce((all, layer) => all + outputLength(layer), sum), 0)

/**
 * About the most values of an image that live at the same time: while a block goes backward, its own, the tensors between
 * the blocks before it, and two gradients.
 */
function largestLive(blocks: readonly Block[]): number {
  let between = 0
  let most = 0
  for (const block of blocks) {
    const gradients = 2 * Math.max(...block.layers.map(outputLength))
    most = Math.max(most, between + lengthOf([block]) + gradients)
    between += block.layers
      .filter(({ layer }) => layer.name === block.output)
      .reduce((sum, layer) => sum + outputLength(layer), 0)
  }
  return most
}
