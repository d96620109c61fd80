import { nodeModule } from '../../runtime/host.ts'
import { CIFAR10_CLASSES, CIFAR10_TEST_FILE, CIFAR10_TRAIN_FILES, cifar10Split } from '../cifar10.ts'
import type { Dataset, Split } from '../dataset.ts'
import { readUnpacked } from './files.ts'

const { existsSync } = nodeModule('node:fs')
const { join } = nodeModule('node:path')

/** The folder that the published archive unpacks to. */
const ARCHIVE_FOLDER = 'cifar-10-batches-bin'

/** Opens the published binary files, in `folder` or in the archive's own folder within it. */
export async function openCifar10(folder: string): Promise<Dataset> {
  const unpacked = join(folder, ARCHIVE_FOLDER)
  const data = existsSync(unpacked) ? unpacked : folder
  const splitOf = async (names: readonly string[]): Promise<Split> =>
    cifar10Split(await Promise.all(names.map((name) => readUnpacked(join(data, name)))))
  return {
    name: `cifar10:${folder}`,
    classNames: CIFAR10_CLASSES,
    train: await splitOf(CIFAR10_TRAIN_FILES),
    validation: null,
    test: await splitOf([CIFAR10_TEST_FILE]),
    whole: null,
  }
}
