import { nodeModule } from '../../runtime/host.ts'
import { type Dataset, type Split, triedSplit } from '../dataset.ts'
import type { DataIdentity, SplitIdentity } from '../identity.ts'

const { createHash } = nodeModule('node:crypto')

/** How many files are read at the same time. */
const AT_ONCE = 64
const DIGEST_CHARACTERS = 16

type OnProgress = (done: number, total: number) => void

export async function identify(dataset: Dataset, onProgress: OnProgress = () => {}): Promise<DataIdentity> {
  const { name, classNames, train } = dataset
  const tried = triedSplit(dataset)
  const total = train.count + (tried?.count ?? 0)
  return {
    source: name,
    train: await identifySplit(train, classNames.length, (done) => onProgress(done, total)),
    tried:
      tried &&
      (await identifySplit(tried, classNames.length, (done) => onProgress(train.count + done, total))),
  }
}

export async function identifySplit(
  split: Split,
  classes: number,
  onProgress: OnProgress = () => {},
): Promise<SplitIdentity> {
  const counts = new Array<number>(classes).fill(0)
  const digests = counts.map(() => createHash('sha256'))
  const order = createHash('sha256')
  for (let first = 0; first < split.count; first += AT_ONCE) {
    const indexes = Array.from({ length: Math.min(AT_ONCE, split.count - first) }, (_, i) => first + i)
    const stamps = await Promise.all(indexes.map((index) => stampOf(split, index)))
    for (const [i, stamp] of stamps.entries()) {
      const label = split.label(first + i)
      counts[label]!++
      digests[label]!.update(stamp)
      order.update(`${label},`)
    }
    onProgress(first + stamps.length, split.count)
  }
  const textOf = (hash: ReturnType<typeof createHash>): string =>
    hash.digest('hex').slice(0, DIGEST_CHARACTERS)
  return { counts, digests: digests.map(textOf), order: textOf(order) }
}

async function stampOf(split: Split, index: number): Promise<Uint8Array | string> {
  return split.stamp ? split.stamp(index) : (await split.image(index)).pixels
}
