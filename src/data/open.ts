import { objectWith, optional, type Rules, requireOptions } from '../check-options.ts'
import { nearestName, UnavailableError, UsageError } from '../errors.ts'
import { shortened } from '../plain-text.ts'
import { cacheFolder } from '../runtime/cache-folder.ts'
import { isNode, nodeModule } from '../runtime/host.ts'
import { CIFAR10_TEST_FILE } from './cifar10.ts'
import { type Dataset, type DecoderOptions, decoderRules } from './dataset.ts'
import type { DataIdentity } from './identity.ts'
import { idxPaths } from './idx.ts'
import { type SyntheticOptions, syntheticDataset, syntheticRules } from './synthetic.ts'

/** How `openDataset` opens a data set. */
export interface OpenOptions extends DecoderOptions {
  /** For `synthetic`. */
  readonly synthetic?: SyntheticOptions
}

const rules: Rules<OpenOptions> = { synthetic: optional(objectWith(syntheticRules)), ...decoderRules }

interface Source {
  /** What must follow the colon; null if there is none. */
  readonly takes: string | null
  open(rest: string, options: OpenOptions): Promise<Dataset>
}

const SOURCES: Readonly<Record<string, Source>> = {
  mnist: {
    takes: null,
    open: async () => (await import('./node/mnist.ts')).openMnist(await cacheFolder()),
  },
  cifar10: {
    takes: '<folder>',
    open: async (folder) => (await import('./node/cifar10.ts')).openCifar10(folder),
  },
  idx: {
    takes: '<images>,<labels>[,<test images>,<test labels>]',
    open: async (list) => (await import('./node/idx.ts')).openIdx(`idx:${list}`, idxPaths(list)),
  },
  folder: {
    takes: '<dir>',
    open: async (folder, { decoder, maxPixels }) =>
      (await import('./node/folder.ts')).openFolder(folder, { decoder, maxPixels }),
  },
  synthetic: { takes: null, open: async (_, { synthetic }) => syntheticDataset(synthetic) },
}

/** The sources that `openDataset` takes, for messages: `mnist`, `cifar10:<folder>` and so on. */
export const dataSources: readonly string[] = Object.entries(SOURCES).map(([name, { takes }]) =>
  takes === null ? name : `${name}:${takes}`,
)

/**
 * Opens a data set by its source: `mnist`, `cifar10:<folder>`, `idx:<images>,<labels>[,...]`, `folder:<dir>`,
 * `synthetic`. Throws UsageError for a source that is unknown or can't be read, FormatError for invalid files, and
 * UnavailableError for what is not installed, with the command that installs it.
 */
export async function openDataset(source: string, options: OpenOptions = {}): Promise<Dataset> {
  requireOptions('openDataset', options, rules)
  const colon = source.indexOf(':')
  const [name, rest] = colon < 0 ? [source, ''] : [source.slice(0, colon), source.slice(colon + 1)]
  if (!Object.hasOwn(SOURCES, name)) throw new UsageError(unknownSource(source, name, rest))
  const { takes, open } = SOURCES[name]!
  if (takes === null && colon >= 0) throw new UsageError(`data source ${name} takes nothing after its name`)
  if (takes !== null && rest === '') throw new UsageError(`data source ${name} needs more: ${name}:${takes}`)
  if (!isNode && name !== 'synthetic')
    throw new UnavailableError(
      `data source ${name} reads files, which a browser can't; give bytes to idxSplit or cifar10Split`,
    )
  return open(rest, options)
}

const MAX_SHOWN_LENGTH = 80

function unknownSource(source: string, name: string, rest: string): string {
  const shown = shortened(source, MAX_SHOWN_LENGTH)
  const meant = sourceOf(source) ?? likeName(name, rest) ?? `folder:${source}`
  return `unknown data source '${shown}'; did you mean '${meant}'? (${dataSources.join(', ')})`
}

/** What kind of data a path may be, if the user gave no kind; null if there is nothing there. */
function sourceOf(path: string): string | null {
  if (!isNode) return null
  const [{ existsSync, statSync }, { join }] = [nodeModule('node:fs'), nodeModule('node:path')]
  if (!existsSync(path)) return null
  if (!statSync(path).isDirectory()) return `idx:${path},<labels>`
  return existsSync(join(path, CIFAR10_TEST_FILE)) ? `cifar10:${path}` : `folder:${path}`
}

function likeName(name: string, rest: string): string | null {
  const near = nearestName(name, Object.keys(SOURCES))
  if (near === null || SOURCES[near]!.takes === null) return near
  return `${near}:${rest}`
}

/**
 * Identifies a data set, so that it can be compared with a checkpoint's, see `dataDifference`. Reads a little of each
 * file. Throws UnavailableError in a browser.
 */
export async function identifyDataset(
  dataset: Dataset,
  onProgress?: (done: number, total: number) => void,
): Promise<DataIdentity> {
  if (!isNode) throw new UnavailableError('data sets are identified by digests, in Node alone')
  return (await import('./node/identify.ts')).identify(dataset, onProgress)
}
